"""coordinator/prompt_count/environment.py: no secret of ours goes to a child that has no use for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from coordinator.prompt_count.environment import environment


def test_settings_stay_here_and_the_hub_s_only_go_where_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPERNET_COORDINATOR_DB", "postgresql://secret")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert "SUPERNET_COORDINATOR_DB" not in environment()
    assert environment()["HF_TOKEN"] == "hf_secret"
    assert "HF_TOKEN" not in environment(hub=False)


def test_our_packages_are_found_from_any_folder(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import coordinator.prompt_count.texts, sys; print(sys.version_info[0])"]
    found = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, timeout=60, check=True)
    assert found.stdout.strip() == b"3"
    assert os.environ.get("PYTHONPATH", "") in environment()["PYTHONPATH"]
