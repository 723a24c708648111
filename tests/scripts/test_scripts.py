"""The scripts, run for real as far as a machine without network, root rights and compile time allows.

setup runs against stand-ins for Python and uv that note what they are asked for; install_service works below a folder;
the demo is the real thing: two processes and a real model.
"""

import json
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
import tomllib
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
PATIENCE_S = 400  # a bound on waiting, not an assertion about speed
COMMANDS = "setup test test_vulkan check demo bench gpu_check compat openapi hostile simulate docs conformance pins"
SCRIPTS = [*COMMANDS.split(), "release", "engine", "try_release", "try_install", "install_service"]
SHELL = [ROOT / "scripts" / name for name in SCRIPTS]
SHELL += [ROOT / ".ci" / "run", ROOT / "tools" / "release" / "installer" / "install.sh"]

PYTHON = """#!/usr/bin/env bash
venv=$(dirname "$(dirname "$0")")
case "$*" in
  -c*) ;;
  --version) echo "Python 3.12.0" ;;
  "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && cp "$STANDINS/uv" "$STANDINS/new_uv" ;;
  "-m pip install "*) cp "$STANDINS/new_uv" "$venv/bin/uv" ;;
  "-m pip wheel "*)
    echo "build $CMAKE_ARGS$CFLAGS" | xargs >>"$NOTES"
    [ "$CFLAGS" = "$CXXFLAGS" ] || echo "C and C++ are built apart" >>"$NOTES"
    while [[ $1 != --wheel-dir ]]; do shift; done
    mkdir -p "$2" && touch "$2/llama.whl"
    ;;
  "-m worker.bindings.proof")
    [[ -e $venv/../llama.whl ]] || echo "proved too late" >>"$NOTES"
    read -r status words <"$PROOFS" && sed -i 1d "$PROOFS"
    echo "$words"
    exit "${status:-0}"
    ;;
  "-m worker.bindings.probe") [[ -z $UNLOADED ]] || { echo "$UNLOADED" >&2; exit 1; } ;;
esac
"""
UV = """#!/usr/bin/env bash
venv=$(dirname "$(dirname "$0")")
if [[ $1 = venv ]]; then mkdir -p "${!#}/bin" && cp "$STANDINS/python3" "${!#}/bin/python" && exit; fi
[[ "$*" != *.whl* ]] || exit 0 # into the environment of the proof
flock --nonblock "$venv/.lock" true || echo "uv waits for .lock" >>"$NOTES"
echo "uv $*" | sed 's/--find-links [^ ]*/--find-links WHEELS/' >>"$NOTES"
touch "$venv/bin/pytest" && chmod +x "$venv/bin/pytest"
"""
SMI = """#!/bin/sh
case "$*" in *compute_cap*) echo ${CAPABILITY:-8.6} ;; esac
"""
NVCC = """#!/bin/sh
case "$*" in
  --version) echo "Cuda compilation tools, release ${RELEASE:-12.8}, V1" ;;
  --list-gpu-arch) printf 'compute_75\\ncompute_86\\ncompute_90\\n' ;;
  "-ccbin ${TAKES:-c++} "*) ;;
  *) exit 1 ;;
esac
"""


