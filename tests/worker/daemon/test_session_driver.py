"""Jobs from end to end in a daemon: frames in, a scripted engine, frames out."""

import asyncio
from typing import Any

import pytest

from tests.worker.daemon.running_daemon import ANSWER, Coordinator, M, Running, coordinator, finish
from wire.chat import Content
from wire.codec import encode
from wire.earnings import EARNINGS
from wire.errors import ErrorCode, SupernetError
from wire.messages import Cancel, Welcome
from worker.chat.answer import Answer
from worker.chat.written import Claim, Written
from worker.daemon.daemon import Owner
from worker.engine.scripted import Faults
from worker.exits import EXIT_OK
from worker.issues import issue
from worker.preparer.scripted import ScriptedPreparer

pytestmark = pytest.mark.usefixtures("no_waiting")


async def test_a_job_is_served_from_start_to_done() -> None:
    async def play(they: Coordinator) -> None:
        hello = await they.welcome()
        assert (hello["worker"], hello["models"][0]["id"]) == ("w", M)
        assert EARNINGS in hello["features"]
        await they.start("a")
        assert (await they.until("accepted"))["job"] == "a"
        assert await they.text() == ANSWER.decode()

    async with coordinator(play) as (url, played):
        running = Running(url)
        await played
        assert await finish(running) == EXIT_OK


async def test_a_bug_in_reading_an_answer_ends_that_job_and_the_worker_serves_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def play(they: Coordinator) -> None:
        await they.welcome()
        with monkeypatch.context() as patch:
            patch.setattr(Answer, "push", lambda self, piece: [Content(text="\ud800")])
            await they.start("a")
            failed = await they.until("failed")
        assert (failed["job"], failed["code"], failed["retryable"]) == ("a", "internal_error", False)
        await they.start("b")
        assert await they.text() == ANSWER.decode()

    async with coordinator(play) as (url, played):
        running = Running(url)
        await played
        assert await finish(running) == EXIT_OK
    (record,) = [record for record in caplog.records if "a bug in reading" in record.getMessage()]
    assert record.exc_info and "a.1" in record.getMessage()


async def test_a_crashed_engine_is_reported_and_serves_again() -> None:
    async def play(they: Coordinator) -> None:
        await they.welcome()
        running.engine.faults = Faults(crash_after=3, retry_in_s=0.0)
        await they.start("a")
        failed = await they.until("failed")
        assert failed["code"] == "engine_crashed" and failed["retryable"]
        await they.ready()
        await they.start("b")
        assert await they.text() == ANSWER.decode()

    async with coordinator(play) as (url, played):
        running = Running(url)
        await played
        assert await finish(running) == EXIT_OK


async def test_a_finished_answer_is_checked_and_one_that_cannot_be_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    claims = (Claim("the answer", {"not": {}}, "1"),)
    monkeypatch.setattr(Written, "claims", lambda self: claims)

    async def check(self: ScriptedPreparer, schema: dict[str, Any], text: str) -> tuple[str, ...]:
        if answers:
            return answers.pop()
        raise SupernetError(ErrorCode.WORKER_BUSY, "no room")

    answers = [("#/not does not hold",)]
    monkeypatch.setattr(ScriptedPreparer, "check", check)

    async def play(they: Coordinator) -> None:
        await they.welcome()
        await they.start("a")
        assert await they.text() == ANSWER.decode() + "the answer: #/not does not hold"
        await they.start("b")
        assert await they.text() == ANSWER.decode() + "not all of the answer could be checked against its schema"

    async with coordinator(play) as (url, played):
        running = Running(url)
        await played
        assert await finish(running) == EXIT_OK


async def test_a_cancel_ends_the_job() -> None:
    async def play(they: Coordinator) -> None:
        await they.welcome()
        await they.start("a", ignore_eos=True)
        await they.until("deltas")
        await they.socket.send(encode(Cancel(job="a", attempt=1)))
        assert (await they.until("cancelled"))["job"] == "a"

    async with coordinator(play) as (url, played):
        running = Running(url, pace_s=0.01)
        await played
        assert await finish(running) == EXIT_OK


async def test_a_coordinator_that_comes_back_is_told_of_every_problem_again() -> None:
    seen: list[str] = []
    twice = asyncio.Event()

    async def play(they: Coordinator) -> None:
        await they.until("hello")
        await they.socket.send(encode(Welcome(session="s")))
        seen.append((await they.until("issue"))["code"])
        if len(seen) == 2:
            twice.set()
        else:
            they.socket.transport.abort()
            raise ConnectionError("the line drops")

    owner = Owner(problems=(issue("gpu_unused", "no CUDA"),), drain_s=60)
    async with coordinator(play) as (url, played):
        running = Running(url, owner=owner)
        with pytest.raises(ConnectionError):
            await played
        await twice.wait()
        assert seen == ["gpu_unused", "gpu_unused"]
        assert await finish(running) == EXIT_OK


async def test_a_bug_in_preparing_ends_the_daemon_and_names_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise KeyError("a bug")

    async def play(they: Coordinator) -> None:
        await they.welcome()
        await they.start("a")

    monkeypatch.setattr(ScriptedPreparer, "prepare", broken)
    async with coordinator(play) as (url, played):
        running = Running(url)
        await played
        with pytest.raises(ExceptionGroup) as caught:
            await running.task
    (error,) = caught.value.exceptions
    assert isinstance(error, KeyError) and error.__notes__ == ["while job a.1 was prepared"]
