"""`scripts/hostile pictures`: odd and hostile pictures. Each is read as a worker reads it and its pixels are compared,
and it is sent in a conversation to a network of real processes. Exits with 1 if one was seen otherwise than a person
sees it, or answered wrongly or late, or if anything was started anew.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import psutil

from tools.hostile.pictures.case import Case
from tools.hostile.pictures.cases import cases
from tools.hostile.request import Hostile, ask, chat
from tools.local_network import MODEL
from tools.seeing_network import SeeingNetwork
from wire.errors import SupernetError
from wire.pictures import MOST_TOKENS
from worker.pictures.pipe import Unreadable
from worker.pictures.process import PictureReader

LIMIT_S = 2.0
PLACES = ("messages[2].content[1]", "messages[2]: the 1st picture")  # of it in its request: by who refuses it


@dataclass(frozen=True)
class Outcome:
    name: str
    read_s: float
    wrong: str  # with its pixels, or with the words that refuse it; empty: nothing
    status: int
    right: bool
    seconds: float
    said: str


@contextmanager
def network() -> Iterator[SeeingNetwork]:
    """A coordinator, and a worker that reads pictures as any does and answers from a script."""
    with tempfile.TemporaryDirectory() as folder:
        running = SeeingNetwork(Path(folder), Path(folder) / "no model")
        try:
            running.start_coordinator()
            running.start_scripted()
            yield running
        finally:
            running.close()


def request(case: Case) -> Hostile:
    url = f"data:{case.media_type};base64,{b64encode(case.data).decode()}"
    question = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": url}}]
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    body = chat() | {"messages": [*turns, {"role": "user", "content": question}], "model": MODEL}
    return ask(case.name, body, 400 if case.corners is None else 200)


def send(client: httpx.Client, key: str, case: Case) -> tuple[int, bool, float, str]:
    """Its status, whether that is right and says where the picture is, the seconds, and what was said."""
    asked = request(case)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    began = time.monotonic()
    response = client.post(asked.path, content=asked.body, headers=headers)
    seconds = time.monotonic() - began
    error = response.json().get("error")
    said = f"{error['message']}" if error else ""
    placed = not error or any(place in said for place in PLACES)
    return response.status_code, response.status_code in asked.status and placed, seconds, said


async def read(reader: PictureReader, case: Case) -> tuple[float, str]:
    """Seconds, and what is wrong with what came of it."""
    began = time.monotonic()
    try:
        wrong = case.wrong(await reader.read(case.data, MOST_TOKENS))
    except SupernetError as error:
        wrong = case.wrong(Unreadable(error.message))
    return time.monotonic() - began, wrong


def processes(running: SeeingNetwork) -> set[int]:
    """The coordinator, the worker and all their children."""
    assert running.coordinator is not None
    found = [psutil.Process(one.popen.pid) for one in (running.coordinator, *running.workers)]
    return {process.pid for one in found for process in (one, *one.children(recursive=True))}


async def outcomes(running: SeeingNetwork, client: httpx.Client) -> list[Outcome]:
    reader = PictureReader()
    found = []
    try:
        for case in cases():
            read_s, wrong = await read(reader, case)
            found.append(Outcome(case.name, read_s, wrong, *send(client, running.key, case)))
    finally:
        await reader.close()
    return found


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/hostile pictures", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object in place of the table")
    as_json = parser.parse_args(argv).json
    with network() as running, httpx.Client(base_url=running.url, timeout=60, trust_env=False) as client:
        send(client, running.key, cases()[0])  # the worker's reader starts
        before = processes(running)
        found = asyncio.run(outcomes(running, client))
        alive = processes(running) == before
    wrong = [one.name for one in found if one.wrong or not one.right]
    late = [one.name for one in found if one.seconds > LIMIT_S]
    if as_json:
        told = {"outcomes": [asdict(one) for one in found], "wrong": wrong, "late": late, "alive": alive}
        print(json.dumps(told))
    else:
        for number, one in enumerate(found, 1):
            print(_line(number, one))
        slowest = max(found, key=lambda one: one.seconds)
        print(f"{len(found)} pictures; wrong: {wrong or 'none'}; over {LIMIT_S:g} s: {late or 'none'}; ", end="")
        print(
            f"slowest {slowest.seconds:.2f} s ({slowest.name}); {'nothing' if alive else 'SOMETHING'} was started anew"
        )
    return 1 if wrong or late or not alive else 0


def _line(number: int, one: Outcome) -> str:
    mark = "" if one.right and not one.wrong else f"  WRONG {one.wrong}"
    return f"{number:4}  {one.status}  {one.read_s:6.2f} s  {one.seconds:6.2f} s  {one.name}{mark}  {one.said[:110]}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
