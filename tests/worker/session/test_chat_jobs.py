"""What happens to chats, as transcripts of a session."""

from dataclasses import replace
from typing import Literal

import pytest

from tests.worker.session.transcript import (
    REQUEST,
    M,
    commands,
    content,
    make,
    prepared,
    run,
    sent,
    start,
    stepped,
    types,
)
from wire.chat import Content, FinishReason, Notice, Part
from wire.errors import ErrorCode, SupernetError
from wire.messages import Ack, AckItem, Cancel
from wire.schema_keywords import Gap
from worker.chat.answer import Answer
from worker.chat.prepared import Unheld
from worker.chat.written import Claim
from worker.engine import port
from worker.session import chat_task, effects
from worker.session.session import Session
from worker.session.slots import JobKey


def test_a_job_from_start_to_done() -> None:
    session = make()
    assert session.received(start(), 0.0) == [effects.Prepare(JobKey("a", 1), M, REQUEST, ())]
    found = session.prepared(JobKey("a", 1), prepared())
    assert types(found) == ["accepted"]
    submit = commands(found)[0]
    assert isinstance(submit, port.Submit)
    assert (submit.prompt, submit.max_tokens, submit.seed) == ((1, 2, 3), 61, 7), "clipped to the context"
    text = "".join(content(session.engine(M, event)) for event in stepped("a", "Hel", "lo"))
    over = session.engine(M, port.Ended("a.1", "stop", port.JobUsage(prompt=3, completion=2)))
    assert text + content(over) == "Hello"
    done = sent(over)[-1]
    assert done.finish_reason == "stop" and done.usage.completion == 2  # type: ignore[attr-defined]
    assert done.stop is None  # type: ignore[attr-defined]
    assert session.models[M].slots.free == 2


def test_frames_of_an_attempt_are_numbered_without_a_gap() -> None:
    session = make()
    run(session)
    frames = [sent(session.engine(M, event))[0] for event in stepped("a", "x", "y", "z")]
    frames += sent(session.engine(M, port.Ended("a.1", "length")))
    numbers = [item.seq for f in frames for item in getattr(f, "items", [f])]
    assert numbers == list(range(len(numbers)))


def test_the_deltas_of_one_step_travel_in_one_frame() -> None:
    session = make()
    run(session, "a")
    run(session, "b")
    found = session.engine(M, port.Stepped((port.Token("a.1", 1, b"x"), port.Token("b.1", 2, b"y"))))
    assert types(found) == ["deltas"]
    assert [item.job for item in sent(found)[0].items] == ["a", "b"]  # type: ignore[attr-defined]


def test_a_request_that_cannot_be_prepared_is_refused_with_its_reason() -> None:
    session = make(slots=1)
    session.received(start(), 0.0)
    error = SupernetError(ErrorCode.CONTEXT_LENGTH_EXCEEDED, "too long", param="messages")
    refused = sent(session.prepare_failed(JobKey("a", 1), error))[0]
    assert (refused.code, refused.param) == (error.code, "messages")  # type: ignore[attr-defined]
    assert session.models[M].slots.free == 1


def test_a_cancel_frees_the_slot_only_when_the_engine_says_so() -> None:
    session = make(slots=1)
    run(session)
    assert commands(session.received(Cancel(job="a", attempt=1), 0.0)) == [port.Cancel("a.1")]
    assert session.models[M].slots.free == 0
    over = session.engine(M, port.Ended("a.1", "cancelled", port.JobUsage(completion=4)))
    assert types(over) == ["cancelled"] and sent(over)[0].usage.completion == 4  # type: ignore[attr-defined]
    assert session.models[M].slots.free == 1


def test_a_cancel_while_the_request_is_prepared_never_reaches_the_engine() -> None:
    session = make(slots=1)
    session.received(start(), 0.0)
    assert session.received(Cancel(job="a", attempt=1), 0.0) == []
    found = session.prepared(JobKey("a", 1), prepared())
    assert types(found) == ["cancelled"] and not commands(found)
    assert session.models[M].slots.free == 1


def test_an_end_that_crossed_the_cancel_stands() -> None:
    session = make()
    run(session)
    session.received(Cancel(job="a", attempt=1), 0.0)
    assert types(session.engine(M, port.Ended("a.1", "stop"))) == ["done"]
    assert session.received(Cancel(job="a", attempt=1), 0.0) == []


def test_a_stop_string_ends_the_job_and_hides_what_came_after() -> None:
    session = make()
    run(session, stop=("END",))
    found = [session.engine(M, event) for event in stepped("a", "one ", "EN", "D", " more")]
    assert commands(found[2]) == [port.Cancel("a.1")]
    assert found[3] == [], "tokens after the stop are not delivered"
    over = session.engine(M, port.Ended("a.1", "cancelled"))
    assert "".join(content(f) for f in [*found, over]) == "one "
    done = sent(over)[-1]
    assert (done.finish_reason, done.stop) == ("stop", "END")  # type: ignore[attr-defined]


