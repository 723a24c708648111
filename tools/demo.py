"""A coordinator, a worker with a real model, and one answer that streams to the terminal.

scripts/demo             answer one question, then keep serving until Ctrl-C
scripts/demo --once      answer, and leave with 0; with something else if anything failed
scripts/demo --json      one line {"base_url", "api_key", "model"} on stdout once it serves; the rest goes to stderr
scripts/demo --vision    draw a picture and ask a tiny model that sees what is on it
scripts/demo --media     ask a tiny model for a picture: a second worker draws it; --json adds a line {"link", "file"}
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
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from tools import demo_media, demo_vision
from tools.demo_client import Content, DemoError, Service
from tools.processes import Process, ProcessError, until

MODEL = "smollm2-135m-instruct-gguf-q41"
PROMPT = "Why is the sky blue?"
KEPT = ("SUPERNET_MODELS_DIR",)  # of the owner's settings: 20 GB are not fetched twice

KINDS = ("reasoning_content", "content")  # of a delta

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

    def start(self) -> tuple[Service, Process, list[Process]]:
        db = str(self.folder / "coordinator.db")
        key = self.create_key(db)  # first: a running coordinator would hear of it only within a second
        serve = ["coordinator", "serve", "--host", "127.0.0.1", "--port", "0", "--db", db, "--json", "--rpm", "0"]
        if self.args.vision or self.args.media:
            serve += ["--catalog", str((demo_media if self.args.media else demo_vision).catalog(self.folder))]
        self.say("starting the coordinator …")
        coordinator = self.spawn("coordinator", serve, self.stack)
        port = self.listening(coordinator)
        service = Service("127.0.0.1", port, key, self.args.model)
        workers = [self.spawn_worker("worker", service, self.chat_options(service.model))]
        if self.args.media:
            workers.append(self.spawn_worker("media-worker", service, demo_media.media_options(self.folder)))
        self.say(f"waiting for the worker to load {service.model} (it may download it first) …")
        self.await_model(service, service.model, "/v1/models", coordinator, workers[0])
        if self.args.media:
            self.say(f"waiting for the other worker to load {demo_media.TOY} …")
            self.await_model(service, demo_media.TOY, "/v1/models?type=image", coordinator, *workers)
        return service, coordinator, workers

    def chat_options(self, model: str) -> list[str]:
        """Of the worker that chats."""
        if self.args.media:
            return demo_media.chat_options(self.folder)
        return ["--model", model, *(demo_vision.worker_options(self.folder) if self.args.vision else [])]

    def spawn_worker(self, name: str, service: Service, options: list[str]) -> Process:
        self.say(f"starting the {name} …")
        dial = ["worker", "--coordinator", f"ws://{service.host}:{service.port}", *options]
        secret = {"SUPERNET_KEY": service.key}  # not a flag: `ps` shows those to everybody
        return self.spawn(name, [*dial, "--state-dir", str(self.folder / f"{name}-state")], self.stack, secret)

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
            stack.callback(self.stop, process)
        return process

    def stop(self, process: Process) -> None:
        with self.signals.held():
            process.stop()

    def environment(self) -> dict[str, str]:
        """Ours without an owner's settings, whose hours, port or model may be those of the worker that serves here."""
        settings = self.folder / "worker.toml"
        settings.touch()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SUPERNET_") or name in KEPT}
        return kept | {"SUPERNET_CONFIG": str(settings), "TORCHINDUCTOR_CACHE_DIR": str(self.folder / "torch")}

    def listening(self, coordinator: Process) -> int:
        """The port that the coordinator chose, as it prints it."""

        def port() -> int | None:
            for line in coordinator.out.read_text().splitlines(keepends=True):
                if line.endswith("\n") and "listening" in line:
                    return int(json.loads(line)["listening"].rsplit(":", 1)[1])
            return None

        return until("starting the coordinator", port, [coordinator], self.say)

    def await_model(self, service: Service, model: str, listed: str, *processes: Process) -> None:
        until(f"loading {model}", lambda: service.workers_online(model, listed) or None, processes, self.say)

    def ask(self, service: Service) -> None:
        content = self.picture() if self.args.vision else self.args.prompt
        self.say(f"\n> {self.args.prompt}\n")
        usage: dict[str, Any] = {}
        drawn: list[dict[str, Any]] = []
        began, first, last = time.monotonic(), 0.0, ""  # kind of what was said last: thoughts, tools and text are apart
        for chunk in service.chat(content, progress=self.args.media):
            if "error" in chunk:
                raise DemoError(f"the answer broke off: {chunk['error'].get('message')}")
            usage = chunk.get("usage") or usage
            drawn = chunk.get("sogni_tool_results") or drawn
            said = [(kind, each["delta"].get(kind)) for each in chunk["choices"] for kind in KINDS]
            if progress := chunk.get("sogni_tool_progress"):
                said.append(("tool", f"{demo_media.told(progress)}\n"))
            for kind, text in said:
                if text:
                    first = first or time.monotonic()
                    gap = "" if last in ("", kind) else "\n" if last == "tool" else "\n\n"
                    self.say(gap + text, end="")
                    last = kind
        tokens = usage.get("completion_tokens", 0)
        if not first or not tokens:
            raise DemoError("the answer is empty")
        took = max(time.monotonic() - first, 1e-9)
        self.say(f"\n\n{tokens} tokens, first after {first - began:.2f} s, then {(tokens - 1) / took:.1f} tokens/s")
        self.say(f"{usage['prompt_tokens']} tokens were read; all cost ${usage['cost_details']['usd']}")
        if self.args.media:
            self.save(service, drawn)

    def save(self, service: Service, results: list[dict[str, Any]]) -> None:
        """Fetch what was drawn, keep it in a file, and show it."""
        if failed := [str(each.get("error")) for each in results if not each["success"]]:
            raise DemoError(f"the picture was not drawn: {'; '.join(failed)}")
        links = [link for each in results for link in each["urls"]]
        if not links:
            raise DemoError("the model did not call the tool that draws")
        for link in links:
            path = demo_media.save(link, *service.fetch(link))
            if self.words.isatty():
                self.say(f"\n{demo_vision.in_blocks(path)}")
            self.say(f"\n{link}\nsaved in {path}")
            if self.args.json:
                print(json.dumps({"link": link, "file": str(path)}), flush=True)

    def picture(self) -> Content:
        """Draw one, show it, and return a message about it."""
        one, path = demo_vision.picture(self.folder, int.from_bytes(os.urandom(4)))
        if self.words.isatty():
            self.say(f"\n{demo_vision.in_blocks(path)}")
        self.say(f"\ndrawn: {one.name}, {one.width} x {one.height} pixels, in {path}")
        return demo_vision.question(path, self.args.prompt)

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
        service, coordinator, workers = demo.start()
        if args.json:
            ready = {"base_url": service.url, "api_key": service.key, "model": service.model}
            print(json.dumps(ready), flush=True)
        try:
            demo.ask(service)
        except FAILURES as error:
            coordinator.check()
            raise DemoError("\n".join([str(error), *(worker.last_words() for worker in workers)])) from None
        if not args.once:
            demo.serve(service, coordinator, *workers)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/demo", description="A whole network on this machine.")
    parser.add_argument("--model", help=f"any entry of models.yaml (default: {MODEL})")
    parser.add_argument("--vision", action="store_true", help="ask a tiny model that sees about a picture drawn for it")
    parser.add_argument("--media", action="store_true", help="ask a tiny model for a picture, which a toy draws")
    parser.add_argument("--prompt")
    parser.add_argument("--once", action="store_true", help="leave after the answer")
    parser.add_argument("--json", action="store_true", help="say on stdout, in one line of JSON, where it serves")
    args = parser.parse_args()
    if args.vision and args.media:
        parser.error("--vision and --media are two demos: choose one")
    special = demo_vision if args.vision else demo_media if args.media else None
    if special and args.model:
        parser.error(f"--{'vision' if args.vision else 'media'} brings its own model: leave --model out")
    args.model = args.model or (special.MODEL if special else MODEL)
    args.prompt = args.prompt or (special.PROMPT if special else PROMPT)
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
