"""A whole network of real processes on loopback: one coordinator, any number of workers, ended with the test."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.free_port import free_port

PATIENCE_S = 120.0  # a bound on waiting for a process, far above what it needs: not an assertion about speed
LOADING_S = 300.0  # of a pipeline: torch and diffusers are read from the disk first
MODEL = "tiny-chat"
CATALOG = """
default: {id}
models:
  - id: {id}
    name: Tiny chat
    format: {format}
    files:
      - name: tiny.gguf
        sha256: {sha256}{projector}
    context: {context}
    max_output: 4096
    thinking: {thinking}
    presets:
      thinking_general: {{temperature: 0.0, top_p: 1.0, top_k: 20}}
      plain_general: {{temperature: 0.0, top_p: 1.0, top_k: 20}}
    price: {{prompt: 300, completion: 900}}
    licence: Apache-2.0
"""
PROJECTOR = """
    projector:
      name: tiny-mmproj.gguf
      sha256: {sha256}"""


@dataclass
class Process:
    """A child with its output in a file, so that it can never block on a full pipe."""

    popen: "subprocess.Popen[bytes]"
    log: Path
    state: Path  # a worker's --state-dir

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        self.popen.send_signal(number)

    def wait(self) -> int:
        return self.popen.wait(PATIENCE_S)


@dataclass
class Network:
    """Starts and ends processes; `url` and `key` are what a client needs."""

    folder: Path
    model_file: Path
    context: int = 4096
    thinking: bool = True
    format: str = "qwen-json"
    projector: Path | None = None  # the model sees pictures
    port: int = field(default_factory=free_port)
    worker_port: int = 0  # where workers dial; 0: the coordinator's own port
    more_catalog: str = ""  # what is offered besides the model, as text
    key: str = ""
    db: str = "coordinator.db"  # a file in the folder, or a URL
    program: str = "coordinator"  # the module that serves
    trees: Mapping[str, Path] = field(default_factory=dict)  # another checkout that "coordinator", "worker" run from
    env: Mapping[str, str] = field(default_factory=dict)  # for all of them, beside what this process has
    coordinator: Process | None = None
    workers: list[Process] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> list[str]:
        """What a command is told of the database. Replicas of one share the folder, and so the pepper there."""
        if "://" in self.db:
            return ["--db", self.db, "--pepper", str(self.folder / "pepper")]
        return ["--db", str(self.folder / self.db)]

    @property
    def catalog(self) -> Path:
        path = self.folder / "models.yaml"
        words = {"format": self.format, "context": self.context, "thinking": str(self.thinking).lower()}
        words["projector"] = PROJECTOR.format(sha256=_sha256(self.projector)) if self.projector else ""
        text = CATALOG.format(id=MODEL, sha256=_sha256(self.model_file), **words) + self.more_catalog
        if not path.exists() or path.read_text() != text:  # who is being started reads it at this moment
            path.write_text(text)
        return path

    def start_coordinator(self, *options: str) -> None:
        """Start, or restart on the same port and database."""
        self.key = self.key or self.create_key("test")
        args = [
            "-m",
            self.program,
            "serve",
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
            "--json",
            "--queue-wait-s",
            "15",
        ]
        args += ["--resume-window-s", "5", "--rpm", "0", "--concurrency", "0"]
        args += [*self.database, "--catalog", str(self.catalog)]
        self.coordinator = self._spawn("coordinator", [*args, *options])
        until(lambda: "listening" in self._coordinator().output(), self._coordinator())

    def create_key(self, name: str, *options: str) -> str:
        args = ["-m", "coordinator", "key", "create", "--init", *self.database, "--name", name, "--json", *options]
        tree = self.trees.get("coordinator")
        out = subprocess.run(self._command(args), check=True, capture_output=True, timeout=PATIENCE_S, cwd=tree)
        key: str = json.loads(out.stdout)["key"]
        if self.coordinator is not None and self.coordinator.popen.poll() is None:
            until(lambda: self.knows(key), self.coordinator)  # it looks once a second
        return key

    def invite(self) -> str:
        """The code of a new invite."""
        args = [sys.executable, "-m", "coordinator", "invite", "create", *self.database, "--json"]
        out = subprocess.run(args, check=True, capture_output=True, timeout=PATIENCE_S)
        code: str = json.loads(out.stdout)["code"]
        return code

    def create_stranger(self, account: str, weight: float = 1.0) -> str:
        """A key of another account, which is made."""
        weigh = [["set", account, "--weight", str(weight)]] if weight != 1.0 else []
        for what in [["create", "--name", account], *weigh]:
            args = [sys.executable, "-m", "coordinator", "account", *what, *self.database]
            subprocess.run(args, check=True, capture_output=True, timeout=PATIENCE_S)
        return self.create_key(account, "--account", account)

    def start_worker(self, *options: str, key: str | None = None, name: str = "", wait: bool = True) -> Process:
        model = ["--model", MODEL, "--model-file", str(self.model_file), "--threads", "1", "--slots", "2"]
        if self.projector is not None:
            options += ("--projector-file", str(self.projector), "--vision", "on")
        before = self.online() if wait else 0
        worker = self.start_program(name or f"worker{len(self.workers)}", key or self.key, *model, *options)
        if wait:
            until(lambda: self.online() > before, worker)
        return worker

    def start_media_worker(self, pipeline: str, kind: str, *options: str) -> Process:
        """A worker that chats with nobody; returns once it is ready. `kind`: of what it makes, as in
        /v1/models?type=KIND."""
        worker = self.start_program(f"worker{len(self.workers)}", self.key, "--media", pipeline, *options)

        def ready() -> bool:
            listed = self.get(f"/v1/models?type={kind}")["data"]
            return any(model["id"] == pipeline and model["workers_online"] > 0 for model in listed)

        until(ready, worker, LOADING_S)
        return worker

    def start_program(self, name: str, key: str, *options: str) -> Process:
        """A worker with these options; does not wait for it."""
        args = ["-m", "worker", "--coordinator", f"ws://127.0.0.1:{self.worker_port or self.port}"]
        args += ["--catalog", str(self.catalog), "--state-dir", str(self.folder / name)]
        args += ["--models-dir", str(self.folder / "cache"), *options]
        worker = self._spawn(name, args, {"SUPERNET_KEY": key})
        self.workers.append(worker)
        return worker

    def start_swarm(
        self, first: int, count: int, keys: str, pace_s: float, slots: int = 1, read_s: float = 0.0, *options: str
    ) -> None:
        """Many scripted workers in one process; does not wait for them. `options`: of tools/chaos/swarm_workers.py."""
        dial = f"ws://127.0.0.1:{self.worker_port or self.port}"
        args = ["-m", "tools.chaos.swarm_workers", "--coordinator", dial, "--keys", keys]
        args += ["--first", str(first), "--workers", str(count), "--pace-s", str(pace_s)]
        args += ["--slots", str(slots), "--read-s", str(read_s), *options]
        self.workers.append(self._spawn(f"swarm{first}", args))

    def get(self, path: str) -> Any:
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {self.key}"})
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def post(self, path: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            return json.load(response)

    def online(self) -> int:
        """How many workers serve the model now."""
        online: int = self.get(f"/v1/models/{MODEL}")["workers_online"]
        return online

    def close(self) -> None:
        processes = [*self.workers, *([self.coordinator] if self.coordinator else [])]
        for process in processes:
            if process.popen.poll() is None:
                process.kill(signal.SIGCONT)  # a stopped process would ignore everything else
                process.kill()
        for process in processes:
            process.wait()

    def knows(self, key: str) -> bool:
        """Whether the coordinator takes this key: it looks for new ones once a second."""
        request = urllib.request.Request(self.url + "/v1/models", headers={"Authorization": f"Bearer {key}"})
        try:
            urllib.request.urlopen(request, timeout=10).close()
        except urllib.error.HTTPError as error:
            error.close()
            return error.code != 401  # 403: known, but of another scope
        return True

    def _coordinator(self) -> Process:
        assert self.coordinator is not None, "start_coordinator comes first"
        return self.coordinator

    def _command(self, args: list[str]) -> list[str]:
        """How a program is started; `args` are -m, its module and its options."""
        return [sys.executable, *args]

    def _spawn(self, name: str, args: list[str], env: dict[str, str] | None = None) -> Process:
        log = self.folder / f"{name}.{time.monotonic_ns()}.log"
        clean = {key: value for key, value in os.environ.items() if not key.startswith("SUPERNET_")}
        with log.open("wb") as out:
            popen = subprocess.Popen(
                self._command(args),
                stdout=out,
                stderr=out,
                env={**clean, **self.env, **(env or {})},
                cwd=self.trees.get(args[1]),
            )
        return Process(popen, log, self.folder / name)


def _sha256(file: Path) -> str:
    """Of what the file holds; of nothing if there is none, as with scripted workers."""
    return hashlib.sha256(file.read_bytes() if file.is_file() else b"").hexdigest()


def until(condition: Any, process: Process | None = None, within_s: float = PATIENCE_S) -> None:
    """Poll the outside world until `condition()`; fails with the process's output when it dies or takes for ever."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            if condition():
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass
        said = process.output()[-4000:] if process else ""
        assert process is None or process.popen.poll() is None, f"the process ended:\n{said}"
        assert time.monotonic() < deadline, f"waited {within_s} s in vain\n{said}"
        time.sleep(0.05)
