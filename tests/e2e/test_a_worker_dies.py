"""Real processes, real signals. What a client sees when the machine behind its answer goes away."""

import signal
import threading
from typing import Any

import pytest
from openai import APIError, OpenAI

from tests.e2e.busy import busy
from tools.local_network import MODEL, Network, until

HELLO = [{"role": "user", "content": "Hello!"}]
LONG: dict[str, Any] = {"model": MODEL, "messages": HELLO, "max_tokens": 2000, "stream": True}
ENDLESS: dict[str, Any] = {"extra_body": {"ignore_eos": True}}


def test_the_last_worker_is_killed_and_the_stream_ends_with_a_typed_error(network: Network, client: OpenAI) -> None:
    stream = client.chat.completions.create(**LONG, **ENDLESS)
    next(iter(stream))
    network.workers[0].kill()
    with pytest.raises(APIError) as error:
        for _ in stream:
            pass
    assert error.value.code in ("worker_lost", "no_worker")
    until(lambda: network.online() == 0)
    network.start_worker(name="second")
    done = client.chat.completions.create(model=MODEL, messages=LONG["messages"], max_tokens=8)
    assert done.usage is not None and done.usage.completion_tokens > 0


def test_a_killed_workers_answer_goes_on_at_another(empty: Network) -> None:
    """Scripted engines answer the same wherever they run, so that a lost or repeated token shows in the text."""
    for name in ("one", "two"):
        empty.start_worker("--scripted", name=name)
    with OpenAI(base_url=empty.url + "/v1", api_key=empty.key, max_retries=0) as client:
        short = {**LONG, "max_tokens": 300, "seed": 7}
        whole = client.chat.completions.create(**{**short, "stream": False}, **ENDLESS)
        stream = iter(client.chat.completions.create(**short, **ENDLESS))
        seen = [next(stream) for _ in range(20)]
        empty.workers[busy(empty)].kill()
        seen += list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in seen) == whole.choices[0].message.content
    assert seen[-1].choices[0].finish_reason == "length"


def test_a_real_models_answer_goes_on_with_every_token_counted(network: Network, client: OpenAI) -> None:
    network.start_worker(name="worker1")
    usage: dict[str, Any] = {"stream_options": {"include_usage": True}}
    stream = iter(client.chat.completions.create(**LONG, **ENDLESS, **usage))
    seen = [next(stream) for _ in range(5)]
    network.workers[busy(network)].kill()
    seen += list(stream)
    assert seen[-2].choices[0].finish_reason == "length"
    assert seen[-1].usage.completion_tokens == LONG["max_tokens"]


def test_the_coordinator_restarts_and_the_worker_comes_back_by_itself(network: Network, client: OpenAI) -> None:
    assert network.coordinator is not None
    network.coordinator.kill()
    network.coordinator.wait()
    network.start_coordinator()
    until(lambda: network.online() == 1, network.workers[0])
    done = client.chat.completions.create(model=MODEL, messages=LONG["messages"], max_tokens=8)
    assert done.choices[0].finish_reason in ("stop", "length")


def test_sigterm_lets_the_running_answer_finish(network: Network, client: OpenAI) -> None:
    stream = iter(client.chat.completions.create(**LONG, **ENDLESS))
    seen = [next(stream)]
    network.workers[0].kill(signal.SIGTERM)
    seen += list(stream)
    assert seen[-1].choices[0].finish_reason == "length"
    assert network.workers[0].wait() == 0


def test_a_second_signal_ends_at_once(network: Network, client: OpenAI) -> None:
    stream = iter(client.chat.completions.create(**LONG, **ENDLESS))
    next(stream)
    network.workers[0].kill(signal.SIGTERM)
    until(lambda: "leaving" in network.workers[0].output(), network.workers[0])
    network.workers[0].kill(signal.SIGTERM)
    assert network.workers[0].wait() == 1
    with pytest.raises(APIError):
        list(stream)


def test_a_client_that_leaves_frees_the_slot(network: Network, client: OpenAI) -> None:
    for _ in range(4):  # twice as many as there are slots
        stream = client.chat.completions.create(**LONG, **ENDLESS)
        next(iter(stream))
        stream.close()
    done = client.chat.completions.create(model=MODEL, messages=LONG["messages"], max_tokens=4)
    assert done.usage is not None and done.usage.completion_tokens > 0


def test_more_requests_than_slots_wait_in_the_queue(network: Network, client: OpenAI) -> None:
    answers: list[int] = []

    def ask() -> None:
        done = client.chat.completions.create(model=MODEL, messages=LONG["messages"], max_tokens=40)
        answers.append(done.usage.completion_tokens)  # type: ignore[union-attr]

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(answers) == 6 and all(answers)


def test_a_worker_with_a_wrong_key_says_so_and_exits_for_good(empty: Network) -> None:
    worker = empty.start_worker(key="sk-sn-wrong", wait=False)
    assert worker.wait() == 78
    assert "key" in worker.output()


def test_a_stopped_worker_is_forgotten_and_comes_back(network: Network) -> None:
    network.workers[0].kill(signal.SIGSTOP)
    until(lambda: network.online() == 0)
    network.workers[0].kill(signal.SIGCONT)
    until(lambda: network.online() == 1, network.workers[0])
