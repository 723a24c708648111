"""A real provider of OpenID Connect, npm's oidc-provider, on loopback: it lets in whoever writes a name."""

import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools import environments
from tools.compat.install import NODE
from tools.free_port import free_port
from tools.local_network import until

PACKAGE = "oidc-provider@9"
PROGRAM = Path(__file__).with_name("oidc_provider.mjs")
CLIENT, SECRET = "supernet", "hush+100%&more"  # what a form has to quote


@dataclass
class RealProvider:
    """`file`: the operator's, that names it. `url`: its issuer; another site than localhost, as a browser sees it."""

    url: str
    file: Path


@contextmanager
def real_provider(folder: Path, coordinator_port: int, host: str = "localhost") -> Iterator[RealProvider]:
    """Skips the test where there is no npm; under CI there must be one."""
    if shutil.which("npm") is None and not os.environ.get("CI"):
        pytest.skip("no npm on this machine: apt-get install npm")
    home = environments.folder("oidc-provider")
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "node_modules" / "oidc-provider").exists():
        install = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", str(home)]
        environments.quiet(*install, NODE, PACKAGE)
    program = Path(shutil.copy(PROGRAM, home))  # Node looks for packages beside the program
    port = free_port()
    back = f"http://{host}:{coordinator_port}/account/provider/node"
    node = home / "node_modules" / ".bin" / "node"
    with (folder / "provider.log").open("wb") as log:
        process = subprocess.Popen([node, program, str(port), CLIENT, SECRET, back], stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        document = f"{url}/.well-known/openid-configuration"
        until(lambda: urllib.request.urlopen(document, timeout=5).status == 200)
        (folder / "secret").write_text(SECRET)
        file = folder / "oidc.toml"
        table = f'[node]\nname = "Node ID"\nissuer = "{url}"\nclient_id = "{CLIENT}"\nclient_secret_file = "secret"\n'
        file.write_text(table)
        yield RealProvider(url, file)
    finally:
        process.kill()
        process.wait()