def executable(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


class Checkout:
    """A copy of the scripts with stand-ins for the programs that setup calls."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "checkout"
        self.standins = folder / "standins"
        self.cache = folder / "cache"
        self.noted = folder / "notes"
        self.proofs = folder / "proofs"  # a line for each: exit status, and what is said; without one it succeeds
        self.proofs.touch()
        self.cpuinfo = folder / "cpuinfo"
        self.cpuinfo.write_text("flags : avx2\n")
        self.devices = folder / "dev"
        shutil.copytree(ROOT / "scripts", self.folder / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.folder)
        executable(self.standins / "python3", PYTHON)
        executable(self.standins / "uv", UV)
        executable(self.standins / "c++", "#!/bin/sh\nexit 1\n")  # it finds no header, as of Vulkan

    def env(self, **more: str) -> dict[str, str]:
        path = f"{self.standins}:{os.environ['PATH']}"
        base = {"PATH": path, "HOME": str(self.folder), "XDG_CACHE_HOME": str(self.cache), "CMAKE_ARGS": ""}
        base |= {"CPUINFO": str(self.cpuinfo), "PROOFS": str(self.proofs), "DEVICES": str(self.devices)}
        return base | {"STANDINS": str(self.standins), "NOTES": str(self.noted)} | more

    def run(self, script: str, *args: str, **env: str) -> "subprocess.CompletedProcess[str]":
        command = [str(self.folder / "scripts" / script), *args]
        return subprocess.run(
            command, env=self.env(**env), capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60
        )

    def notes(self) -> list[str]:
        """What was asked of the stand-ins since the last call."""
        lines = self.noted.read_text().splitlines() if self.noted.exists() else []
        self.noted.write_text("")
        return lines


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


# ---- setup -------------------------------------------------------------------------------------------------------

EDITABLE = (
    "uv pip install --python .venv/bin/python --find-links WHEELS --constraints constraints.txt "
    "--compile-bytecode --editable .[dev]"
)
RENEWED = EDITABLE.replace("--compile", "--reinstall-package llama-cpp-python --compile")


def test_setup_builds_llama_once_and_a_second_run_does_nothing(checkout: Checkout) -> None:
    first = checkout.run("setup")
    assert (first.returncode, first.stdout) == (0, ""), first.stderr
    assert checkout.notes() == ["build", RENEWED]
    second = checkout.run("setup")
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert checkout.notes() == []


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_changed_project_is_installed_anew_without_building_llama_again(checkout: Checkout, name: str) -> None:
    checkout.run("setup")
    checkout.notes()
    project = checkout.folder / name
    project.write_text(project.read_text() + "\n# changed\n")
    assert checkout.run("setup").returncode == 0
    assert checkout.notes() == [EDITABLE]


def test_without_a_home_the_build_is_kept_where_passwd_says(checkout: Checkout) -> None:
    env = {name: value for name, value in checkout.env().items() if name not in ("HOME", "XDG_CACHE_HOME")}
    command = ["bash", "-euc", "source scripts/llama.sh && echo $wheels"]
    done = subprocess.run(command, cwd=checkout.folder, env=env, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith(f"{pwd.getpwuid(os.getuid()).pw_dir}/.cache/supernet/wheels/"), done.stderr


def test_a_home_that_cannot_be_written_to_is_told(checkout: Checkout) -> None:
    done = checkout.run("setup", HOME="/dev/null", XDG_CACHE_HOME="")
    assert done.returncode != 0 and "set XDG_CACHE_HOME" in done.stderr and not checkout.notes()


def test_other_build_options_get_a_build_of_their_own_and_replace_what_is_installed(checkout: Checkout) -> None:
    checkout.run("setup")
    checkout.notes()
    assert checkout.run("setup", CMAKE_ARGS="-DGGML_CUDA=on").returncode == 0
    assert checkout.notes() == ["build -DGGML_CUDA=on", RENEWED]
    assert checkout.run("setup").returncode == 0  # and back: the first wheel is still there
    assert checkout.notes() == [RENEWED]


@pytest.fixture
def card(checkout: Checkout) -> Checkout:
    """A checkout on a machine with an NVIDIA GPU and nvcc."""
    executable(checkout.standins / "nvidia-smi", SMI)
    executable(checkout.standins / "nvcc", NVCC)
    return checkout


def setup_for_itself(checkout: Checkout, *args: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """As the owner types it: the options of CMake are not named."""
    env = checkout.env(**more)
    del env["CMAKE_ARGS"]
    command = [str(checkout.folder / "scripts" / "setup"), *args]
    return subprocess.run(command, env=env, check=True, capture_output=True, text=True, timeout=60)


def test_a_gpu_with_its_compiler_is_used_without_being_asked(card: Checkout) -> None:
    setup_for_itself(card)
    assert card.notes()[0] == "build -DGGML_CUDA=on"


def test_a_new_card_and_a_new_cuda_get_a_build_of_their_own(card: Checkout) -> None:
    setup_for_itself(card)
    card.notes()
    setup_for_itself(card)
    assert card.notes() == []
    setup_for_itself(card, CAPABILITY="9.0")
    assert card.notes() == ["build -DGGML_CUDA=on", RENEWED]
    setup_for_itself(card, RELEASE="12.9")
    assert card.notes() == ["build -DGGML_CUDA=on", RENEWED]


def test_an_nvcc_that_knows_no_such_card_is_told_and_the_cpu_serves(card: Checkout) -> None:
    done = setup_for_itself(card, CAPABILITY="12.0")
    assert "no compute capability 12.0" in done.stderr and "newer CUDA toolkit" in done.stderr
    assert card.notes()[0] == "build"


VULKAN = "build -DGGML_VULKAN=on"


@pytest.fixture
def shaders(checkout: Checkout) -> Checkout:
    """A checkout on a machine with all that a build for Vulkan needs."""
    executable(checkout.standins / "glslc", "#!/bin/sh\necho shaderc 2023.2\n")
    executable(checkout.standins / "c++", "#!/bin/sh\n")  # it finds every header
    return checkout


def test_a_gpu_of_another_maker_is_used_through_vulkan_without_being_asked(shaders: Checkout) -> None:
    setup_for_itself(shaders)
    assert shaders.notes()[0] == "build"  # there is no GPU: a loader alone is none
    (shaders.devices / "dri").mkdir(parents=True)
    (shaders.devices / "dri" / "renderD128").touch()
    setup_for_itself(shaders)
    assert shaders.notes() == [VULKAN, RENEWED]


def test_what_vulkan_lacks_is_told_with_the_packages_to_install(checkout: Checkout) -> None:
    (checkout.devices / "dri").mkdir(parents=True)
    (checkout.devices / "dri" / "renderD128").touch()
    assert "apt install glslc libvulkan-dev spirv-headers" in setup_for_itself(checkout).stderr
    assert checkout.notes()[0] == "build"  # the CPU serves
    with pytest.raises(subprocess.CalledProcessError) as refused:
        setup_for_itself(checkout, "--backend", "vulkan")
    assert "cannot build for vulkan" in refused.value.stderr and not checkout.notes()


def test_a_card_that_cuda_cannot_be_built_for_is_used_through_vulkan_and_that_is_told(shaders: Checkout) -> None:
    executable(shaders.standins / "nvidia-smi", SMI)
    executable(shaders.standins / "nvcc", NVCC)
    done = setup_for_itself(shaders, CAPABILITY="12.0")
    assert "through Vulkan, not CUDA: nvcc" in done.stderr and "newer CUDA toolkit" in done.stderr
    assert shaders.notes()[0] == VULKAN


def test_a_backend_that_was_chosen_stays_chosen_until_another_is(shaders: Checkout) -> None:
    setup_for_itself(shaders, "--backend", "vulkan")
    assert shaders.notes()[0] == VULKAN
    setup_for_itself(shaders)
    assert shaders.notes() == []
    setup_for_itself(shaders, "--backend", "auto")
    assert shaders.notes() == ["build", RENEWED]
    setup_for_itself(shaders)
    assert shaders.notes() == []


def test_hip_is_built_when_it_is_asked_for_and_called_untried(checkout: Checkout) -> None:
    executable(checkout.standins / "hipconfig", "#!/bin/sh\necho /opt/rocm/llvm/bin\n")
    assert "never been tried" in setup_for_itself(checkout, "--backend", "hip").stderr
    assert checkout.notes()[0] == "build -DGGML_HIP=on"


@pytest.mark.parametrize("name", ["metal", "nonsense", "hip"])
def test_a_backend_that_cannot_be_built_here_is_refused_with_the_reason(checkout: Checkout, name: str) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        setup_for_itself(checkout, "--backend", name)
    assert f"cannot build for {name}: " in refused.value.stderr and not checkout.notes()


def test_nvcc_gets_a_compiler_that_it_takes_or_its_lack_is_told(card: Checkout) -> None:
    wheel = PYTHON.replace('echo "build', 'echo "host compiler $CUDAHOSTCXX" >>"$NOTES"; echo "build')
    executable(card.standins / "python3", wheel)
    setup_for_itself(card, TAKES="g++-13")
    assert card.notes()[0] == "host compiler g++-13"
    with pytest.raises(subprocess.CalledProcessError) as refused:
        setup_for_itself(card, TAKES="none", RELEASE="12.0")
    assert "g++-13" in refused.value.stderr and not card.notes()


def test_wsl_keeps_nvidia_smi_where_the_path_of_sudo_does_not_look() -> None:
    assert "/usr/lib/wsl/lib" in (ROOT / "scripts" / "llama.sh").read_text().split("export PATH=", 1)[1].splitlines()[0]


# ---- the build has to compute ---------------------------------------------------------------------------------------

WITHOUT_AMX = "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16"
CC = "#!/bin/sh\necho '{}'\n"


def wheels(checkout: Checkout) -> list[Path]:
    return list(checkout.cache.rglob("*.whl"))


def test_a_build_that_does_not_compute_is_replaced_by_one_that_does_and_never_counts(checkout: Checkout) -> None:
    checkout.proofs.write_text("4 it died of SIGILL\n0\n")
    done = checkout.run("setup")
    assert (done.returncode, checkout.notes()) == (0, ["build", "build -DGGML_NATIVE=off", RENEWED])
    assert "it died of SIGILL" in done.stderr and "the portable build computes" in done.stderr
    assert len(wheels(checkout)) == 1


def test_amx_that_is_broken_all_the_same_is_left_out_next(checkout: Checkout) -> None:
    checkout.cpuinfo.write_text("flags : amx_int8 amx_tile\n")
    executable(checkout.standins / "cc", CC.format("movb $77, -24(%rsp)"))
    checkout.proofs.write_text("4 it died of SIGSEGV\n0\n")
    assert "without-amx" in checkout.run("setup").stderr
    assert checkout.notes() == ["build", f"build {WITHOUT_AMX}", RENEWED]


def test_a_compiler_that_spoils_amx_is_told_beforehand_and_builds_once(checkout: Checkout) -> None:
    checkout.cpuinfo.write_text("flags : amx_int8 amx_tile\n")
    executable(checkout.standins / "cc", CC.format("ldtilecfg -72(%rsp)"))
    done = checkout.run("setup")
    assert checkout.notes() == [f"build {WITHOUT_AMX}", RENEWED]
    assert done.stderr.count("AMX") == 1 and "more slowly" in done.stderr
    executable(checkout.standins / "cc", CC.format("movb $77, -24(%rsp)"))  # a better one is installed
    assert "AMX" not in checkout.run("setup").stderr
    assert checkout.notes() == ["build", RENEWED]


def test_the_flags_take_amx_out_of_what_a_real_compiler_makes_of_this_cpu() -> None:
    if not shutil.which("cc") or os.uname().machine != "x86_64":
        pytest.skip("no C compiler for x86-64 here")

    def macros(*flags: str) -> str:
        command = ["cc", *flags, "-march=sapphirerapids", "-dM", "-E", "-x", "c", os.devnull]
        return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout

    if "__AMX_INT8__" not in macros():
        pytest.skip("this compiler knows no AMX")
    assert "__AVX512VNNI__" in macros(*WITHOUT_AMX.split()) and "__AMX" not in macros(*WITHOUT_AMX.split())


def test_no_build_that_computes_leaves_no_wheel(checkout: Checkout) -> None:
    checkout.proofs.write_text("4 its numbers are 92% off\n" * 2)
    done = checkout.run("setup")
    assert done.returncode != 0 and "92% off" in done.stderr
    assert not wheels(checkout)
    assert not any(note.startswith("uv pip install") for note in checkout.notes())


def test_a_proof_that_does_not_run_says_nothing_of_the_build(checkout: Checkout) -> None:
    """It was told as a build that does not compute, and llama.cpp was built three times over."""
    checkout.proofs.write_text("1 \n" * 3)
    done = checkout.run("setup")
    assert done.returncode != 0 and "its proof did not run" in done.stderr and "does not compute" not in done.stderr
    assert checkout.notes() == ["build"] and not wheels(checkout)


def test_a_library_that_cannot_be_loaded_is_not_built_again(checkout: Checkout) -> None:
    checkout.proofs.write_text("3 libcudart.so.12: cannot open shared object file\n")
    done = checkout.run("setup")
    assert done.returncode != 0 and "libcudart.so.12" in done.stderr
    assert checkout.notes() == ["build"]


def test_a_service_that_could_not_load_the_library_is_not_installed(checkout: Checkout, tmp_path: Path) -> None:
    done = checkout.run("setup", str(tmp_path / "box"), UNLOADED="libcublas.so.12: cannot open shared object file")
    assert done.returncode != 0 and "libcublas.so.12" in done.stderr and "ldconfig" in done.stderr


def test_a_build_takes_no_more_compilers_at_once_than_fit_in_memory(checkout: Checkout) -> None:
    executable(checkout.standins / "nproc", "#!/bin/sh\necho 10000\n")
    jobs = PYTHON.replace('echo "build', 'echo "$CMAKE_BUILD_PARALLEL_LEVEL" >>"$NOTES"; echo "build')
    executable(checkout.standins / "python3", jobs)
    checkout.run("setup")
    few = int(checkout.notes()[0])
    assert 1 <= few < 10000
    checkout.run("setup", CMAKE_ARGS="-DGGML_CUDA=on")
    assert 1 <= int(checkout.notes()[0]) <= few
    checkout.run("setup", CMAKE_ARGS="-DX=1", CMAKE_BUILD_PARALLEL_LEVEL="3")
    assert checkout.notes()[0] == "3"


def test_a_build_that_fails_leaves_nothing_behind_that_looks_like_a_wheel(checkout: Checkout) -> None:
    executable(checkout.standins / "python3", PYTHON.replace("mkdir -p", "exit 1 && mkdir -p"))
    (checkout.folder / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(checkout.standins / "python3", checkout.folder / ".venv" / "bin" / "python")
    shutil.copy(checkout.standins / "uv", checkout.folder / ".venv" / "bin" / "uv")
    assert checkout.run("setup").returncode != 0
    assert not list(checkout.cache.rglob("*.whl"))
    assert not (checkout.folder / ".venv" / ".stamp").exists()


def test_two_setups_at_once_build_and_install_once(checkout: Checkout) -> None:
    script, env = str(checkout.folder / "scripts" / "setup"), checkout.env()
    running = [subprocess.Popen([script], env=env, stderr=subprocess.DEVNULL) for _ in range(3)]
    assert [one.wait(60) for one in running] == [0, 0, 0]
    assert checkout.notes() == ["build", RENEWED]


def test_setup_of_a_folder_installs_a_copy_of_the_worker_alone(checkout: Checkout, tmp_path: Path) -> None:
    assert checkout.run("setup", str(tmp_path / "box")).returncode == 0
    asked = checkout.notes()[-1]
    assert f"--python {tmp_path}/box/bin/python" in asked and asked.endswith(" --reinstall-package supernet .[worker]")
    assert not (checkout.folder / ".venv").exists()


def test_a_package_index_that_cannot_be_reached_is_told(checkout: Checkout) -> None:
    executable(
        checkout.standins / "python3", PYTHON.replace('"-m pip install "*) cp', '"-m pip install "*) exit 1 && cp')
    )
    refused = checkout.run("setup")
    assert refused.returncode != 0 and "the package index cannot be reached" in refused.stderr


def test_an_old_python_is_refused_with_what_to_install(checkout: Checkout) -> None:
    old = "#!/bin/sh\n[ $1 = --version ] && echo Python 3.9.2 || exit 1\n"
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        executable(checkout.standins / name, old)
    refused = checkout.run("setup")
    assert refused.returncode != 0
    assert "Python 3.9.2" in refused.stderr and "apt install python3" in refused.stderr


# ---- test, check, .ci/run ----------------------------------------------------------------------------------------


def test_ci_checks_then_tests_and_fails_when_any_of_it_does(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci")
    executable(tmp_path / "scripts" / "check", "#!/bin/sh\necho checked\nexit $BAD\n")
    executable(tmp_path / "scripts" / "engine", "#!/bin/sh\ntouch engine-$1\nexit $BAD\n")
    executable(tmp_path / "scripts" / "test_vulkan", "#!/bin/sh\necho 2 passed\nexit $OFFLOAD\n")
    executable(tmp_path / "scripts" / "test", "#!/bin/sh\necho 3 passed\nexit $FAILED\n")

    def ci(bad: int, offload: int, failed: int) -> tuple[int, str]:
        env = os.environ | {"BAD": str(bad), "OFFLOAD": str(offload), "FAILED": str(failed)}
        done = subprocess.run(["bash", ".ci/run"], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout

    assert ci(0, 0, 0) == (0, "checked\n2 passed\n3 passed\n")
    assert (tmp_path / "engine-cpu").exists(), "it is compiled before the tests, not beside them"
    assert ci(1, 0, 0) == (1, "checked\n")
    assert ci(0, 1, 0) == (1, "checked\n2 passed\n3 passed\n"), "the closing line of all other tests is the last"
    assert ci(0, 0, 1) == (1, "checked\n2 passed\n3 passed\n")


def test_without_the_vulkan_libraries_their_tests_are_skipped_in_one_line(tmp_path: Path) -> None:
    env = os.environ | {"SUPERNET_TEST_VULKAN": str(tmp_path)}
    run = subprocess.run(
        [ROOT / "scripts" / "test_vulkan"], env=env, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("test_vulkan: skipped") and run.stdout.count("\n") == 1


@pytest.mark.parametrize("script", SHELL, ids=lambda path: path.name)
def test_a_shell_script_is_executable_and_shellcheck_finds_nothing(script: Path) -> None:
    assert script.stat().st_mode & stat.S_IXUSR
    program = shutil.which("shellcheck")
    if not program:
        pytest.skip("no shellcheck here (apt install shellcheck)")
    command = [program, "--check-sourced", "--external-sources", str(script)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert not found.stdout


# ---- the service -------------------------------------------------------------------------------------------------

UNIT = ROOT / "scripts" / "supernet-worker.service"


def setting(name: str) -> str:
    lines = [line for line in UNIT.read_text().splitlines() if line.startswith(f"{name}=")]
    assert lines, f"the unit has no {name}"
    return lines[-1].partition("=")[2]


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if not program:
        pytest.skip("no systemd-analyze here (apt install systemd)")
    copy = tmp_path / UNIT.name  # the program that it names is not installed here; everything else is looked at
    copy.write_text(UNIT.read_text().replace(setting("ExecStart"), "/bin/true"))
    checked = subprocess.run([program, "verify", copy], capture_output=True, text=True, timeout=60)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_unit_agrees_with_the_daemon() -> None:
    from program.sources import SYSTEM_FOLDER
    from worker import config, exits
    from worker.cli.settings import SOURCES
    from worker.daemon import daemon

    assert int(setting("RestartPreventExitStatus")) == exits.EXIT_CONFIG
    assert float(setting("WatchdogSec")) >= 2 * daemon.LOOK_S
    assert float(setting("TimeoutStopSec")) > config.Config().drain_s + 15
    given = dict(pair.split("=", 1) for pair in setting("Environment").split())
    assert given == {"SUPERNET_CONFIG": str(SYSTEM_FOLDER / SOURCES.file), "SUPERNET_LOG_JSON": "1"}


def test_the_unit_gives_the_worker_no_rights() -> None:
    lines = UNIT.read_text().splitlines()
    rights = {"NoNewPrivileges=yes", "CapabilityBoundingSet=", "ProtectSystem=strict", "ProtectHome=yes", "UMask=0077"}
    assert rights | {"User=supernet", "Group=supernet"} <= {*lines}


def test_nothing_in_the_unit_hides_the_gpu() -> None:
    settings = {line.partition("=")[0] for line in UNIT.read_text().splitlines() if "=" in line and line[0] != "#"}
    assert not settings & {"PrivateDevices", "DeviceAllow", "ProtectClock", "MemoryDenyWriteExecute", "ProcSubset"}
    assert {"NoNewPrivileges", "ProtectSystem", "ProtectHome", "CapabilityBoundingSet"} <= settings


@pytest.fixture
def box(checkout: Checkout) -> Checkout:
    """A checkout whose setup only makes the folder that it is asked for."""
    executable(checkout.folder / "scripts" / "setup", '#!/bin/sh\nmkdir -p "$1/bin" && cp /bin/true "$1/bin/python"\n')
    (checkout.folder / "key.txt").write_text("sk-secret\n")
    return checkout


def install(box: Checkout, *args: str) -> tuple[Path, "subprocess.CompletedProcess[str]"]:
    root = box.folder / "root"
    return root, box.run("install_service", "--root", str(root), *args)


FRESH = {
    "coordinator": "wss://net.example",
    "key_file": "/etc/supernet/key",
    "state_dir": f"/var/lib/{setting('StateDirectory')}",
    "models_dir": f"/var/cache/{setting('CacheDirectory')}",
}
GIVEN = ("--coordinator", "wss://net.example", "--key-file")


def test_a_first_installation_puts_everything_in_its_place(box: Checkout) -> None:
    root, done = install(box, *GIVEN, str(box.folder / "key.txt"))
    assert done.returncode == 0, done.stderr
    settings, key = root / "etc/supernet/worker.toml", root / "etc/supernet/key"
    assert tomllib.loads(settings.read_text()) == FRESH
    assert (key.read_text(), stat.S_IMODE(key.stat().st_mode)) == ("sk-secret\n", 0o640)
    assert "sk-secret" not in settings.read_text() and stat.S_IMODE(settings.stat().st_mode) == 0o644
    command = root / "usr/local/bin/supernet-worker"
    assert command.readlink() == Path(setting("ExecStart"))
    assert (root / "etc/systemd/system/supernet-worker.service").read_bytes() == UNIT.read_bytes()
    assert (root / setting("ExecStart").lstrip("/")).parent.is_dir()
    assert "sk-secret" not in done.stdout + done.stderr


def test_an_upgrade_changes_only_what_is_given_and_keeps_the_installation_before(box: Checkout) -> None:
    root, _ = install(box, *GIVEN, str(box.folder / "key.txt"))
    settings = root / "etc/supernet/worker.toml"
    with settings.open("a") as more:
        more.write('# mine\nslots = 2\nschedule = "22:00-07:00"\n')
    current = root / "opt/supernet/current"
    seen = [current.resolve()]
    for _ in range(2):
        assert install(box, "--model", "some-model")[1].returncode == 0
        seen.append(current.resolve())
    assert len(set(seen)) == 3
    assert {path.resolve() for path in (root / "opt/supernet/releases").iterdir()} == set(seen[1:])
    mine = {"slots": 2, "schedule": "22:00-07:00", "model": "some-model"}
    assert tomllib.loads(settings.read_text()) == FRESH | mine and "# mine" in settings.read_text()
    assert (root / "etc/supernet/key").read_text() == "sk-secret\n"


def test_what_was_installed_is_what_the_worker_reads(box: Checkout) -> None:
    """The very file, by the very parser; only the key's path is that below the test's folder."""
    from worker.cli import main

    root, _ = install(box, *GIVEN, str(box.folder / "key.txt"))
    file = root / "etc/supernet/worker.toml"
    file.write_text(file.read_text().replace("/etc/supernet/key", str(root / "etc/supernet/key")))
    found = main.configuration(main.parser().parse_args([]), {"SUPERNET_CONFIG": str(file)}).config
    assert (found.coordinator, found.key) == ("wss://net.example", "sk-secret")
    assert str(found.state_dir) == FRESH["state_dir"]


def home_of_its_owner(box: Checkout) -> Path:
    """Somebody who has built, fetched and measured, and stopped in the middle of another model."""
    home = box.folder / "home"
    files = {
        ".cache/supernet/wheels/0123/llama.whl": "a wheel",
        ".cache/supernet/wheels/4567/partial/llama.whl": "not proved",
        ".cache/supernet/models/aa.gguf": "weights",
        ".cache/supernet/models/bb.part": "half",
        ".cache/supernet/models/pins/p.json": "{}",
        ".cache/supernet/models/locks/aa": "",
        ".local/state/supernet/measured.json": "[]",
        ".local/state/supernet/worker-id": "w-me",
    }
    for name, text in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    (home / ".cache/supernet/models/aa.gguf").chmod(0o600)
    return home


def test_what_the_owner_has_built_fetched_and_measured_is_taken_over(box: Checkout) -> None:
    home = home_of_its_owner(box)
    root, done = install(box, *GIVEN, str(box.folder / "key.txt"), "--take-from", str(home))
    assert done.returncode == 0, done.stderr
    assert [path.relative_to(box.cache).as_posix() for path in wheels(box)] == ["supernet/wheels/0123/llama.whl"]
    models, theirs = root / "var/cache/supernet", home / ".cache/supernet/models"
    assert {path.relative_to(models).as_posix() for path in models.rglob("*") if path.is_file()} == {
        "aa.gguf",
        "pins/p.json",
    }
    assert (models / "aa.gguf").samefile(theirs / "aa.gguf")  # 18 GiB are not copied
    assert stat.S_IMODE((models / "aa.gguf").stat().st_mode) == 0o644 and stat.S_IMODE(models.stat().st_mode) == 0o700
    state = root / "var/lib/supernet"
    assert [path.name for path in state.iterdir()] == ["measured.json"]  # an identity is not shared
    assert "aa.gguf" in done.stdout


def test_what_the_service_has_already_is_not_replaced(box: Checkout) -> None:
    home = home_of_its_owner(box)
    mine = ("var/cache/supernet/aa.gguf", "var/lib/supernet/measured.json")
    for name in mine:
        (box.folder / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (box.folder / "root" / name).write_text("mine")
    root, done = install(box, *GIVEN, str(box.folder / "key.txt"), "--take-from", str(home))
    assert done.returncode == 0 and [(root / name).read_text() for name in mine] == ["mine", "mine"]


def test_whoever_calls_sudo_is_the_owner(box: Checkout) -> None:
    """Only said, as the home is a real one."""
    me = pwd.getpwuid(os.getuid())
    env = box.env(SUDO_USER=me.pw_name)
    script = (box.folder / "scripts" / "install_service").read_text()
    asked = [line for line in script.splitlines() if "SUDO_USER" in line]
    assert len(asked) == 1
    command = f'before=; {asked[0]}; echo "$before"'
    found = subprocess.run(["bash", "-c", command], env=env, capture_output=True, text=True, timeout=60)
    assert found.stdout.strip() == me.pw_dir


def test_a_failed_setup_leaves_the_running_installation_as_it_was(box: Checkout) -> None:
    root, _ = install(box, *GIVEN, str(box.folder / "key.txt"))
    before = (root / "opt/supernet/current").resolve()
    executable(box.folder / "scripts" / "setup", '#!/bin/sh\nmkdir -p "$1" && exit 1\n')
    assert install(box)[1].returncode != 0
    assert (root / "opt/supernet/current").resolve() == before
    assert [path.resolve() for path in (root / "opt/supernet/releases").iterdir()] == [before]


def test_an_installer_that_fills_the_environment_takes_the_place_of_setup(box: Checkout) -> None:
    filler = box.folder / "fill"
    executable(filler, '#!/bin/sh\nmkdir -p "$1/bin" && cp /bin/true "$1/bin/python" && touch "$1/filled"\n')
    executable(box.folder / "scripts" / "setup", "#!/bin/sh\nexit 1\n")
    root, done = install(box, *GIVEN, str(box.folder / "key.txt"), "--fill-with", str(filler))
    assert done.returncode == 0, done.stderr
    assert (root / "opt/supernet/current").resolve().joinpath("filled").exists()
    executable(filler, '#!/bin/sh\nmkdir -p "$1" && exit 1\n')
    assert install(box, "--fill-with", str(filler))[1].returncode != 0
    assert (root / "opt/supernet/current").resolve().joinpath("filled").exists()


def test_uninstalling_keeps_models_and_identity_until_a_purge(box: Checkout) -> None:
    root, _ = install(box, *GIVEN, str(box.folder / "key.txt"))
    for folder in ("var/cache/supernet", "var/lib/supernet"):
        (root / folder).mkdir(parents=True)
    assert install(box, "--uninstall")[1].returncode == 0
    left = {path.relative_to(root).as_posix() for path in root.rglob("*")}
    assert {"var/cache/supernet", "var/lib/supernet", "etc/supernet/worker.toml", "etc/supernet/key"} <= left
    assert not any(path.startswith("usr/local/bin/") for path in left)
    assert not any("opt/supernet" in path or path.endswith(".service") for path in left)
    assert install(box, "--uninstall", "--purge")[1].returncode == 0
    assert not [path for path in root.rglob("*") if path.name == "supernet"]


def test_a_dry_run_touches_nothing(box: Checkout) -> None:
    root, done = install(box, "--dry-run", *GIVEN, str(box.folder / "key.txt"))
    assert done.returncode == 0, done.stderr
    assert not root.exists()
    assert "+ scripts/setup" in done.stdout and "sk-secret" not in done.stdout


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ((), "--coordinator"),
        (("--coordinator",), "needs a value"),
        (("--colour", "red"), "--help"),
        (("--coordinator", "wss://x y", "--key-file", "key.txt"), "the coordinator has characters"),
        (("--coordinator", "net.example", "--key-file", "key.txt"), "wss://host"),
        (("--purge",), "--uninstall"),
        (("--coordinator", "wss://net.example", "--key-file", "blank.txt"), "no key"),
    ],
)
def test_a_wrong_call_says_what_to_give(box: Checkout, args: tuple[str, ...], says: str) -> None:
    (box.folder / "blank.txt").write_text("\nsk-secret\n")
    root, done = install(box, *(str(box.folder / arg) if arg.endswith(".txt") else arg for arg in args))
    assert done.returncode != 0
    assert says in done.stderr
    assert not root.exists()


# ---- the demo ----------------------------------------------------------------------------------------------------


def demo(*args: str, folder: Path, more: dict[str, str] | None = None) -> "subprocess.Popen[str]":
    """The demo below `folder`, so that what it leaves behind is seen."""
    env = os.environ | {"TMPDIR": str(folder), "OMP_NUM_THREADS": "1"} | (more or {})
    command = [sys.executable, "-m", "tools.demo", *args]
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def processes_in(folder: Path) -> list[str]:
    """Command lines of all processes that name the demo's folder."""
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if os.access(path, os.R_OK)]
    return [line.decode(errors="replace") for line in lines if str(folder).encode() in line]


