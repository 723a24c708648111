"""Where a child of ours runs, and which environment variables it gets.

Only Python's own library is imported here, as in `exit_status`: a fresh build of llama.cpp is proved in an environment
that has little else (scripts/llama.sh).
"""

import os
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # where `python -m worker...` finds this very code


def environment(ours: Mapping[str, str]) -> dict[str, str]:
    """What a child gets of our environment: no secret, and what must be set before its libraries are loaded.

    OpenMP threads that spin for the next step were measured to slow a busy two-core machine from 53 to 1.3-9 tokens a
    second; passive ones gave 27-56. CUDA numbers cards by speed unless told otherwise, NVML, which the plan is made
    from, by bus. For the backtrace of an abort ggml forks a process of many gigabytes and runs a debugger in it, with
    the pipes still open; what failed has been said by then, and faulthandler adds the Python stack. The path has
    our packages for where Python is told to put no folder on it by itself (PYTHONSAFEPATH).
    """
    kept = {name: value for name, value in ours.items() if not name.startswith(("SUPERNET_", "HF_"))}
    path = os.pathsep.join(filter(None, [str(ROOT), ours.get("PYTHONPATH")]))
    fixed = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "PYTHONPATH": path}
    return {"OMP_WAIT_POLICY": "passive", "GGML_NO_BACKTRACE": "1", **kept, **fixed}
