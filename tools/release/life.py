"""The life of a worker that was never cloned: installed from what a coordinator serves, seen, paid, upgraded, removed.

scripts/try_release          in a bare Debian, as root with debootstrap
scripts/try_release --here   with this machine's Python in an empty home
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tools.local_network import MODEL, Network, Process, until
from tools.release import as_a_service
from tools.release.box import COMPILERS, GET, Box, alone, debian
from tools.release.build import ROOT, build

TINY = ROOT / "tools" / "tiny_models" / "tiny-qwen3-chat.gguf"
FIRST, SECOND = "0.1.0", "0.1.1"  # of the trial's two releases; neither is given to anybody


def releases(folder: Path, engine: Path) -> tuple[Path, Path]:
    """Two releases for this Python, of which one is newer."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    made = (folder / "first", folder / "second")
    for place, version in zip(made, (FIRST, SECOND), strict=True):
        build(place, {"cpu": engine}, [python], as_version=version)
    return made


class Life:
    """The steps, in their order. Each raises AssertionError if it is not as it should be."""

    def __init__(self, box: Box, network: Network, say: Callable[[str], None]) -> None:
        self.box = box
        self.network = network
        self.say = say
        self.folder = box.home / ".local" / "share" / "supernet-worker"
        self.worker: Process | None = None

    def all(self, first: Path, second: Path) -> None:
        assert not [name for name in COMPILERS if self.box.has(name)], "the place is not empty"
        before = self.box.files()
        self.network.start_coordinator("--downloads", str(first))
        self.install()
        with self.running():
            self.earn()
        self.offer_newer(second)
        self.upgrade()
        self.remove(before)

    def install(self) -> None:
        made = self.network.post("/v1/account/keys", {"name": "box", "scopes": ["worker"]})
        place = self.box.outside(self.folder)
        place.mkdir(parents=True)
        catalog, model = place / "models.yaml", place / "model.gguf"
        catalog.write_bytes(self.network.catalog.read_bytes())
        model.write_bytes(TINY.read_bytes())
        lines = [f'catalog = "{self.folder}/models.yaml"', f'model_file = "{self.folder}/model.gguf"', "threads = 1"]
        (place / "worker.toml").write_text("\n".join(lines) + "\n")
        plan = self.installer("--model", MODEL, "--dry-run")
        assert "would install" in plan and not (place / "releases").exists()
        self.installer("--model", MODEL, "--key-file", "/dev/stdin", key=made["key"])
        kept = place / "key"
        assert kept.read_text().strip() == made["key"] and kept.stat().st_mode & 0o777 == 0o600
        self.say("installed, without a compiler, from what the coordinator serves alone")

    def installer(self, *options: str, key: str = "") -> str:
        """Fetch install.sh as the page says, and run it."""
        script = self.box.home / "install.sh"
        text = self.box.run("python3", "-c", GET, f"{self.network.url}/downloads/install.sh")
        self.box.outside(script).write_text(text)
        try:
            return self.box.run("sh", str(script), self.network.url, "--user", *options, key=key)
        finally:
            self.box.outside(script).unlink()

    @contextmanager
    def running(self) -> Iterator[None]:
        log = self.network.folder / f"box.{time.monotonic_ns()}.log"
        with log.open("wb") as out:
            command = self.box.command(str(self.box.home / ".local" / "bin" / "supernet-worker"))
            popen = subprocess.Popen(command, stdout=out, stderr=out)
        self.worker = Process(popen, log, self.folder)
        try:
            until(lambda: self.network.online() == 1, self.worker)
            yield
        finally:
            popen.terminate()
            popen.wait(60)

    def seen(self) -> dict[str, Any]:
        """The worker, as its page shows it."""
        (tile,) = [one for one in self.network.get("/v1/network")["workers"] if one.get("mine")]
        worker: dict[str, Any] = self.network.get(f"/v1/network/workers/{tile['id']}")
        return worker

    def earn(self) -> None:
        found = self.seen()
        assert found["version"] == FIRST and found["models"][0]["id"] == MODEL
        self.say(f"online, and on its page: {found['name']}, {len(found['models'][0]['cells'])} slots")
        self.ask_as_a_stranger()
        earnings = f"/v1/network/workers/{found['id']}/earnings"
        until(lambda: self.network.get(earnings)["earned_nano_usd"] > 0, self.worker)
        self.say(f"first tokens earned: {self.network.get(earnings)['earned_nano_usd']} nano-dollars")

    def ask_as_a_stranger(self) -> None:
        """Nobody earns from himself."""
        owner, self.network.key = self.network.key, self.network.create_stranger("client")
        try:
            ask = {"model": MODEL, "messages": [{"role": "user", "content": "Hello!"}], "max_tokens": 8}
            assert self.network.post("/v1/chat/completions", ask)["usage"]["completion_tokens"]
        finally:
            self.network.key = owner

    def offer_newer(self, second: Path) -> None:
        network = self.network
        assert network.coordinator is not None
        network.coordinator.popen.terminate()
        network.coordinator.wait()
        network.start_coordinator("--downloads", str(second))
        with self.running():
            assert "newer_version" in [issue["code"] for issue in self.seen()["issues"]]
            checked = json.loads(self._check())
            (told,) = [one for one in checked["findings"] if one["name"] == "version"]
            assert SECOND in told["message"] and f"{network.url}/downloads/install.sh" in told["remedy"]
            status = self.box.run(str(self.box.home / ".local" / "bin" / "supernet-worker"), "--status")
            assert f"newer version   {SECOND} is out" in status
        self.say("the page, --check and --status tell of the newer version, and the old one serves on")

    def _check(self) -> str:
        command = self.box.command(str(self.box.home / ".local" / "bin" / "supernet-worker"), "--check", "--json")
        return subprocess.run(command, capture_output=True, text=True, timeout=300).stdout

    def upgrade(self) -> None:
        self.installer()
        with self.running():
            until(lambda: self.seen()["version"] == SECOND, self.worker)
            assert "newer_version" not in [issue["code"] for issue in self.seen()["issues"]]
        self.say("upgraded: the same worker, the new version")

    def remove(self, before: set[str]) -> None:
        self.installer("--remove")
        assert self.box.outside(self.folder / "key").exists() and not self.box.outside(self.folder / "current").exists()
        self.installer("--remove", "--purge")
        left = self.box.files() - before - {str(self.box.outside(self.box.home / name)) for name in PARENTS}
        assert not left, f"left behind: {sorted(left)[:10]}"
        self.say("removed, and nothing is left")


PARENTS = (".local", ".local/bin", ".local/share")  # a home has them sooner or later, and others put theirs there


def say(text: str) -> None:
    print(f"ok: {text}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser("scripts/try_release", description=__doc__)
    parser.add_argument("--here", action="store_true", help="with this machine's Python in an empty home")
    parser.add_argument("--engine", type=Path, required=True, help=argparse.SUPPRESS)
    args = parser.parse_args()
    empty = alone if args.here else debian
    with tempfile.TemporaryDirectory(prefix="supernet-try-") as place, empty(Path(place)) as box:
        folder = Path(place) / "network"
        folder.mkdir()
        network = Network(folder, TINY)
        try:
            Life(box, network, say).all(*releases(Path(place), args.engine))
            if not args.here:
                as_a_service.live(box, network, say)
        finally:
            network.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
