"""Real processes: what the owner says through `supernet-worker`, and what clients notice of it: nothing."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from openai import APITimeoutError, InternalServerError, OpenAI

from tools.local_network import MODEL, PATIENCE_S, Network, Process, until
from worker.daemon import control_socket

ASK: Any = {"model": MODEL, "messages": [{"role": "user", "content": "Hello!"}], "max_tokens": 8}
LONG: Any = {**ASK, "max_tokens": 1000, "stream": True, "extra_body": {"ignore_eos": True}}


def command(worker: Process, *argv: str) -> str:
    """The command line against the running daemon, as its owner types it."""
    args = [sys.executable, "-m", "worker", "--state-dir", str(worker.state), *argv]
    done = subprocess.run(args, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(client: OpenAI) -> bool:
    """At once, because nobody offers a slot. A worker that was lost a moment ago is still waited for."""
    try:
        return client.with_options(timeout=2).chat.completions.create(**ASK).usage is None
    except APITimeoutError:
        return False
    except InternalServerError as error:
        return error.code == "no_worker"


def test_a_pause_finishes_what_runs_and_takes_no_more_until_resume_even_after_a_restart(
    network: Network, client: OpenAI
) -> None:
    stream = iter(client.chat.completions.create(**LONG))
    next(stream)
    paused = control_socket.ask(
        network.workers[0].state, "pause"
    )  # the command would start slower than the model answers
    assert paused is not None and (paused["jobs"], paused["paused"]) == (1, True)
    assert list(stream)[-1].choices[0].finish_reason == "length"
    network.workers[0].kill()
    network.workers[0].wait()
    until(lambda: network.online() == 0)
    again = network.start_worker(name="worker0", wait=False)
    until(lambda: "registered" in again.output(), again)
    status = json.loads(command(again, "--status", "--json"))
    assert (status["paused"], status["reason"], status["models"][0]["offered"]) == (True, "paused", 0)
    until(lambda: refused(client), again)
    assert control_socket.ask(again.state, "resume") is not None
    until(lambda: not refused(client), again)
    assert client.chat.completions.create(**ASK).usage is not None
    assert "registered" in command(again, "--health")


def test_while_the_owner_plays_other_workers_serve_and_the_status_says_why(empty: Network, tmp_path: Path) -> None:
    gpus = tmp_path / "gpus.json"

    def card(busy: float) -> None:
        reading = {"name": "RTX", "memory_bytes": 24, "used_bytes": 12, "others_utilisation": busy, "others_bytes": 0}
        gpus.write_text(json.dumps([reading]))

    card(0.0)
    yielding = ("--yield-to-owner", "--quiet-s", "1", "--log-json")
    gamer = empty.start_worker("--scripted", "--scripted-gpus", str(gpus), *yielding, name="gamer")
    empty.start_worker("--scripted", name="other")
    card(0.9)
    until(lambda: json.loads(command(gamer, "--status", "--json"))["reason"] == "owner_uses_gpu", gamer)
    assert "another program uses RTX (90%)" in command(gamer, "--status")
    with OpenAI(base_url=empty.url + "/v1", api_key=empty.key, max_retries=0) as client:
        for _ in range(3):
            assert client.chat.completions.create(**ASK).usage is not None
    status = json.loads(command(gamer, "--status", "--json"))
    assert status["models"][0]["ended"] == {}
    card(0.0)
    until(lambda: json.loads(command(gamer, "--status", "--json"))["reason"] is None, gamer)
    logged = [json.loads(line) for line in gamer.output().splitlines()]
    assert any(line.get("issue") == "owner_uses_gpu" and line["worker"] == status["worker"] for line in logged)
