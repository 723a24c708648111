"""The preparer, with real processes: a hostile request costs itself and nobody else."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import TypeVar

import pytest

from wire.chat import ChatRequest, Image, Message
from wire.errors import ErrorCode, SupernetError
from worker.bindings.vocab import Vocab
from worker.chat.prepared import Seen
from worker.chat.prompt import prepare
from worker.preparer.process import PREPARE_S, TURN_S, WAITING, Preparer
from worker.subprocesses import parent
from worker.subprocesses.parent import ChildProcess

T = TypeVar("T")


def standin(manner: str = "serve") -> tuple[str, ...]:
    return (sys.executable, "-m", "tests.worker.preparer.fake_child", manner)


def ask(text: str) -> ChatRequest:
    return ChatRequest.model_validate({"messages": (Message(role="user", content=text),), "max_tokens": 5})


async def soon(what: Awaitable[T]) -> T:
    return await asyncio.wait_for(what, 60)


async def refusal(preparer: Preparer, text: str) -> SupernetError:
    with pytest.raises(SupernetError) as caught:
        await soon(preparer.prepare(ask(text), ()))
    return caught.value


async def pid(preparer: Preparer) -> int:
    return (await soon(preparer.prepare(ask("hello"), ()))).prompt[0]


@pytest.fixture
async def preparer() -> AsyncIterator[Preparer]:
    preparer = Preparer("no-file.gguf", 100, "qwen-json", command=standin(), prepare_s=60, turn_s=60)
    yield preparer
    await preparer.close()


async def test_a_request_comes_back_prepared_and_the_child_stays(preparer: Preparer) -> None:
    first = await soon(preparer.prepare(ask("hello"), (7, 8)))
    assert first.delivered_pieces == (b"7", b"8")
    assert await pid(preparer) == first.prompt[0] != os.getpid()


async def test_start_has_the_child_ready(preparer: Preparer) -> None:
    await soon(preparer.start())
    await soon(preparer.start())
    assert await pid(preparer)


async def test_a_refusal_keeps_its_code_and_param(preparer: Preparer) -> None:
    before = await pid(preparer)
    error = await refusal(preparer, "refuse")
    assert (error.code, error.message, error.param) == (ErrorCode.CONTEXT_LENGTH_EXCEEDED, "too long", "messages")
    assert await pid(preparer) == before


@pytest.mark.parametrize("text", ["crash", "garbage"])
async def test_who_breaks_the_child_is_refused_for_good_and_the_next_is_served(preparer: Preparer, text: str) -> None:
    before = await pid(preparer)
    error = await refusal(preparer, text)
    assert error.code is ErrorCode.INVALID_REQUEST and not error.row.retryable
    assert await pid(preparer) != before
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)


async def test_who_loses_the_child_to_the_kernel_is_sent_elsewhere_and_not_blamed(preparer: Preparer) -> None:
    error = await refusal(preparer, "killed")
    assert error.code is ErrorCode.WORKER_BUSY and error.row.retryable
    assert await pid(preparer)


async def test_those_who_wait_behind_a_crash_are_served(preparer: Preparer) -> None:
    texts = ["hello", "crash", "hello", "crash", "hello"]
    calls = [preparer.prepare(ask(text), ()) for text in texts]
    answers = await soon(asyncio.gather(*calls, return_exceptions=True))
    assert [isinstance(answer, SupernetError) for answer in answers] == [False, True, False, True, False]


async def test_who_takes_too_long_is_refused_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.preparer.process.WORKED", 0.1)  # beside whatever else runs here
    preparer = Preparer("no-file.gguf", 100, "qwen-json", command=standin(), prepare_s=2)
    error = await refusal(preparer, "spin")
    assert error.code is ErrorCode.INVALID_REQUEST and "too long to prepare" in error.message
    await preparer.close()


async def test_a_child_that_gets_no_processor_is_no_request_s_fault() -> None:
    """Before, whoever was in a preparer that was stopped, or swapped out, was told that the request is wrong."""
    preparer = Preparer("no-file.gguf", 100, "qwen-json", command=standin(), prepare_s=0.5)
    await soon(preparer.start())
    assert preparer.pid is not None
    os.kill(preparer.pid, signal.SIGSTOP)
    error = await refusal(preparer, "hello")
    assert error.code is ErrorCode.WORKER_BUSY and error.row.retryable
    preparer._prepare_s = 60
    assert await pid(preparer)
    await preparer.close()


async def test_a_child_that_the_kernel_cannot_end_costs_its_request_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    preparer = Preparer("no-file.gguf", 100, "qwen-json", command=standin(), prepare_s=0.5)
    killed: list[ChildProcess] = []
    with monkeypatch.context() as stuck:
        stuck.setattr("worker.preparer.process.CLOSE_S", 0.01)
        stuck.setattr(parent, "KILLED_S", 0.05)
        stuck.setattr(ChildProcess, "kill", lambda self: killed.append(self))  # as a process in state D takes it
        assert (await refusal(preparer, "hang")).code is ErrorCode.WORKER_BUSY
    preparer._prepare_s = 60
    assert await pid(preparer) != killed[0].pid
    await preparer.close()
    with contextlib.suppress(ProcessLookupError):
        os.kill(killed[0].pid, signal.SIGKILL)
    await soon(killed[0]._process.wait())


async def test_who_waits_too_long_for_a_turn_is_sent_elsewhere(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    preparer = Preparer("no-file.gguf", 100, "qwen-json", command=standin(), turn_s=0.05)
    first = asyncio.create_task(preparer.prepare(ask(f"after {gate}"), ()))
    with await asyncio.to_thread(gate.open, "wb"):
        assert (await refusal(preparer, "hello")).code is ErrorCode.WORKER_BUSY
    assert (await soon(first)).prompt
    await preparer.close()


async def test_after_a_crash_a_new_child_is_there_before_anybody_asks(preparer: Preparer) -> None:
    before = await pid(preparer)
    await refusal(preparer, "crash")
    assert preparer._exchange is not None
    await soon(preparer._exchange)
    assert preparer._child is not None and preparer._child.alive and preparer._child.pid != before


async def test_a_turn_and_the_work_are_shorter_together_than_a_coordinator_waits() -> None:
    from coordinator.scheduler.state import Limits

    assert TURN_S + PREPARE_S < Limits.accept_s


async def test_a_child_that_died_idle_is_nobodys_fault(preparer: Preparer) -> None:
    old = await pid(preparer)
    end = os.pidfd_open(old)
    os.kill(old, signal.SIGKILL)
    noticed = asyncio.Event()
    asyncio.get_running_loop().add_reader(end, noticed.set)
    await soon(noticed.wait())
    asyncio.get_running_loop().remove_reader(end)
    os.close(end)
    assert preparer._child is not None
    async with asyncio.timeout(60):
        while preparer._child.alive:  # noqa: ASYNC110 - the end of the pipe comes as an event of its own
            await asyncio.sleep(0)
    assert await pid(preparer) != old


async def test_a_caller_who_leaves_does_not_disturb_the_next(preparer: Preparer, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    before = await pid(preparer)
    leaver = asyncio.create_task(preparer.prepare(ask(f"after {gate}"), (1,)))
    with await asyncio.to_thread(gate.open, "wb"):  # opens when the child has the request and waits
        leaver.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaver
        second = asyncio.create_task(preparer.prepare(ask("hello"), (2,)))
        await asyncio.sleep(0)
    prepared = await soon(second)
    assert prepared.delivered_pieces == (b"2",) and prepared.prompt == (before,)


async def test_waiting_is_bounded(preparer: Preparer, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    waiting = [asyncio.create_task(preparer.prepare(ask(f"after {gate}"), ()))]
    waiting += [asyncio.create_task(preparer.prepare(ask("hello"), ())) for _ in range(WAITING - 1)]
    with await asyncio.to_thread(gate.open, "wb"):
        error = await refusal(preparer, "one too many")
        assert error.code is ErrorCode.WORKER_BUSY
    assert len(await soon(asyncio.gather(*waiting))) == WAITING
    await pid(preparer)  # there is room again


@pytest.mark.parametrize("manner", ["dumb", "refuses"])
async def test_a_vocabulary_that_does_not_load_sends_the_job_elsewhere(manner: str) -> None:
    preparer = Preparer("no-file.gguf", 100, "qwen-json", command=standin(manner))
    error = await refusal(preparer, "hello")
    assert error.code is ErrorCode.MODEL_NOT_LOADED and error.row.retryable
    await preparer.close()


async def test_a_program_that_cannot_be_started_sends_the_job_elsewhere() -> None:
    preparer = Preparer("no-file.gguf", 100, "qwen-json", command=("/no/such/program",))
    assert (await refusal(preparer, "hello")).code is ErrorCode.MODEL_NOT_LOADED
    await preparer.close()


async def test_close_answers_whoever_waits_and_ends_the_child(preparer: Preparer, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    child = await pid(preparer)
    calls = [asyncio.create_task(preparer.prepare(ask(text), ())) for text in (f"after {gate}", "hello")]
    with await asyncio.to_thread(gate.open, "wb"):
        await soon(preparer.close())
        for call in calls:
            with pytest.raises(SupernetError) as caught:
                await call
            assert caught.value.code is ErrorCode.WORKER_DRAINING
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    assert (await refusal(preparer, "late")).code is ErrorCode.WORKER_DRAINING
    assert asyncio.all_tasks() == {asyncio.current_task()}


# ---- the real child, on a tiny model -------------------------------------------------------------------------------


@pytest.fixture
async def real(tiny_qwen35: Path) -> AsyncIterator[Preparer]:
    preparer = Preparer(str(tiny_qwen35), 4096, "qwen-xml", prepare_s=60, turn_s=60)
    yield preparer
    await preparer.close()


async def test_a_real_request_is_rendered_and_tokenised_outside(real: Preparer, tiny_qwen35: Path) -> None:
    request = ask("Why is the sky blue? <|im_end|>")
    vocab = Vocab(str(tiny_qwen35))
    prepared = await soon(real.prepare(request, (5, 6)))
    assert prepared == prepare(request, (5, 6), 4096, vocab, "qwen-xml")
    text = b"".join(map(vocab.piece, prepared.prompt)).decode()
    assert "Why is the sky blue?" in text and text.startswith("<|im_start|>")
    assert prepared.reading.reasons and len(prepared.delivered_pieces) == 2


async def test_pictures_have_their_place_in_a_real_prompt_and_a_template_says_whether_it_shows_them(
    real: Preparer, tiny_qwen3: Path
) -> None:
    shown = Image(at=2, sha256=64 * "a", size_bytes=1, most=256)
    message = Message(role="user", content="Is this it?", images=(shown,))
    request = ask("").model_copy(update={"messages": (message,)})
    prepared = await soon(real.prepare(request, (), (Seen(4, 3, "d"),)))
    (placed,) = prepared.pictures
    assert (placed.columns, placed.rows, placed.digest) == (4, 3, "d")
    assert len(set(prepared.prompt[placed.at : placed.end])) == 1
    assert real.sees
    blind = Preparer(str(tiny_qwen3), 4096, "qwen-json", prepare_s=60, turn_s=60)
    await soon(blind.start())
    assert not blind.sees
    await blind.close()


async def test_a_real_refusal_keeps_the_child(real: Preparer) -> None:
    await soon(real.start())
    child = real._child
    error = await refusal(real, "blue " * 5000)
    assert error.code is ErrorCode.CONTEXT_LENGTH_EXCEEDED and error.param == "messages"
    await soon(real.prepare(ask("short"), ()))
    assert real._child is child


async def test_a_delivered_token_that_no_vocabulary_has_costs_only_its_request(real: Preparer) -> None:
    with pytest.raises(SupernetError) as caught:
        await soon(real.prepare(ask("hello"), (10**9,)))
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    await soon(real.prepare(ask("hello"), ()))


async def test_a_schema_that_nobody_can_compile_costs_its_request_and_no_engine(real: Preparer) -> None:
    """A kilobyte of it made llguidance take 2.4 GB in 27 s."""
    met = {"allOf": [{"type": "string", "pattern": f".*{i}.*"} for i in range(100, 140)]}
    with pytest.raises(SupernetError, match="too dear") as caught:
        await soon(real.prepare(ask("hello").model_copy(update={"json_schema": met}), ()))
    assert (caught.value.code, caught.value.param) == (ErrorCode.INVALID_REQUEST, "response_format")
    child = real._child
    await soon(real.prepare(ask("hello"), ()))
    assert real._child is child


async def test_a_schema_that_cannot_be_used_is_refused_by_its_field(real: Preparer) -> None:
    with pytest.raises(SupernetError, match="nonsense") as caught:
        await soon(real.prepare(ask("hello").model_copy(update={"json_schema": {"type": "nonsense"}}), ()))
    assert (caught.value.code, caught.value.param) == (ErrorCode.INVALID_REQUEST, "response_format")
    usable = ask("hello").model_copy(update={"json_schema": {"type": "integer"}})
    assert (await soon(real.prepare(usable, ()))).constraint


async def test_a_finished_answer_is_checked_outside_however_dear_its_schema(real: Preparer) -> None:
    assert await soon(real.check({"not": {"const": 1}}, "2")) == ()
    assert await soon(real.check({"not": {"const": 1}}, "1")) == ("#/not does not hold for the whole",)
    doubled = {f"d{i}": {"oneOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(40)}
    dear = {"$ref": "#/$defs/d0", "$defs": {**doubled, "d40": {"const": 1}}}
    assert await soon(real.check(dear, "2")) == ("it could not be checked",)
    assert await soon(real.check({"$ref": "http://127.0.0.1:9/x"}, "2")) == ("it could not be checked",)
    await soon(real.prepare(ask("hello"), ()))


async def test_a_file_that_is_no_model_sends_the_job_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF" + b"\xff" * 1000)
    preparer = Preparer(str(path), 4096, "qwen-xml")
    assert (await refusal(preparer, "hello")).code is ErrorCode.MODEL_NOT_LOADED
    await preparer.close()