def test_the_demo_streams_a_real_answer_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """Whatever the owner of the machine has set: for a worker of theirs, for a proxy, for a terminal's letters."""
    nowhere = "http://127.0.0.1:9"
    owners = {"SUPERNET_MODEL_FILE": "/none.gguf", "SUPERNET_COORDINATOR_PORT": "99999", "PYTHONIOENCODING": "ascii"}
    proxies = {"http_proxy": nowhere, "https_proxy": nowhere, "all_proxy": "socks5://127.0.0.1:9", "no_proxy": ""}
    running = demo("--once", folder=tmp_path, more=owners | proxies)
    out, err = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 0, out + err
    assert out.count("blue") > 1, out  # once in the question
    assert "tokens/s" in out
    assert not processes_in(tmp_path) and not list(tmp_path.iterdir())


def test_the_demo_draws_a_picture_and_is_told_what_is_on_it(tmp_path: Path) -> None:
    running = demo("--vision", "--once", folder=tmp_path)
    out, err = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 0, out + err
    drawn = re.search(r"drawn: an? (\w+) (\w+), \d+ x \d+ pixels", out)
    told = re.search(r"It is an? (\w+) (\w+)\.", out)  # mostly what was drawn: tests/models has the share
    assert drawn and told, out
    assert re.search(r"\d+ tokens were read; all cost \$0\.0000\d+", out), out
    assert "\x1b" not in out  # the picture itself is for terminals
    assert not processes_in(tmp_path) and not list(tmp_path.iterdir())


