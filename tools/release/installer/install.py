"""Installs a worker from the wheels that a coordinator serves, for one user or as a service; install.sh carries it.

Whatever is fetched is held against a SHA-256 before it is used: the manifest against the one that stands here, every
other file against the manifest, and what pip installs against the hashes of the requirements.
"""

import argparse
import getpass
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from glob import glob
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

VERSION = "@VERSION@"
MANIFEST_SHA256 = "@MANIFEST@"
MAX_MANIFEST_BYTES = 2**20
TIMEOUT_S = 60
INSTALL_S = 1800
SERVICE = Path("/opt/supernet")
KEPT_SERVICE = SERVICE / "installer" / "scripts" / "install_service"
OURS = "# written by Supernet's install.sh"


class InstallError(Exception):
    """It cannot go on; the text says what to do."""


def say(text: str) -> None:
    print(f"install: {text}", flush=True)


class Release:
    """The release that the coordinator at `url` serves; its files are kept in `folder` once they have been checked."""

    def __init__(self, url: str, folder: Path) -> None:
        self.files = f"{url}/downloads"
        self.folder = folder
        text = self._get("manifest.json", MAX_MANIFEST_BYTES)
        if hashlib.sha256(text).hexdigest() != MANIFEST_SHA256:
            raise InstallError(f"{url} serves another release than this install.sh is of: fetch install.sh again")
        told = json.loads(text)
        self.pythons: list[str] = told["pythons"]
        self.engines: dict[str, dict[str, Any]] = told["engines"]
        self.entries: dict[str, dict[str, Any]] = {entry["name"]: entry for entry in told["files"]}

    def fetch(self, name: str) -> Path:
        """The file, checked. Raises InstallError if it is another one."""
        entry, path = self.entries[name], self.folder / name
        if not path.exists():
            data = self._get(name, entry["size"])
            if hashlib.sha256(data).hexdigest() != entry["sha256"]:
                raise InstallError(f"{name} is not the file that the release has: nothing of it was used")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return path

    def _get(self, name: str, most: int) -> bytes:
        where = f"{self.files}/{name}"
        try:
            with urllib.request.urlopen(where, timeout=TIMEOUT_S) as answer:
                data: bytes = answer.read(most + 1)
        except OSError as error:
            raise InstallError(f"{where}: {error}") from None
        if len(data) > most:
            raise InstallError(f"{where} is larger than it should be")
        return data


# ---- this machine ----------------------------------------------------------------------------------------------------


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


# ---- an environment --------------------------------------------------------------------------------------------------


def fill(release: Release, engine: str, venv: Path) -> None:
    """Make an environment with the worker in it. Raises InstallError, and leaves nothing then."""
    python = ".".join(platform.python_version_tuple()[:2])
    if python not in release.pythons:
        raise InstallError(f"the release is for Python {', '.join(release.pythons)}, and this is {python}")
    wheel = release.entries[release.engines[engine]["file"]]
    name, version = Path(wheel["name"]).name.split("-")[:2]
    wanted = release.folder / "wanted.txt"
    pinned = release.fetch("requirements.txt").read_text()
    wanted.write_text(f"{pinned}{name}=={version} --hash=sha256:{wheel['sha256']}\n")
    pip = release.fetch(next(file for file in release.entries if file.startswith("pip-")))
    try:
        _run([sys.executable, "-m", "venv", "--without-pip", str(venv)])
        _run(
            [
                *(str(venv / "bin" / "python"), str(pip / "pip"), "install", "--isolated", "--no-cache-dir", "--no-input"),
                *("--disable-pip-version-check", "--only-binary", ":all:", "--require-hashes"),
                *("--index-url", f"{release.files}/simple/{engine}", "--requirement", str(wanted)),
            ]
        )
        _run([str(venv / "bin" / "supernet-worker"), "--version"])
    except BaseException:
        shutil.rmtree(venv, ignore_errors=True)
        raise


def _run(command: list[str]) -> None:
    # No pip.conf of this machine: what is installed comes from the coordinator alone.
    environment = {**os.environ, "PIP_CONFIG_FILE": os.devnull}
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S, env=environment)
    if done.returncode:
        raise InstallError(f"{Path(command[0]).name} failed: {(done.stderr or done.stdout).strip()[-2000:]}")


# ---- for one user ----------------------------------------------------------------------------------------------------


class Home:
    """The folder of one user's worker: code, settings, key, models and state are all in it."""

    def __init__(self, folder: Path, dry: bool) -> None:
        self.folder = folder
        self.dry = dry
        self.settings = folder / "worker.toml"
        self.key = folder / "key"
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
            start = f'SUPERNET_CONFIG=${{SUPERNET_CONFIG:-{self.settings}}} exec {program} "$@"'
            self.command.write_text(f"#!/bin/sh\n{OURS}\n{start}\n")
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


# ---- as a service ----------------------------------------------------------------------------------------------------


