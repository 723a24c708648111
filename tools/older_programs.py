"""A network in which one program, or both, are those of another commit."""

import io
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from tools.local_network import Network, Process

ROOT = Path(__file__).parents[1]
FLAGS = {"coordinator": {"--catalog": "--models"}, "worker": {"--catalog": "--catalogue"}}  # as they were called once


@dataclass
class MixedNetwork(Network):
    """`trees` has the checkouts that "coordinator" and "worker" run from; what it does not name runs from this one."""

    def _spawn(self, name: str, args: list[str], env: dict[str, str] | None = None) -> Process:
        flags = FLAGS[args[1]] if args[1] in self.trees else {}
        return super()._spawn(name, [flags.get(arg, arg) for arg in args], env)


def checkout(commit: str, folder: Path) -> Path:
    """The tree of a commit, unpacked into the folder. Raises CalledProcessError if the history lacks it."""
    packed = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder
