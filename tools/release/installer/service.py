"""The worker as a service of systemd: scripts/install_service makes it, with an environment that is filled here."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from tools.release.installer.served import InstallError, Release

SERVICE = Path("/opt/supernet")
KEPT_SERVICE = SERVICE / "installer" / "scripts" / "install_service"


def serve(release: Release, engine: str, args: argparse.Namespace, key: str) -> None:
    """Have scripts/install_service make the service, with an environment that `fill` fills."""
    scripts = release.folder / "scripts"
    scripts.mkdir()
    for name in ("install_service", "supernet-worker.service"):
        shutil.copy(release.fetch(name), scripts / name)
    filler = release.folder / "fill"
    here = Path(__file__).parents[3]
    program = (
        f'PYTHONPATH="{here}" exec "{sys.executable}" -P -m {__package__} "{args.url}" --engine {engine} --into "$1"'
    )
    filler.write_text(f"#!/bin/sh\n{program}\n")
    filler.chmod(0o700)
    command = ["bash", str(scripts / "install_service"), "--fill-with", str(filler), "--coordinator", args.url]
    command += ["--model", args.model] if args.model else []
    command += ["--gpu", args.gpu] if args.gpu else []
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


def stop_serving(purge: bool, dry: bool, gpu: str | None) -> None:
    """Have the script that made the service take it away; `gpu`: that card's alone."""
    if not KEPT_SERVICE.exists():
        raise InstallError(f"there is no service that this script installed in {SERVICE}")
    options = [option for option, on in (("--purge", purge), ("--dry-run", dry)) if on]
    options += ["--gpu", gpu] if gpu else []
    subprocess.run(["bash", str(KEPT_SERVICE), "--uninstall", *options], check=True)
