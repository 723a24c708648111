"""What a worker claims to have read, and what of it is billed and paid: on real sockets, with a real vocabulary."""

import asyncio
import json
import logging
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from coordinator.ledger.grants import balances_of
from coordinator.ledger.pricing import Tariff
from coordinator.openai.chat_request import parse as parse_request
from coordinator.request import ChatJob
from tests.coordinator.billing.test_billing import poor_key
from tests.coordinator.conftest import CATALOG, Coordinator, FakeWorker, Start, delta, until
from tests.program.test_gguf import demo_model
from wire import messages as wire
from wire.catalog_text import parse as parse_catalog
from wire.chat import Usage
from worker.bindings.vocab import Vocab
from worker.chat.prompt import prepare

TARIFF = Tariff(1, 300, 900)
SHARE = 0.7
CAT = parse_catalog(CATALOG, "test")
WORDS = "the quick brown fox jumps over everybody's umbrella while it rains cats and dogs in the old town".split()
WORD = " ".join(WORDS * 60)[:5439]  # about a thousand


def asking(content: str) -> dict[str, Any]:
    return {"model": "tiny", "messages": [{"role": "user", "content": content}], "max_tokens": 8}


class Reader:
    """An honest worker's count, by the real preparation: what SmolLM2's template and vocabulary make of a request."""

    def __init__(self) -> None:
        self._vocab = Vocab(str(demo_model()))

    def tokens(self, body: dict[str, Any]) -> int:
        request = parse_request(json.dumps(body).encode(), CAT, {}).request
        return len(prepare(request, (), 100_000, self._vocab, "qwen-json").prompt)


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


@pytest.fixture(params=["counted", "only bounded"])
async def network(
    request: pytest.FixtureRequest, start_coordinator: Start, tmp_path: Path
) -> AsyncIterator[Coordinator]:
    """With the model's vocabulary, and without one."""
    folder = tmp_path / "vocabularies"
    folder.mkdir()
    if request.param == "counted":
        (folder / "tiny.gguf").symlink_to(demo_model())
    counts = request.param == "counted"
    async with start_coordinator(count_prompts=counts, vocabularies=folder) as coordinator:
        yield coordinator


async def answer(coordinator: Coordinator, worker: FakeWorker, body: dict[str, Any], claim: int) -> dict[str, Any]:
    """One request, its worker claiming so many tokens of prompt; returns the usage that the client is shown."""
    async with coordinator.http() as http:
        asked = asyncio.create_task(http.post("/v1/chat/completions", json=body))
        await finish(coordinator, worker, claim)
        usage: dict[str, Any] = (await asked).json()["usage"]
        return usage


async def finish(coordinator: Coordinator, worker: FakeWorker, claim: int) -> None:
    start = await worker.accept()
    services = coordinator.running.services
    if services.counter is not None:
        prompt = services.hub.cell._state.jobs[start.job].spec.prompt
        await until(lambda: prompt.counted)  # an answer of a real model takes longer than any count
    await worker.say(delta(start, 0, "x"))
    usage = Usage(prompt=claim, completion=1)
    done = wire.Done(job=start.job, attempt=start.attempt, seq=1, finish_reason="stop", usage=usage)
    await worker.say(done)


@pytest.mark.parametrize(("content", "claim"), [("hello", 444), (WORD, 5439)], ids=["hello", "a thousand words"])
async def test_a_claim_is_billed_only_as_far_as_the_text_can_have_tokens(
    network: Coordinator, reader: Reader, content: str, claim: int
) -> None:
    body = asking(content)
    honest = reader.tokens(body)
    counted = network.running.services.counter is not None
    async with network.worker() as worker:
        await worker.join()
        shown = (await answer(network, worker, body, claim))["prompt_tokens"]
        assert honest <= shown <= (1.01 * honest + 32 if counted else 3 * honest + 130)
        assert (await answer(network, worker, body, honest))["prompt_tokens"] == honest  # not a token more or less


async def test_what_is_shown_is_what_is_paid(network: Coordinator, reader: Reader) -> None:
    key, owner = poor_key(network, "owner", 0)
    await network.running.services.accounts.refresh()
    async with network.worker(key) as worker:
        await worker.join()
        usage = await answer(network, worker, asking(WORD), 5439)
    assert await network.running.services.ledger.flushed(10)
    cost = usage["prompt_tokens"] * TARIFF.prompt + TARIFF.completion
    assert usage["cost_nano_usd"] == cost
    earned = (await network.running.store.run(balances_of, owner))["spark"]
    assert earned.escrow == cost * 7 // 10


