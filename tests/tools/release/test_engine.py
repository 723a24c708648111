"""A wheel of llama.cpp for other machines: what would not run there is refused, what would is named for it."""

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from tools.release import engine
from tools.release.engine import NotPortable

pytestmark = pytest.mark.skipif(not shutil.which("cc") or not shutil.which("objdump"), reason="no compiler here")
INFO = "llama_cpp_python-0.3.36.dist-info"
WHEEL = "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-linux_x86_64\n"


def wheel(folder: Path, code: str, *options: str) -> Path:
    source, library = folder / "code.c", folder / "libggml.so"
    source.write_text(code)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, *options], check=True, timeout=60)
    made = folder / "llama_cpp_python-0.3.36-py3-none-linux_x86_64.whl"
    with zipfile.ZipFile(made, "w") as archive:
        archive.write(library, "llama_cpp/lib/libggml.so")
        archive.writestr(f"{INFO}/WHEEL", WHEEL)
        archive.writestr(f"{INFO}/RECORD", f"llama_cpp/lib/libggml.so,,\n{INFO}/WHEEL,sha256=x,1\n{INFO}/RECORD,,\n")
    return made


def test_a_wheel_is_named_for_the_oldest_c_library_that_loads_it(tmp_path: Path) -> None:
    made = wheel(tmp_path, "#include <stdlib.h>\nint grow(void) { return malloc(1) != 0; }")
    found = engine.add(made, "cpu", tmp_path / "release")
    file = tmp_path / "release" / found.file
    assert found.file.startswith("engines/cpu/llama_cpp_python-0.3.36-py3-none-manylinux_2_")
    assert f"manylinux_{found.glibc.replace('.', '_')}_{found.machine}.whl" in found.file
    with zipfile.ZipFile(file) as archive:
        tag = f"Tag: {'-'.join(file.stem.split('-')[2:])}"
        assert tag in archive.read(f"{INFO}/WHEEL").decode() and archive.testzip() is None
        (line,) = [one for one in archive.read(f"{INFO}/RECORD").decode().splitlines() if "/WHEEL," in one]
        assert line == f"{INFO}/WHEEL,{engine._record(archive.read(f'{INFO}/WHEEL'))}"


def test_instructions_that_not_every_processor_has_are_refused(tmp_path: Path) -> None:
    code = "#include <immintrin.h>\nvoid f(float *x) { _mm512_storeu_ps(x, _mm512_set1_ps(x[0])); }"
    try:
        made = wheel(tmp_path, code, "-mavx512f")
    except subprocess.CalledProcessError:
        pytest.skip("another kind of processor")
    with pytest.raises(NotPortable, match="instructions that other processors lack"):
        engine.add(made, "cpu", tmp_path / "release")


def test_a_library_that_a_bare_machine_lacks_is_refused(tmp_path: Path) -> None:
    made = wheel(tmp_path, "int omp_get_num_threads(void); int f(void) { return omp_get_num_threads(); }", "-fopenmp")
    with pytest.raises(NotPortable, match=r"needs libgomp\.so\.1"):
        engine.add(made, "cpu", tmp_path / "release")
