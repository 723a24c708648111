"""The wheel as others install it: what is in it, and both programs beside packages of others that have our names."""

import os
import shutil
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from supernet.commands import EXIT_CONFIG
from tests.packaging.test_dockerfiles import parse
from tools.environments import UV
from tools.local_network import MODEL, PATIENCE_S, Network

ROOT = Path(__file__).parents[2]
NAMES = ("wire", "program", "worker", "coordinator", "tools", "tests")
FOREIGN = "raise ImportError('this package is somebody else\\'s')\n"

pytestmark = pytest.mark.process


def run(*command: object, within_s: float = PATIENCE_S * 5) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=within_s)
    assert done.returncode == 0, done.stderr
    return done.stdout


def plant(folder: Path) -> Path:
    """Packages of others with the names of our folders."""
    for name in NAMES:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(FOREIGN)
    return folder


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from what the images copy, and nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    for step in parse((ROOT / "Dockerfile.coordinator").read_text()):
        if step.keyword == "COPY" and not step.flags:
            for name in step.rest.split()[:-1]:
                copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
                copy(ROOT / name, folder / name)
    run(UV, "build", "--quiet", "--wheel", "--out-dir", folder / "dist", folder)
    return next(folder.glob("dist/*.whl"))


def install(wheel: Path, extra: str, folder: Path) -> Path:
    """The commands of an environment that has the wheel with this extra, and `plant`'s packages beside it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "supernet" / "wheels"
    built = cache / (Path(sys.prefix) / ".llama").read_text().strip()  # scripts/setup has compiled llama.cpp there
    run(UV, "venv", "--quiet", "--python", sys.executable, folder)
    options = ["--python", folder / "bin" / "python", "--find-links", built, "--constraints", ROOT / "constraints.txt"]
    run(UV, "pip", "install", "--quiet", *options, f"supernet[{extra}] @ {wheel.as_uri()}")
    plant(next(folder.glob("lib/python*/site-packages")))
    return folder / "bin"


@pytest.fixture(scope="module")
def commands(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Program -> the folder of the commands of an environment that was made for it alone."""
    return {extra: install(wheel, extra, tmp_path_factory.mktemp(extra)) for extra in ("worker", "coordinator")}


@dataclass
class Installed(Network):
    """A network of the installed commands."""

    commands: dict[str, Path] = field(default_factory=dict)

    def _command(self, args: list[str]) -> list[str]:
        _, program, *options = args
        return [str(self.commands[program] / f"supernet-{program}"), *options]


@pytest.fixture
def network(commands: dict[str, Path], tmp_path: Path, tiny_chat: Path) -> Iterator[Network]:
    network = Installed(tmp_path, tiny_chat, commands=commands)
    try:
        yield network
    finally:
        network.close()


def test_the_wheel_has_one_package_with_all_that_the_programs_read(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"supernet"}
    assert {name.split("/")[1] for name in names if name.startswith("supernet/")} == {
        *("__init__.py", "commands.py", "models.yaml", "toy", "wire", "program", "worker", "coordinator")
    }
    tracked = run("git", "-C", ROOT, "ls-files", "supernet", "wire", "program", "worker", "coordinator").split()
    inside = {name if name.startswith("supernet/") else f"supernet/{name}" for name in tracked}
    assert inside <= set(names)


def test_both_programs_serve_beside_packages_that_have_our_names(
    network: Network, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Wherever those lie: beside us, in the folder where we are started, on PYTHONPATH."""
    planted = plant(tmp_path / "planted")
    monkeypatch.chdir(planted)
    monkeypatch.setenv("PYTHONPATH", str(planted))
    _answers(network)
    with urllib.request.urlopen(network.url + "/", timeout=PATIENCE_S) as page:
        assert b"<html" in page.read()


def test_both_programs_serve_where_python_puts_no_folder_on_its_path(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    _answers(network)


def _answers(network: Network) -> None:
    network.start_coordinator()
    assert network.get("/livez")
    network.start_worker()
    ask = {"model": MODEL, "messages": [{"role": "user", "content": "Hello!"}], "max_tokens": 4}
    assert network.post("/v1/chat/completions", ask)["usage"]["completion_tokens"] == 4


def test_each_environment_has_one_program_and_says_in_a_line_what_the_other_needs(commands: dict[str, Path]) -> None:
    for extra, folder in commands.items():
        other = "worker" if extra == "coordinator" else "coordinator"
        assert "usage" in run(folder / f"supernet-{extra}", "--help")
        done = subprocess.run(
            [folder / f"supernet-{other}", "--help"], capture_output=True, text=True, timeout=PATIENCE_S
        )
        assert (done.returncode, done.stdout) == (EXIT_CONFIG, "")
        assert done.stderr.count("\n") == 1 and f"supernet[{other}]" in done.stderr


def test_a_catalog_comes_with_the_wheel(commands: dict[str, Path]) -> None:
    """`--plan` reads it; without a network, and without the model's file, it says what the model is at most."""
    done = subprocess.run(
        [commands["worker"] / "supernet-worker", "--plan", "--model", "no-such-model"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert "no-such-model" in done.stderr and "catalog at" not in done.stderr
