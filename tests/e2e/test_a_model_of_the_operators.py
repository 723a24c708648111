"""An operator adds a model while the network runs, and a worker that came with another catalog serves it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.huggingface_hub import LoopbackHub
from tools.local_network import Network, Process, until

pytestmark = pytest.mark.process
REPOSITORY = ("someone/attic-GGUF", "attic.gguf")
ADDED = """
  - id: attic
    name: Attic
    format: qwen-json
    repository: someone/attic-GGUF
    files: [{name: attic.gguf}]
    context: 2048
    max_output: 64
    price: {prompt: 7, completion: 9}
    licence: Apache-2.0
"""


def test_it_is_fetched_and_served_without_a_new_installation_and_told_when_it_is_removed(
    tmp_path: Path, tiny_chat: Path
) -> None:
    network = Network(tmp_path, tiny_chat)
    with LoopbackHub({REPOSITORY: tiny_chat.read_bytes()}) as hub:
        network.env = {"HF_ENDPOINT": hub.endpoint}
        mine = tmp_path / "operators.yaml"
        mine.write_text(without := network.catalog.read_text())
        try:
            network.start_coordinator("--catalog", str(mine), "--count-prompts", "no")
            assert not served(network)
            mine.write_text(without + ADDED)
            signalled(network)
            until(lambda: served(network), started(network))
            worker = begun(network)
            until(lambda: network.get("/v1/models/attic")["workers_online"] == 1, worker)
            said = answered(network)
            assert said["choices"][0]["message"]["content"] and cost(said, prompt=7, completion=9)
            (row,) = json.loads(ask(network, "--models", "--json"))["rows"]
            assert (row["id"], row["kind"], row["chosen"]) == ("attic", "chat", True)

            mine.write_text(without)
            signalled(network)
            until(lambda: "not_in_catalog" in ask(network, "--status", "--json"), worker)
            assert not served(network) and worker.popen.poll() is None

            mine.write_text(without + ADDED.replace("completion: 9", "completion: 90"))  # put back, without a restart
            signalled(network)
            until(lambda: served(network) and network.get("/v1/models/attic")["workers_online"] == 1, worker)
            assert cost(answered(network), prompt=7, completion=90)
            until(lambda: "not_in_catalog" not in current(network), worker)

            mine.write_text(
                without + ADDED.replace("attic\n", "attik\n")
            )  # a slip of the operator's, and the service starts
            signalled(network)
            until(lambda: "not_in_catalog" in current(network), worker)
            worker.kill(signal.SIGTERM)
            assert worker.wait() == 0
            worker = begun(network)
            until(lambda: "not_in_catalog" in current(network), worker)
            mine.write_text(without + ADDED)
            signalled(network)
            until(lambda: served(network) and network.get("/v1/models/attic")["workers_online"] == 1, worker)
            assert answered(network)["choices"][0]["message"]["content"]
            assert not ended_with_a_trace(network)

            mine.write_text(without)
            signalled(network)
            until(lambda: not served(network), worker)
            until(lambda: "not_in_catalog" in current(network), worker)
            worker.kill(signal.SIGTERM)
            assert worker.wait() == 0
            (row,) = json.loads(ask(network, "--models", "--json"))["rows"]
            assert row["kind"] == "unknown", "no entry of the catalog has it any more"
        finally:
            network.close()


def answered(network: Network) -> Any:
    return network.post("/v1/chat/completions", {"model": "attic", "messages": [{"role": "user", "content": "hi"}]})


def cost(answer: Any, prompt: int, completion: int) -> bool:
    """Whether it was paid for at these prices. How long an answer is, is a matter of luck."""
    usage = answer["usage"]
    due = prompt * usage["prompt_tokens"] + completion * usage["completion_tokens"]
    return bool(usage["cost_nano_usd"] == due > 0)


def current(network: Network) -> list[str]:
    """The codes of what the worker says is wrong now."""
    said = ask(network, "--status", "--json")
    return [problem["issue"]["code"] for problem in json.loads(said).get("problems", ())] if said else []


def ended_with_a_trace(network: Network) -> bool:
    return any("Traceback" in worker.output() for worker in network.workers)


def started(network: Network) -> Process:
    assert network.coordinator is not None
    return network.coordinator


def signalled(network: Network) -> None:
    started(network).kill(signal.SIGHUP)


def served(network: Network) -> bool:
    return "attic" in {model["id"] for model in network.get("/v1/models")["data"]}


def settings(network: Network) -> dict[str, str]:
    return {
        "SUPERNET_COORDINATOR": network.url.replace("http", "ws"),
        "SUPERNET_KEY": network.key,
        "SUPERNET_STATE_DIR": str(network.folder / "worker"),
        "SUPERNET_MODELS_DIR": str(network.folder / "cache"),
        "SUPERNET_MODEL": "attic",
        "SUPERNET_THREADS": "1",
        "SUPERNET_SLOTS": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }


def begun(network: Network) -> Process:
    """A worker that was given no catalog."""
    worker: Any = network._spawn("worker", ["-m", "worker"], settings(network))
    network.workers.append(worker)
    return worker  # type: ignore[no-any-return]


def ask(network: Network, *arguments: str) -> str:
    env = os.environ | settings(network) | {"HOME": str(network.folder)}
    done = subprocess.run(
        [sys.executable, "-m", "worker", *arguments], env=env, capture_output=True, text=True, timeout=60
    )
    return done.stdout