def test_delivered_tokens_are_replayed_in_silence() -> None:
    session = make()
    session.received(start(delivered=(10, 11)), 0.0)
    found = session.prepared(JobKey("a", 1), prepared(delivered=(b"caf", b"\xc3")))
    assert types(found) == ["accepted"]
    assert commands(found)[0].delivered == (10, 11)  # type: ignore[union-attr]
    rest = session.engine(M, port.Stepped((port.Token("a.1", 12, b"\xa9!"),)))
    over = session.engine(M, port.Ended("a.1", "stop"))
    assert content(rest) + content(over) == "é!", "half a character of the first attempt is finished by the second"


class Broken(Answer):
    """An answer with a bug in it, wherever `!` or `?` comes; and `s` brings half a character from nowhere."""

    ends_well = True

    def push(self, piece: bytes) -> list[Part]:
        if piece == b"!":
            raise RecursionError("a bug")
        self.ends_well &= piece != b"?"
        return [Content(text="\ud800")] if piece == b"s" else super().push(piece)

    def finish(self, reason: Literal["stop", "length"]) -> tuple[list[Part], FinishReason]:
        assert self.ends_well, "a bug"
        return super().finish(reason)


def bugs(found: list[effects.Effect]) -> list[str]:
    return [type(effect.error).__name__ for effect in found if isinstance(effect, effects.Bug)]


@pytest.mark.parametrize(("piece", "error"), [("!", "RecursionError"), ("s", "PydanticSerializationError")])
def test_a_bug_in_reading_an_answer_ends_that_job_and_no_other(
    monkeypatch: pytest.MonkeyPatch, piece: str, error: str
) -> None:
    monkeypatch.setattr(chat_task, "Answer", Broken)
    session = make()
    run(session, "a")
    run(session, "b")
    both = port.Stepped((port.Token("a.1", 10, piece.encode()), port.Token("b.1", 10, b"fine")))
    found = session.engine(M, both)
    assert (bugs(found), commands(found), content(found)) == ([error], [port.Cancel("a.1")], "fine")
    assert session.engine(M, port.Stepped((port.Token("a.1", 11, b"x"),))) == []
    assert session.models[M].slots.free == 0, "the engine still has it"
    found = session.engine(M, port.Ended("a.1", "cancelled", port.JobUsage()))
    failed = sent(found)[0]
    assert (failed.type, failed.code, failed.seq, failed.retryable) == ("failed", ErrorCode.INTERNAL_ERROR, 0, False)  # type: ignore[attr-defined]
    assert session.models[M].slots.free == 1
    session.engine(M, stepped("b", " still")[0])
    assert types(session.engine(M, port.Ended("b.1", "stop", port.JobUsage()))) == ["done"]


@pytest.mark.parametrize("reason", ["stop", "failed", "cancelled"])
def test_a_bug_is_a_bug_however_the_engine_ends_the_job(
    monkeypatch: pytest.MonkeyPatch, reason: Literal["stop", "failed", "cancelled"]
) -> None:
    monkeypatch.setattr(chat_task, "Answer", Broken)
    session = make()
    run(session)
    session.engine(M, stepped("a", "!")[0])
    session.received(Cancel(job="a", attempt=1), 0.0)
    assert types(session.engine(M, port.Ended("a.1", reason, port.JobUsage()))) == ["failed"]


def test_a_bug_in_the_end_of_an_answer_ends_that_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_task, "Answer", Broken)
    session = make()
    run(session)
    session.engine(M, stepped("a", "?")[0])
    found = session.engine(M, port.Ended("a.1", "stop", port.JobUsage()))
    assert (bugs(found), types(found)) == (["AssertionError"], ["failed"])
    assert session.models[M].slots.free == 2


def test_a_bug_in_reading_delivered_tokens_again_refuses_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_task, "Answer", Broken)
    session = make()
    session.received(start(delivered=(1,)), 0.0)
    found = session.prepared(JobKey("a", 1), prepared(delivered=(b"!",)))
    assert (bugs(found), commands(found)) == (["RecursionError"], [])
    refused = sent(found)[0]
    assert (refused.type, refused.code) == ("refused", ErrorCode.INTERNAL_ERROR)  # type: ignore[attr-defined]
    assert session.models[M].slots.free == 2 and not session.jobs.attempts


def test_a_crashed_engine_fails_its_jobs_as_retryable_and_says_so() -> None:
    session = make()
    run(session, "a")
    found = session.engine(M, port.Down("killed by signal 9", ("a.1",), retry_in_s=0.5))
    assert types(found) == ["capacity", "issue", "failed"]
    failed = sent(found)[2]
    assert failed.code == ErrorCode.ENGINE_CRASHED and failed.retryable  # type: ignore[attr-defined]
    assert session.capacity().models[0].status == "down"
    assert types(session.engine(M, port.Ready(2, 64, 100))) == ["capacity", "issue"]
    assert session.capacity().models[0].free == 2


