"""Installs a worker from the wheels that a coordinator serves, for one user or as a service of systemd."""

import argparse
import getpass
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from tools.release.installer.environment import fill
from tools.release.installer.home import Home
from tools.release.installer.machine import choose_engine
from tools.release.installer.served import VERSION, InstallError, Release
from tools.release.installer.service import serve, stop_serving


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
    parser.add_argument(
        "--gpu", metavar="N", help="a second service, for this GPU alone (nvidia-smi -L has its number)"
    )
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
    if args.gpu and not re.fullmatch("0|[1-9][0-9]?", args.gpu):
        parser.error("--gpu is a number: 0, 1, 2")
    if not args.url and not args.remove:
        parser.error("say which coordinator: sh install.sh https://net.example")
    args.folder = args.folder.absolute()
    return args


def main() -> None:
    args = parse()
    service = os.geteuid() == 0 and not args.user and not args.into and Path("/run/systemd/system").exists()
    if args.gpu and not service:
        raise InstallError(
            "--gpu makes a service of systemd, so it needs root: for one user CUDA_VISIBLE_DEVICES chooses"
        )
    home = Home(args.folder, args.dry_run)
    if args.remove:
        return stop_serving(args.purge, args.dry_run, args.gpu) if service else home.remove(args.purge)
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
