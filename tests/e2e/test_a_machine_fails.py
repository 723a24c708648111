"""Real processes on a machine that fails them: lines that die without a word, disks that are full."""

import asyncio
import resource
import urllib.error

import psutil
import pytest

from tests.e2e.proxy import Proxy
from tools.chaos.client import Answer, ask, body
from tools.local_network import MODEL, Network, until

TOKENS = 900  # 18 s at the pace of a scripted engine: longer than a silent worker is believed in


@pytest.mark.parametrize("other", [True, False], ids=["another worker", "no other worker"])
def test_a_line_that_dies_without_a_word_is_a_pause(empty: Network, other: bool) -> None:
    """With another worker the answer goes on there; without one the line is well again, and the worker resumes."""
    answer, undisturbed = asyncio.run(_half_open(empty, other))
    assert answer.whole, answer.error
    assert answer.text == undisturbed.text


async def _half_open(network: Network, other: bool) -> tuple[Answer, Answer]:
    proxy = Proxy(network.port)
    await proxy.start()
    try:
        network.worker_port = proxy.port
        await asyncio.to_thread(network.start_worker, "--scripted", name="first")
        undisturbed = await ask(network, body("same", TOKENS, seed=1))
        answer = Answer(0)
        asking = asyncio.create_task(ask(network, body("same", TOKENS, seed=1), answer=answer))
        await asyncio.to_thread(until, lambda: len(answer.pieces) > 20)
        if other:
            network.worker_port = 0
            await asyncio.to_thread(network.start_worker, "--scripted", name="second")
        proxy.hold()
        if not other:
            await asyncio.to_thread(until, lambda: network.online() == 0)
            proxy.cut()
            proxy.mend()
        return await asking, undisturbed
    finally:
        proxy.mend()
        await proxy.close()


def test_a_full_disk_refuses_work_and_harms_no_stream_and_ends_with_the_next_free_block(empty: Network) -> None:
    """The files of the coordinator cannot grow; every answer is whole or refused with when to come back."""
    empty.start_worker("--scripted")
    assert empty.coordinator is not None
    process = psutil.Process(empty.coordinator.popen.pid)
    _, hard = process.rlimit(resource.RLIMIT_FSIZE)
    process.rlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        answers = [asyncio.run(ask(empty, body(f"{n}", 20))) for n in range(2)]
        assert all(a.whole or (a.status in (429, 503) and "retry-after" in a.headers) for a in answers), answers
        until(lambda: _ready(empty) == 503, empty.coordinator)
        assert empty.get(f"/v1/models/{MODEL}")["workers_online"] == 1
    finally:
        process.rlimit(resource.RLIMIT_FSIZE, (hard, hard))
    until(lambda: _ready(empty) == 200, empty.coordinator)
    assert asyncio.run(ask(empty, body("after", 20))).whole


def _ready(network: Network) -> int:
    try:
        network.get("/readyz")
    except urllib.error.HTTPError as error:
        return error.code
    return 200