def test_a_grammar_that_is_no_good_is_the_fault_of_a_field_with_a_name() -> None:
    session = make()
    wanted = REQUEST.model_copy(update={"json_schema": {"type": "string", "pattern": "("}})
    session.received(start().model_copy(update={"request": wanted}), 0.0)
    session.prepared(JobKey("a", 1), prepared())
    no_good = port.Ended("a.1", "failed", code=ErrorCode.INVALID_REQUEST, message="the grammar cannot be used")
    (failed,) = sent(session.engine(M, no_good))
    assert (failed.code, failed.param) == (ErrorCode.INVALID_REQUEST, "response_format")  # type: ignore[attr-defined]


def test_a_job_that_is_not_acknowledged_is_paused_and_goes_on_after_the_ack() -> None:
    session = make(window=4)
    run(session)
    found = [commands(session.engine(M, event)) for event in stepped("a", *"abcd")]
    assert found == [[], [], [], [port.Pause("a.1")]]
    assert commands(session.received(Ack(items=(AckItem(job="a", attempt=1, next_seq=1),)), 0.0)) == []
    ack = Ack(items=(AckItem(job="a", attempt=1, next_seq=2),))
    assert commands(session.received(ack, 0.0)) == [port.Continue("a.1")]


def test_an_acknowledged_end_is_forgotten() -> None:
    session = make()
    run(session)
    session.engine(M, port.Ended("a.1", "stop"))
    assert session.jobs.attempts
    session.received(Ack(items=(AckItem(job="a", attempt=1, next_seq=99),)), 0.0)
    assert not session.jobs.attempts


def test_a_stop_string_in_the_last_token_that_was_allowed_is_a_stop() -> None:
    session = make()
    run(session, stop=("END",))
    session.engine(M, stepped("a", "one END")[0])
    done = sent(session.engine(M, port.Ended("a.1", "length")))[-1]
    assert done.finish_reason == "stop"  # type: ignore[attr-defined]


def test_an_answer_that_was_complete_when_it_moved_is_billed_for_its_prompt() -> None:
    session = make()
    session.received(start(delivered=(1,)), 0.0)
    over = session.prepared(JobKey("a", 1), prepared(stop=("END",), delivered=(b"END",)))
    done = sent(over)[-1]
    assert done.usage.prompt == 3 and commands(over) == []  # type: ignore[attr-defined]


def test_events_of_unknown_jobs_are_ignored() -> None:
    session = make()
    assert session.engine(M, stepped("ghost", "x")[0]) == []
    assert session.engine(M, port.Ended("ghost.1", "stop")) == []
    assert session.received(Cancel(job="ghost", attempt=1), 0.0) == []


UNHELD = (Unheld(None, (Gap("not", "#/not"),)),)


def checking(session: Session) -> list[effects.Effect]:
    """A job whose answer is complete, and of whose schema the grammar holds a part only."""
    wanted = REQUEST.model_copy(update={"json_schema": {"not": {"const": 1}}})
    session.received(start().model_copy(update={"request": wanted}), 0.0)
    session.prepared(JobKey("a", 1), replace(prepared(), unheld=UNHELD, said=("odd",)))
    for event in stepped("a", "1"):
        session.engine(M, event)
    return session.engine(M, port.Ended("a.1", "stop", port.JobUsage(prompt=3, completion=1)))


def test_what_a_grammar_does_not_hold_is_checked_before_the_end_is_sent() -> None:
    session = make()
    found = checking(session)
    claim = Claim("the answer", {"not": {"const": 1}}, "1")
    assert types(found) == ["deltas"] and found[-1] == effects.Check(JobKey("a", 1), M, (claim,))
    assert session.models[M].slots.free == 1
    told, done = sent(session.checked(JobKey("a", 1), ("#/not does not hold",)))
    assert told.items[0].parts == (Notice(text="#/not does not hold"),)  # type: ignore[attr-defined]
    assert done.finish_reason == "stop" and done.usage.completion == 1  # type: ignore[attr-defined]
    assert session.models[M].slots.free == 2
    assert session.checked(JobKey("a", 1), ()) == session.checked(JobKey("z", 1), ()) == []


def test_what_the_library_says_of_a_grammar_is_told_with_the_end() -> None:
    (delta,) = sent(checking(make()))
    assert Notice(text="odd") in delta.items[0].parts  # type: ignore[attr-defined]


def test_an_answer_that_holds_ends_without_a_word() -> None:
    session = make()
    checking(session)
    assert types(session.checked(JobKey("a", 1), ())) == ["done"]


def test_a_leaver_ends_a_check_and_a_crash_does_not() -> None:
    session = make()
    checking(session)
    session.engine(M, port.Down("killed by signal 9", (), retry_in_s=0.5))
    assert types(session.checked(JobKey("a", 1), ())) == ["done"]
    session = make()
    checking(session)
    session.received(Cancel(job="a", attempt=1), 0.0)
    assert types(session.checked(JobKey("a", 1), ("wrong",))) == ["cancelled"]


def test_a_cut_answer_is_not_checked() -> None:
    session = make()
    wanted = REQUEST.model_copy(update={"json_schema": {"not": {"const": 1}}})
    session.received(start().model_copy(update={"request": wanted}), 0.0)
    session.prepared(JobKey("a", 1), replace(prepared(), unheld=UNHELD))
    assert types(session.engine(M, port.Ended("a.1", "length"))) == ["done"]
