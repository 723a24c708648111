"""A wheel of llama.cpp that runs on other machines too: what it asks of them is read off its libraries and said in its
name, so that pip leaves it alone where it cannot run."""

import base64
import hashlib
import platform
import re
import subprocess
import tempfile
import zipfile
from pathlib import Path

from tools.release.manifest import Engine

# What ggml's build for any x86-64 processor takes for granted (GGML_NATIVE=off): all since Haswell and Zen.
CPU = {"x86_64": ("sse4_2", "avx", "avx2", "bmi2", "f16c", "fma")}
BEYOND = re.compile(rb"%(zmm|tmm)\d|\{%k\d\}")  # registers of AVX-512 and AMX
EVERYWHERE = re.compile(r"(lib(c|m|dl|rt|pthread|stdc\+\+|gcc_s)|ld-linux[^.]*)\.so\.\d+")
OF_A_DRIVER = re.compile(r"lib(vulkan|cuda|cudart|cublas|cublasLt)\.so\.\d+")


class NotPortable(Exception):
    """The wheel would not run on another machine; the text says why."""


def add(wheel: Path, name: str, folder: Path) -> Engine:
    """Put the wheel under `engines/NAME` of the release, named for the C library that it needs. Raises NotPortable."""
    with tempfile.TemporaryDirectory() as unpacked:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(unpacked)
        libraries = sorted(Path(unpacked).rglob("*.so"))
        ours = {library.name for library in libraries}
        for library in libraries:
            _look_at(library, ours)
        glibc = max((_glibc(library) for library in libraries), default=(2, 17))
    machine = platform.machine()
    made = _named(wheel, f"manylinux_{glibc[0]}_{glibc[1]}_{machine}", folder / "engines" / name)
    return Engine(made.relative_to(folder).as_posix(), machine, f"{glibc[0]}.{glibc[1]}", CPU.get(machine, ()))


def _look_at(library: Path, ours: set[str]) -> None:
    for needed in re.findall(r"NEEDED\s+(\S+)", _objdump("-p", library).decode()):
        if needed not in ours and not EVERYWHERE.fullmatch(needed) and not OF_A_DRIVER.fullmatch(needed):
            raise NotPortable(f"{library.name} needs {needed}, which another machine may lack")
    if BEYOND.search(_objdump("-d", library)):
        raise NotPortable(f"{library.name} has instructions that other processors lack: build it with GGML_NATIVE=off")


def _glibc(library: Path) -> tuple[int, int]:
    """The oldest C library that has every symbol which this one takes from it."""
    versions = re.findall(rb"GLIBC_(\d+)\.(\d+)", _objdump("-T", library))
    return max(((int(major), int(minor)) for major, minor in versions), default=(2, 17))


def _objdump(option: str, library: Path) -> bytes:
    return subprocess.run(["objdump", option, library], check=True, capture_output=True, timeout=600).stdout


def _named(wheel: Path, tag: str, folder: Path) -> Path:
    """The same wheel for another platform: in its name, and in the file in it that says so again."""
    name, version, python, abi, _ = wheel.stem.split("-")
    folder.mkdir(parents=True)
    made = folder / f"{name}-{version}-{python}-{abi}-{tag}.whl"
    inside = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        said = re.sub(rb"(?m)^Tag: .*$", f"Tag: {python}-{abi}-{tag}".encode(), old.read(f"{inside}/WHEEL"))
        for item in old.infolist():
            data = old.read(item)
            if item.filename == f"{inside}/WHEEL":
                data = said
            if item.filename == f"{inside}/RECORD":
                data = re.sub(rb"(?m)^\S+/WHEEL,.*$", f"{inside}/WHEEL,{_record(said)}".encode(), data)
            new.writestr(item, data)
    return made


def _record(data: bytes) -> str:
    """As RECORD has it: the hash in base64 without its end, and the size."""
    return f"sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}"