def serve(release: Release, engine: str, args: argparse.Namespace, key: str) -> None:
    """Have scripts/install_service make the service, with an environment that `fill` fills."""
    scripts = release.folder / "scripts"
    scripts.mkdir()
    for name in ("install_service", "supernet-worker.service"):
        shutil.copy(release.fetch(name), scripts / name)
    filler = release.folder / "fill"
    filler.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" "{args.url}" --engine {engine} --into "$1"\n')
    filler.chmod(0o700)
    command = ["bash", str(scripts / "install_service"), "--fill-with", str(filler), "--coordinator", args.url]
    command += ["--model", args.model] if args.model else []
    if key:
        secret = release.folder / "key"
        secret.touch(0o600)
        secret.write_text(key + "\n")
        command += ["--key-file", str(secret)]
    if args.dry_run:
        subprocess.run([*command, "--dry-run"], check=True)
        return
    subprocess.run(command, check=True)
    KEPT_SERVICE.parent.mkdir(parents=True, exist_ok=True)  # so that it can be removed when nobody serves it any more
    shutil.copy(scripts / "install_service", KEPT_SERVICE)


def stop_serving(purge: bool, dry: bool) -> None:
    if not KEPT_SERVICE.exists():
        raise InstallError(f"there is no service that this script installed in {SERVICE}")
    options = [option for option, on in (("--purge", purge), ("--dry-run", dry)) if on]
    subprocess.run(["bash", str(KEPT_SERVICE), "--uninstall", *options], check=True)


# ---- the command line ------------------------------------------------------------------------------------------------


def address(text: str) -> str:
    """The coordinator's address as https://host. Raises ArgumentTypeError."""
    parts = urlsplit(re.sub(r"^ws", "http", text).rstrip("/"))
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or "@" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is no address such as https://net.example")
    if not re.fullmatch(r"[A-Za-z0-9._~:/\[\]-]+", parts.geturl()):
        raise argparse.ArgumentTypeError(f"{text!r} has characters that do not belong in an address")
    return parts.geturl()


def find_key(args: argparse.Namespace, known: Path) -> str:
    """The worker's key: of a file, of SUPERNET_KEY, or typed; "" where one is known already. Never an argument, which
    every user of the machine could read."""
    if args.key_file:
        lines = args.key_file.read_text().splitlines()
        key: str = lines[0] if lines else ""
    else:
        key = os.environ.get("SUPERNET_KEY", "")
        if not key and not args.dry_run and not (known.exists() and known.stat().st_size):
            key = getpass.getpass("The worker's key (it is not shown): ")
    if key and not re.fullmatch(r"[\x21-\x7e]{8,256}", key.strip()):
        raise InstallError("that is no key: copy it again from the page where it was made")
    return key.strip()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser("install.sh", description=f"Installs or upgrades Supernet's worker to {VERSION}.")
    parser.add_argument("url", nargs="?", type=address, help="the coordinator, https://net.example")
    parser.add_argument("--key-file", type=Path, metavar="FILE", help="the key's file; else SUPERNET_KEY, else it asks")
    parser.add_argument("--model", metavar="ID", help="which model to serve; else the network's default")
    parser.add_argument("--engine", metavar="NAME", help="cpu, vulkan or cuda; else what suits this machine")
    where = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    parser.add_argument("--folder", type=Path, default=Path(where) / "supernet-worker", help="(default: %(default)s)")
    parser.add_argument("--user", action="store_true", help="for one user, as root too")
    parser.add_argument("--remove", action="store_true", help="take it away again; settings, key and models stay")
    parser.add_argument("--purge", action="store_true", help="with --remove: those too")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)  # only an environment, for install_service
    args = parser.parse_args()
    if args.purge and not args.remove:
        parser.error("--purge goes with --remove")
    if not args.url and not args.remove:
        parser.error("say which coordinator: sh install.sh https://net.example")
    args.folder = args.folder.absolute()
    return args


def main() -> None:
    args = parse()
    service = os.geteuid() == 0 and not args.user and not args.into and Path("/run/systemd/system").exists()
    home = Home(args.folder, args.dry_run)
    if args.remove:
        return stop_serving(args.purge, args.dry_run) if service else home.remove(args.purge)
    with tempfile.TemporaryDirectory(prefix="supernet-install-") as folder:
        release = Release(args.url, Path(folder))
        engine = choose_engine(release, args.engine)
        if args.into:
            return fill(release, engine, args.into)
        key = find_key(args, Path("/etc/supernet/key") if service else home.key)
        if service:
            return serve(release, engine, args, key)
        given = {"coordinator": args.url} | ({"model": args.model} if args.model else {})
        home.install(release, engine, given, key)


if __name__ == "__main__":
    try:
        main()
    except (InstallError, OSError, subprocess.SubprocessError) as error:
        sys.exit(f"install: {error}")