@pytest.mark.process
def test_the_demo_has_a_chat_ask_for_a_picture_and_keeps_what_was_drawn(tmp_path: Path) -> None:
    running = demo("--media", "--once", "--json", folder=tmp_path)
    out, err = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 0, out + err
    ready, drawn = map(json.loads, out.splitlines())
    assert "sogni_generate_image: " in err and "\x1b" not in err
    assert drawn["link"].startswith(ready["base_url"].removesuffix("/v1") + "/m/") and drawn["link"] in err
    with Image.open(drawn["file"]) as picture:
        assert (picture.format, picture.size) == ("PNG", (64, 64))
    assert not processes_in(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [Path(drawn["file"]).parent.name]


@pytest.mark.parametrize("kind", ["--vision", "--media"])
def test_the_demo_with_a_picture_brings_its_own_model(kind: str, tmp_path: Path) -> None:
    running = demo(kind, "--model", "smollm2-135m-instruct-gguf-q41", folder=tmp_path)
    _, err = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 2
    assert "leave --model out" in err


def test_the_demo_says_in_one_line_of_json_where_it_serves_and_ends_on_sigterm(tmp_path: Path) -> None:
    running = demo("--json", folder=tmp_path)
    assert running.stdout
    ready: dict[str, Any] = json.loads(running.stdout.readline())
    assert set(ready) == {"base_url", "api_key", "model"}
    request = urllib.request.Request(f"{ready['base_url']}/models/{ready['model']}")
    request.add_header("Authorization", f"Bearer {ready['api_key']}")
    with urllib.request.urlopen(request, timeout=30) as response:
        assert json.load(response)["workers_online"] == 1
    running.send_signal(signal.SIGTERM)
    out, err = running.communicate(timeout=PATIENCE_S)
    assert (running.returncode, out) == (0, ""), err
    assert not processes_in(tmp_path) and not list(tmp_path.iterdir())


def test_the_demo_of_a_model_that_nobody_has_fails_and_shows_why(tmp_path: Path) -> None:
    running = demo("--once", "--model", "no-such-model", folder=tmp_path)
    _, err = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 1
    assert "no-such-model" in err
    assert not processes_in(tmp_path) and not list(tmp_path.iterdir())
