"""`scripts/hostile`: every hostile request to a network of real processes, with its status and time; exits with 1 if
one was answered wrongly or late, the worker was started anew, or an honest request after it failed.
`scripts/hostile flood`: floods of frames (tools/hostile/flood). `scripts/hostile pictures`: odd and hostile pictures
(tools/hostile/pictures)."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from tools.hostile.cases import cases
from tools.hostile.flood import __main__ as flood
from tools.hostile.pictures import __main__ as pictures
from tools.hostile.request import Hostile, chat
from tools.local_network import MODEL, Network

LIMIT_S = 2.0
MODEL_FILE = Path(__file__).parents[2] / "tools" / "tiny_models" / "tiny-qwen3-chat.gguf"


@dataclass(frozen=True)
class Outcome:
    name: str
    status: int
    right: bool
    seconds: float
    said: str


@contextmanager
def network() -> Iterator[Network]:
    """A coordinator, and a worker with a real model."""
    with tempfile.TemporaryDirectory() as folder:
        running = Network(Path(folder), MODEL_FILE)
        try:
            running.start_coordinator()
            running.start_worker()
            yield running
        finally:
            running.close()


def send(client: httpx.Client, key: str, case: Hostile) -> Outcome:
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if case.key else {})}
    began = time.monotonic()
    response = client.request(case.method, case.path, content=case.body, headers={**headers, **case.headers})
    seconds = time.monotonic() - began
    error = response.json().get("error") if response.headers.get("content-type") == "application/json" else None
    said = f"{error['code']}: {error['message']}" if error else ""
    worded = bool(error) or response.status_code < 400
    right = response.status_code in case.status and worded
    return Outcome(case.name, response.status_code, right, seconds, said)


def honest(client: httpx.Client, key: str) -> bool:
    body = json.dumps(chat(model=MODEL)).encode()
    return send(client, key, Hostile("honest", body, frozenset({200}))).right


def client(running: Network) -> httpx.Client:
    return httpx.Client(base_url=running.url, timeout=60, trust_env=False)


def main() -> int:
    if sys.argv[1:2] == ["flood"]:
        return flood.main(sys.argv[2:])
    if sys.argv[1:2] == ["pictures"]:
        return pictures.main(sys.argv[2:])
    parser = argparse.ArgumentParser(prog="scripts/hostile", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object in place of the table")
    as_json = parser.parse_args().json
    with network() as running, client(running) as http:
        process = running.workers[0].popen.pid
        outcomes, broken = [], []
        assert honest(http, running.key)
        for number, case in enumerate(cases(), 1):
            outcomes.append(send(http, running.key, case))
            if not honest(http, running.key):
                broken.append(case.name)
            if not as_json:
                print(_line(number, outcomes[-1]), flush=True)
        alive = running.workers[0].popen.poll() is None and running.workers[0].popen.pid == process
    wrong = [one.name for one in outcomes if not one.right]
    late = [one.name for one in outcomes if one.seconds > LIMIT_S]
    if as_json:
        print(
            json.dumps({"outcomes": [asdict(one) for one in outcomes], "wrong": wrong, "late": late, "broken": broken})
        )
    else:
        print("slowest:")
        for one in sorted(outcomes, key=lambda one: -one.seconds)[:5]:
            print(f"  {one.seconds:6.2f} s  {one.name}")
        print(f"{len(outcomes)} requests; wrong: {wrong or 'none'}; over {LIMIT_S:g} s: {late or 'none'}; ", end="")
        print(f"honest requests that failed after: {broken or 'none'}; the worker {'lives' if alive else 'DIED'}")
    return 1 if wrong or late or broken or not alive else 0


def _line(number: int, one: Outcome) -> str:
    mark = "" if one.right else "  WRONG"
    return f"{number:4}  {one.status}  {one.seconds:6.2f} s  {one.name}{mark}  {one.said[:100]}"


if __name__ == "__main__":
    sys.exit(main())
