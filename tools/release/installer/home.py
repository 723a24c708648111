"""The worker of one user, who needs no rights for it."""

import json
import os
import shlex
import shutil
import time
from pathlib import Path

from tools.release.installer.environment import fill
from tools.release.installer.served import VERSION, Release, say

OURS = "# written by Supernet's install.sh"


class Home:
    """The folder of one user's worker: code, settings, key, models and state are all in it."""

    def __init__(self, folder: Path, dry: bool) -> None:
        self.folder = folder.resolve()  # once: the release in use is told from old ones by its path
        self.dry = dry
        self.settings = self.folder / "worker.toml"
        self.key = self.folder / "key"
        self.command = Path.home() / ".local" / "bin" / "supernet-worker"

    def install(self, release: Release, engine: str, given: dict[str, str], key: str) -> None:
        before = self.folder / "current"
        place = self.folder / "releases" / f"{VERSION}.{time.time_ns()}"
        if self.dry:
            say(f"would install {VERSION} ({engine}) in {place}, write {self.settings} and the command {self.command}")
            return
        old = before.resolve() if before.is_symlink() else None
        say(f"installing {VERSION} ({engine}) in {place}")
        fill(release, engine, place)
        self._write(given, key)
        following = self.folder / "current.new"
        following.unlink(missing_ok=True)
        following.symlink_to(place)
        following.rename(before)
        for one in (self.folder / "releases").iterdir():  # the one before stays: its worker may still be running
            if one not in (place, old):
                shutil.rmtree(one)
        if not self.command.exists() or OURS in self.command.read_text(errors="replace"):
            self.command.parent.mkdir(parents=True, exist_ok=True)
            program = before / "bin" / "supernet-worker"
            settings = f"settings={shlex.quote(str(self.settings))}"
            start = f'SUPERNET_CONFIG=${{SUPERNET_CONFIG:-$settings}} exec {shlex.quote(str(program))} "$@"'
            self.command.write_text(f"#!/bin/sh\n{OURS}\n{settings}\n{start}\n")
            self.command.chmod(0o755)
        say(f"done. Start it with {self.command}; one that runs already is to be stopped first")
        say("as root, this script makes a service of it instead, which starts with the machine")

    def _write(self, given: dict[str, str], key: str) -> None:
        """Settings that are not given keep the value that they have."""
        places = {"key_file": self.key, "state_dir": self.folder / "state", "models_dir": self.folder / "models"}
        values = given | {name: str(path) for name, path in places.items()}
        lines = self.settings.read_text().splitlines() if self.settings.exists() else []
        kept = [line for line in lines if line.partition("=")[0].strip() not in values]
        new = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
        self.settings.write_text("\n".join([*new, *kept]) + "\n")
        if key:
            with open(os.open(self.key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                os.fchmod(file.fileno(), 0o600)  # one that was there keeps its own mode otherwise
                file.write(key + "\n")

    def remove(self, purge: bool) -> None:
        gone = [self.folder] if purge else [self.folder / "releases", self.folder / "current"]
        if self.command.exists() and OURS in self.command.read_text(errors="replace"):
            gone.append(self.command)
        for path in gone:
            say(f"{'would remove' if self.dry else 'removing'} {path}")
            if self.dry:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        if not purge:
            say(f"kept: settings, key, identity and models in {self.folder}; --remove --purge removes them")
