"""Rate limits as a client sees them."""

import asyncio
from typing import Any

import openai
import pytest

from coordinator.accounts.chains import Counter
from coordinator.accounts.keys_in_use import Principal
from coordinator.accounts.quota import Quota
from coordinator.accounts.rows import KeyLimits
from coordinator.admission.admission import Admission
from coordinator.admission.blob_budget import BlobBudget
from coordinator.admission.rate_limits import Rates
from coordinator.dispatch.effects import Report, Stopped
from coordinator.media.job import MediaJob
from coordinator.scheduler.state import JobSpec
from tests.coordinator.conftest import Start, make_key
from tests.coordinator.media.making import EDIT, PAINTER
from wire.chat import Usage
from wire.errors import SupernetError

ASK: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}


async def test_the_client_is_told_what_is_left_and_when_to_come_back(start_coordinator: Start) -> None:
    async with start_coordinator(rpm=2, tpm=1000) as coordinator:
        async with coordinator.worker() as worker, coordinator.openai() as client:
            await worker.join()
            completions = client.chat.completions.with_raw_response
            asking = asyncio.ensure_future(completions.create(**ASK))
            await worker.serve("hello")
            headers = (await asking).headers
            assert headers["x-ratelimit-limit-requests"] == "2"
            assert headers["x-ratelimit-remaining-requests"] == "1"
            assert headers["x-ratelimit-limit-tokens"] == "1000"
            assert headers["x-ratelimit-remaining-tokens"] == "996", "the prompt's estimate"
            assert headers["x-ratelimit-reset-requests"].endswith("s")
            asking = asyncio.ensure_future(completions.create(**ASK, stream=True))
            await worker.serve("hello")
            assert (await asking).headers["x-ratelimit-remaining-requests"] == "0"
            with pytest.raises(openai.RateLimitError) as caught:
                await client.chat.completions.create(**ASK)
            assert "2 requests a minute" in caught.value.message
            assert 1 <= int(caught.value.response.headers["retry-after"]) <= 30
            with pytest.raises(openai.RateLimitError):
                await client.responses.create(model="tiny", input="hi")
            assert (await client.models.list()).data, "only what is asked of models counts"


async def test_a_keys_own_limit_comes_before_the_operators(start_coordinator: Start) -> None:
    async with start_coordinator(rpm=1) as coordinator:
        key = make_key(coordinator.config, limits=KeyLimits(rpm=5, concurrency=1))
        await asyncio.sleep(1.5)  # a running coordinator hears of a new key within a second
        async with coordinator.worker() as worker, coordinator.openai(api_key=key) as client:
            await worker.join()
            first = asyncio.create_task(client.chat.completions.create(**ASK))
            start = await worker.accept()
            with pytest.raises(openai.RateLimitError, match="1 requests at a time"):
                await client.chat.completions.create(**ASK)
            await worker.done(start, await worker.tell(start, "hello"))
            assert (await first).choices[0].message.content == "hello"
            second = asyncio.create_task(client.chat.completions.create(**ASK))
            await worker.serve("again")
            assert (await second).choices[0].message.content == "again"


async def test_delivered_tokens_are_taken_off_once_they_are_known(start_coordinator: Start) -> None:
    async with start_coordinator(tpm=20) as coordinator:
        async with coordinator.worker() as worker, coordinator.openai() as client:
            await worker.join()
            asking = asyncio.create_task(client.chat.completions.create(**ASK))
            await worker.serve("a" * 30)
            await asking
            with pytest.raises(openai.RateLimitError, match="20 tokens a minute"):
                await client.chat.completions.create(**ASK)


async def test_a_request_that_came_to_nothing_takes_no_tokens_and_no_place(start_coordinator: Start) -> None:
    async with start_coordinator(tpm=20, concurrency=1) as coordinator, coordinator.openai() as client:
        for _ in range(10):
            with pytest.raises(openai.InternalServerError):  # 503: nobody serves it
                await client.chat.completions.create(**ASK)


WHO = Principal("key", "client", ("client",), (Counter("key", KeyLimits()),))


def edits(n: int = 1) -> MediaJob:
    return MediaJob(PAINTER, EDIT, n, blobs={"a" * 64: b"12345678"})


def test_files_are_held_until_the_last_choice_has_ended_and_are_gone_then() -> None:
    admission, job = Admission(Quota(0, 0, 0), Rates(), lambda: 0.0, files=BlobBudget(10)), edits(n=2)
    with admission.reserve(WHO, job) as reservation:
        pass
    with pytest.raises(SupernetError, match="files"), admission.reserve(WHO, edits()):
        pass
    spec, end = JobSpec("j.0", "client", "tiny", job.request, 1), Stopped("j.0", Report(Usage(prompt=0, completion=0)))
    reservation.ended(spec, end)
    assert (admission.files.bytes, len(job.blobs)) == (8, 1)
    reservation.ended(spec, end)
    assert (admission.files.bytes, job.blobs) == (0, {})
    with admission.reserve(WHO, edits()):
        assert admission.files.bytes == 8


def test_files_of_a_request_that_came_to_nothing_are_given_back() -> None:
    admission, job = Admission(Quota(0, 0, 0), Rates(), lambda: 0.0, files=BlobBudget(10)), edits()
    with pytest.raises(RuntimeError), admission.reserve(WHO, job):
        raise RuntimeError
    assert (admission.files.bytes, job.blobs) == (0, {})