async def test_a_worker_that_no_longer_offers_the_model_is_believed_no_more_for_that(
    network: Coordinator, reader: Reader
) -> None:
    """The bound was once left out where the offer was gone: a worker can withdraw it before its last word."""
    async with network.worker() as worker, network.http() as http:
        await worker.join()
        asked = asyncio.create_task(http.post("/v1/chat/completions", json=asking("hello")))
        start = await worker.accept()
        connected = network.running.services.hub.dispatch.workers[0]
        await worker.say(delta(start, 0, "x"))
        connected.replicas.clear()
        usage = Usage(prompt=400, completion=1)
        await worker.say(wire.Done(job=start.job, attempt=start.attempt, seq=1, finish_reason="stop", usage=usage))
        assert (await asked).json()["usage"]["prompt_tokens"] < 200


async def test_a_worker_that_claims_far_too_much_rests_and_one_with_another_tokenizer_does_not(
    start_coordinator: Start, tmp_path: Path, reader: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / "tiny.gguf").symlink_to(demo_model())
    body = asking(WORD)
    honest = reader.tokens(body)
    async with start_coordinator(count_prompts=True, vocabularies=tmp_path) as network, network.worker() as worker:
        await worker.join()
        for share in (0.9, 1.0, 1.1, 1.3) * 3:
            shown = (await answer(network, worker, body, round(share * honest)))["prompt_tokens"]
            assert shown == pytest.approx(min(share, 1.0) * honest, abs=0.01 * honest + 32)
        assert network.running.services.hub.dispatch.counters.overclaims == 0
        assert network.running.services.hub.dispatch.counters.rests == 0
        for _ in range(3):
            await answer(network, worker, body, 10 * honest)
        assert network.running.services.hub.dispatch.counters.overclaims == 3
        assert network.running.services.hub.dispatch.counters.rests == 1
    assert "claim not believed" in caplog.text


@pytest.mark.search
@pytest.mark.parametrize(("share", "jobs"), [(10.0, 1000), (1.0, 200), (1.03, 200), (0.97, 200)])
async def test_a_thousand_jobs(
    network: Coordinator,
    reader: Reader,
    share: float,
    jobs: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Prints what clients are billed and the worker is paid for its claims, beside what the prompts really were."""
    key, owner = poor_key(network, "owner", 0)
    await network.running.services.accounts.refresh()
    monkeypatch.setattr("coordinator.scheduler.owners.DOUBTED", 10**9)  # else the liar rests after its third job
    draw = random.Random(1)
    bodies = [
        asking(" ".join(draw.choices(WORDS, k=round(draw.lognormvariate(4.6, 1.2)) % 2500 + 1))) for _ in range(50)
    ]
    honest = [reader.tokens(body) for body in bodies]
    billed = right = before = 0
    async with network.worker(key) as worker, network.http() as http:
        await worker.join()
        for n in range(jobs):
            body, tokens = bodies[n % 50], honest[n % 50]
            asked = asyncio.create_task(http.post("/v1/chat/completions", json=body))
            await finish(network, worker, round(share * tokens))
            billed += await prompt_of(asked)
            right += tokens
            before += min(round(share * tokens), bound_of_before(parse_request(json.dumps(body).encode(), CAT, {})))
    assert await network.running.services.ledger.flushed(10)
    paid = (await network.running.store.run(balances_of, owner))["spark"].escrow
    counted = network.running.services.counter is not None
    with capsys.disabled():
        way = "counted" if counted else "only bounded"
        print(f"\n{way}, claims of {share:g}: {right} tokens of prompt, {before} billed before, {billed} now; ", end="")
        print(f"paid {paid} nano-dollars, right were {round((right * 300 + jobs * 900) * SHARE)}")
    assert billed == pytest.approx(min(share, 1) * right, rel=0.25 if counted else 2.5)
    assert paid == pytest.approx((billed * 300 + jobs * 900) * SHARE, abs=1000)


async def prompt_of(asked: "asyncio.Task[httpx.Response]") -> int:
    return int((await asked).json()["usage"]["prompt_tokens"])


def bound_of_before(job: ChatJob) -> int:
    """What was believed before prompts were counted: a token a byte, and 64 for each turn."""
    text = len(job.request.model_dump_json(include={"messages", "tools"}))
    return min(job.model.context, text + 64 * len(job.request.messages) + 256)
