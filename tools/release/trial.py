"""What was built, tried as others get it: each program in an environment that had nothing in it before."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools.environments import UV
from tools.local_network import MODEL as MODEL_ID
from tools.local_network import Network
from tools.release.build import ROOT, ReleaseError

TRY_S = 900
FOREIGN = {"worker": ("sqlalchemy", "starlette", "uvicorn", "av"), "coordinator": ("llama_cpp", "llguidance", "jinja2")}
MODEL = ROOT / "tools" / "tiny_models" / "tiny-qwen3-chat.gguf"


class Installed(Network):
    """A network of installed commands. `commands`: program -> the folder of its command."""

    commands: dict[str, Path]

    def _command(self, args: list[str]) -> list[str]:
        _, program, *options = args
        return [str(self.commands[program] / f"supernet-{program}"), *options]


def tried(folder: Path) -> Iterator[str]:
    """What works, in words, as it is found. Raises ReleaseError at the first thing that does not."""
    with tempfile.TemporaryDirectory(prefix="supernet-release-") as place:
        commands = {program: _environment(folder, program, Path(place) / program) for program in FOREIGN}
        for program, bin in commands.items():
            here = json.loads(_run(UV, "pip", "list", "--format", "json", "--python", bin / "python"))
            names = {one["name"].replace("-", "_") for one in here}
            if wrong := names & set(FOREIGN[program]):
                raise ReleaseError(f"the {program}'s environment has {', '.join(sorted(wrong))}")
            _run(bin / f"supernet-{program}", "--version")
            _run(bin / f"supernet-{program}", "--help")
            yield f"the {program} alone: {len(names)} packages"
        (data := Path(place) / "network").mkdir()
        network = Installed(data, MODEL)
        network.commands = commands
        try:
            network.start_coordinator()
            model = ["--catalog", network.catalog, "--model", MODEL_ID, "--model-file", MODEL]
            plan = _run(commands["worker"] / "supernet-worker", "--plan", *model, "--state-dir", data / "plan")
            yield f"the worker plans: {plan.splitlines()[0]}"
            network.start_worker()
            yield "the coordinator starts, and the worker registers"
        finally:
            network.close()


def _environment(folder: Path, program: str, venv: Path) -> Path:
    """Filled from the release's folder first; what a worker does not need comes from the package index."""
    _run(UV, "venv", "--quiet", "--python", sys.executable, venv)
    links = [option for path in (folder, *sorted(folder.glob("engines/cpu"))) for option in ("--find-links", path)]
    wheel = next(folder.glob("supernet-*.whl"))
    wanted = f"supernet[{program}] @ {wheel.resolve().as_uri()}"
    only = ["--no-index"] if program == "worker" else []  # all that a worker needs has to be in the folder
    python = venv / "bin" / "python"
    _run(UV, "pip", "install", "--quiet", "--python", python, *only, *links, "-c", ROOT / "constraints.txt", wanted)
    return venv / "bin"


def _run(*command: object) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=TRY_S)
    if done.returncode:
        raise ReleaseError(f"{' '.join(map(str, command[:3]))} …: {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout
