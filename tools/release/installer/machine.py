"""Which of the engines this machine can use."""

import os
import platform
import re
import shutil
import subprocess
from glob import glob
from pathlib import Path
from typing import Any

from tools.release.installer.served import TIMEOUT_S, InstallError, Release


def choose_engine(release: Release, wish: str | None) -> str:
    """The fastest engine of the release that this machine can use. Raises InstallError if it can use none."""
    if wish is not None and wish not in release.engines:
        raise InstallError(f"there is no engine {wish}: the coordinator has {', '.join(release.engines)}")
    for name in [wish] if wish else [name for name in ("cuda", "vulkan", "cpu") if name in release.engines]:
        if wish or _has_gpu(name):
            _suits(release.engines[name])
            return name
    raise InstallError("the coordinator has no engine for this machine")


def _has_gpu(engine: str) -> bool:
    """Whether there is what this engine computes on, and its driver."""
    if engine == "cuda":
        smi = shutil.which("nvidia-smi", path=f"{os.environ.get('PATH', '')}:/usr/lib/wsl/lib")
        return smi is not None and subprocess.run([smi, "-L"], capture_output=True, timeout=TIMEOUT_S).returncode == 0
    if engine == "vulkan":
        return bool(glob("/dev/dri/renderD*")) and bool(glob("/usr/lib*/**/libvulkan.so.1", recursive=True))
    return True


def _suits(engine: dict[str, Any]) -> None:
    build = "build one on this machine: scripts/setup of the source does"
    if platform.machine() != engine["machine"]:
        raise InstallError(f"the engine is for {engine['machine']}, and this is {platform.machine()}: {build}")
    library, version = platform.libc_ver()
    needed = tuple(map(int, engine["glibc"].split(".")))
    if library != "glibc" or tuple(map(int, version.split(".")[:2])) < needed:
        here = f"{library} {version}".strip() or "another C library"
        raise InstallError(f"the engine needs glibc {engine['glibc']}, and here is {here}: {build}")
    flags = re.search(r"(?m)^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text())
    lacking = set(engine["cpu"]) - set(flags[1].split() if flags else engine["cpu"])
    if lacking:
        raise InstallError(f"this processor lacks {', '.join(sorted(lacking))}, which the engine uses: {build}")
