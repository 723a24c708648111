"""A network whose model sees by its catalog, with scripted workers that read the pictures and answer from a script."""

from dataclasses import dataclass
from pathlib import Path

from tools.local_network import Network, Process

_EYES = "    projector: {name: mmproj.gguf, sha256: '" + "0" * 64 + "'}\n"


@dataclass
class SeeingNetwork(Network):
    @property
    def catalog(self) -> Path:
        path = super().catalog
        path.write_text(path.read_text().replace("    context:", _EYES + "    context:"))
        return path

    def start_scripted(self, *script: str) -> Process:
        """A worker that sees, with the options behind `--scripted`: a script's file, and how it answers without."""
        return self.start_worker("--scripted", *script, "--scripted-vision")
