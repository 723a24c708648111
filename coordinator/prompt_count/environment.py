"""The environment variables of the coordinator's children."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # where `python -m coordinator...` finds this very code


def environment(hub: bool = True) -> dict[str, str]:
    """All of ours but the coordinator's own settings and its keys of S3, and a path that leads to our packages. `hub`:
    HF_TOKEN and its kin too."""
    secret = ("SUPERNET_", "AWS_") if hub else ("SUPERNET_", "AWS_", "HF_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(secret)}
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}
