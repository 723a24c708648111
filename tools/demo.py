"""A coordinator, a worker with a real model, and one answer that streams to the terminal.

scripts/demo             answer one question, then keep serving until Ctrl-C
scripts/demo --once      answer, and leave with 0; with something else if anything failed
scripts/demo --json      one line {"base_url", "api_key", "model"} on stdout once it serves; the rest goes to stderr
"""

import argparse
import http.client
import io
import json
import os
import select
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from tools.processes import Process, ProcessError, until

MODEL = "smollm2-135m-instruct-gguf-q41"
PROMPT = "Why is the sky blue?"
KEPT = ("SUPERNET_MODELS_DIR",)  # of the owner's settings: 20 GB are not fetched twice
SILENCE_S = 120.0  # longest pause in an answer; the coordinator writes a line every 15 s, whatever the model does


class DemoError(Exception):
    """The demo cannot go on; the text says why."""


# What a network, a process, or an answer that is none can do to the demo: told in words, each one.
FAILURES = (DemoError, ProcessError, OSError, http.client.HTTPException, ValueError, LookupError)


class Stopped(Exception):
    """Ctrl-C or SIGTERM; `number` is the signal."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Signals:
    """Turns the first SIGINT or SIGTERM into Stopped; further ones are ignored, because the end under way is bounded.

    While `held`, a signal waits: one that came between the start of a process and the note to stop it would leave the
    process behind.
    """

    def __init__(self) -> None:
        self.busy = False
        self.came = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.receive)

    def receive(self, number: int, _frame: FrameType | None) -> None:
        if not self.came:
            self.came = number
            if not self.busy:
                raise Stopped(number)

    @contextmanager
    def held(self) -> Iterator[None]:
        self.busy = True
        try:
            yield
        finally:
            self.busy = False
        if self.came:
            raise Stopped(self.came)


@dataclass(frozen=True)
class Service:
    """What a client needs."""

    host: str
    port: int
    key: str
    model: str

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/v1"

    def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=SILENCE_S)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, json.dumps(body) if body else None, headers)
            response = connection.getresponse()
        except TimeoutError:
            raise DemoError(f"{method} {path}: no answer within {SILENCE_S:.0f} s") from None
        if response.status != 200:
            raise DemoError(f"{method} {path}: {response.status} {response.read(2000).decode(errors='replace')}")
        return response

    def workers_online(self) -> int:
        models = json.load(self.request("GET", "/v1/models"))["data"]
        return sum(model["workers_online"] for model in models if model["id"] == self.model)

    def chat(self, prompt: str) -> Iterator[dict[str, Any]]:
        """The chunks of a streamed answer, the last one with its usage."""
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": prompt}],
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": 200,
            "temperature": 0,  # the same answer every time; a small model that draws its words talks nonsense
        }
        for line in self._lines(self.request("POST", "/v1/chat/completions", body)):
            data = line.decode().removeprefix("data:").strip() if line.startswith(b"data:") else ""
            if data == "[DONE]":
                return
            if data:
                yield json.loads(data)
        raise DemoError("the stream ended without [DONE]")

    def _lines(self, response: http.client.HTTPResponse) -> Iterator[bytes]:
        try:
            yield from response
        except TimeoutError:
            raise DemoError(f"the answer stopped: not a byte for {SILENCE_S:.0f} s") from None


class Demo:
    """Starts things in order; `stack` ends them in the reverse order."""

    def __init__(self, args: argparse.Namespace, stack: ExitStack, signals: Signals) -> None:
        self.args = args
        self.signals = signals
        self.stack = stack
        self.words: TextIO = sys.stderr if args.json else sys.stdout
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="supernet-demo-")))

    def say(self, text: str, end: str = "\n") -> None:
        print(text, end=end, file=self.words, flush=True)

    def start(self) -> tuple[Service, Process, Process]:
        db = str(self.folder / "coordinator.db")
        key = self.create_key(db)  # first: a running coordinator would hear of it only within a second
        serve = ["coordinator", "serve", "--host", "127.0.0.1", "--port", "0", "--db", db, "--json", "--rpm", "0"]
        self.say("starting the coordinator …")
        coordinator = self.spawn("coordinator", serve, self.stack)
        port = self.listening(coordinator)
        service = Service("127.0.0.1", port, key, self.args.model)
        dial = ["worker", "--coordinator", f"ws://127.0.0.1:{port}", "--model", service.model]
        dial += ["--state-dir", str(self.folder / "worker")]
        self.say("starting the worker …")
        secret = {"SUPERNET_KEY": service.key}  # not a flag: `ps` shows those to everybody
        worker = self.spawn("worker", dial, self.stack, secret)
        self.await_worker(service, coordinator, worker)
        return service, coordinator, worker

    def create_key(self, db: str) -> str:
        create = ["coordinator", "key", "create", "--init", "--db", db, "--name", "demo", "--json"]
        self.say("making a key …")
        with ExitStack() as at_once:  # its number may be another process's by the end of the demo
            maker = self.spawn("key-maker", create, at_once)

            def made() -> str | None:
                return json.loads(maker.out.read_text())["key"] if maker.popen.poll() == 0 else None

            return until("making a key", made, [maker], self.say)

    def spawn(self, name: str, args: list[str], stack: ExitStack, env: dict[str, str] | None = None) -> Process:
        with self.signals.held():
            process = Process.start(name, args, self.folder, self.environment() | (env or {}))
            stack.callback(process.stop)
        return process

    def environment(self) -> dict[str, str]:
        """Ours without an owner's settings, whose hours, port or model may be those of the worker that serves here."""
        settings = self.folder / "worker.toml"
        settings.touch()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SUPERNET_") or name in KEPT}
        return kept | {"SUPERNET_CONFIG": str(settings)}

    def listening(self, coordinator: Process) -> int:
        """The port that the coordinator chose, as it prints it."""

        def port() -> int | None:
            for line in coordinator.out.read_text().splitlines(keepends=True):
                if line.endswith("\n") and "listening" in line:
                    return int(json.loads(line)["listening"].rsplit(":", 1)[1])
            return None

        return until("starting the coordinator", port, [coordinator], self.say)

    def await_worker(self, service: Service, coordinator: Process, worker: Process) -> None:
        self.say(f"waiting for the worker to load {service.model} (it may download it first) …")
        until(f"loading {service.model}", lambda: service.workers_online() or None, [coordinator, worker], self.say)

    def ask(self, service: Service) -> None:
        self.say(f"\n> {self.args.prompt}\n")
        usage: dict[str, Any] = {}
        began, first = time.monotonic(), 0.0
        for chunk in service.chat(self.args.prompt):
            if "error" in chunk:
                raise DemoError(f"the answer broke off: {chunk['error'].get('message')}")
            usage = chunk.get("usage") or usage
            for choice in chunk["choices"]:
                text = choice["delta"].get("reasoning_content") or choice["delta"].get("content")
                if text:
                    first = first or time.monotonic()
                    self.say(text, end="")
        tokens = usage.get("completion_tokens", 0)
        if not first or not tokens:
            raise DemoError("the answer is empty")
        took = max(time.monotonic() - first, 1e-9)
        self.say(f"\n\n{tokens} tokens, first after {first - began:.2f} s, then {(tokens - 1) / took:.1f} tokens/s")

    def serve(self, service: Service, *processes: Process) -> None:
        """Until a signal comes or a process dies."""
        body = json.dumps({"model": service.model, "messages": [{"role": "user", "content": "Hello"}], "stream": True})
        self.say(f"\nserving {service.model} at {service.url} with the key {service.key}; Ctrl-C ends it. Try:\n")
        self.say(f"curl -N {service.url}/chat/completions -H 'Authorization: Bearer {service.key}' \\")
        self.say(f"  -H 'Content-Type: application/json' -d '{body}'")
        while True:
            select.select([], [], [], 1.0)
            for process in processes:
                process.check()


def run(args: argparse.Namespace, signals: Signals) -> None:
    with ExitStack() as stack:
        demo = Demo(args, stack, signals)
        service, coordinator, worker = demo.start()
        if args.json:
            ready = {"base_url": service.url, "api_key": service.key, "model": service.model}
            print(json.dumps(ready), flush=True)
        try:
            demo.ask(service)
        except FAILURES as error:
            coordinator.check()
            raise DemoError(f"{error}\n{worker.last_words()}") from None
        if not args.once:
            demo.serve(service, coordinator, worker)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/demo", description="A whole network on this machine.")
    parser.add_argument("--model", default=MODEL, help="any entry of models.yaml (default: %(default)s)")
    parser.add_argument("--prompt", default=PROMPT)
    parser.add_argument("--once", action="store_true", help="leave after the answer")
    parser.add_argument("--json", action="store_true", help="say on stdout, in one line of JSON, where it serves")
    args = parser.parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a letter that the locale lacks is no reason to end; stderr knows how
    try:
        run(args, Signals())
    except Stopped as stop:
        print("\nstopped", file=sys.stderr)
        return 128 + stop.number if args.once else 0
    except FAILURES as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
