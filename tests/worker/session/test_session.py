"""The session as a transcript: frames and engine events in, effects out. No socket, no clock, no engine."""

from typing import Any, Literal

import pytest
from pydantic import BaseModel

from wire.chat import ChatRequest, Content, FinishReason, Message, Part
from wire.errors import ErrorCode, SupernetError
from wire.messages import (
    Ack,
    AckItem,
    Cancel,
    Drain,
    Earnings,
    Error,
    Issue,
    KeptJob,
    ModelOffer,
    Move,
    Start,
    Welcome,
)
from worker.chat.answer import Answer
from worker.chat.prepared import Prepared, Reading
from worker.engine import port
from worker.session import attempt as attempt_module
from worker.session import effects
from worker.session.model_slots import Served
from worker.session.session import HAND_BACK_S, Session
from worker.session.slots import JobKey, Slots

M = "tiny"
REQUEST = ChatRequest(messages=(Message(role="user", content="hi"),), max_tokens=100)


def make(slots: int = 2, window: int = 512, ready: bool = True) -> Session:
    offer = ModelOffer(id=M, context=64, slots=slots)
    session = Session({M: Served(offer, Slots(slots))})
    session.received(Welcome(session="s1", window_tokens=window), 0.0)
    if ready:
        session.engine(M, port.Ready(slots, 64, 100))
    return session


def start(job: str = "a", attempt: int = 1, delivered: tuple[int, ...] = ()) -> Start:
    return Start(job=job, attempt=attempt, model=M, request=REQUEST, seed=7, delivered=delivered)


def prepared(stop: tuple[str, ...] = (), delivered: tuple[bytes, ...] = ()) -> Prepared:
    return Prepared((1, 2, 3), (), Reading(format="qwen-json", stop=stop), delivered)


def run(session: Session, job: str = "a", **made: Any) -> list[effects.Effect]:
    """Start a job and get it as far as the engine."""
    session.received(start(job), 0.0)
    return session.prepared(JobKey(job, 1), prepared(**made))


def stepped(job: str, *pieces: str, first: int = 10) -> list[port.Stepped]:
    return [port.Stepped((port.Token(f"{job}.1", first + n, p.encode()),)) for n, p in enumerate(pieces)]


def sent(found: list[effects.Effect]) -> list[BaseModel]:
    return [effect.message for effect in found if isinstance(effect, effects.Send)]


def types(found: list[effects.Effect]) -> list[str]:
    return [message.type for message in sent(found)]  # type: ignore[attr-defined]


def commands(found: list[effects.Effect]) -> list[port.Command]:
    return [effect.command for effect in found if isinstance(effect, effects.Command)]


def content(found: list[effects.Effect]) -> str:
    deltas = [message for message in sent(found) if getattr(message, "type", "") == "deltas"]
    return "".join(part.text for d in deltas for item in d.items for part in item.parts)  # type: ignore[attr-defined]


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
    assert session.models[M].slots.free == 2


def test_frames_of_an_attempt_are_numbered_without_a_gap() -> None:
    session = make()
    run(session)
    frames = [sent(session.engine(M, event))[0] for event in stepped("a", "x", "y", "z")]
    frames += sent(session.engine(M, port.Ended("a.1", "length")))
    numbers = [item.seq for f in frames for item in getattr(f, "items", [f])]  # type: ignore[attr-defined]
    assert numbers == list(range(len(numbers)))


def test_the_deltas_of_one_step_travel_in_one_frame() -> None:
    session = make()
    run(session, "a")
    run(session, "b")
    found = session.engine(M, port.Stepped((port.Token("a.1", 1, b"x"), port.Token("b.1", 2, b"y"))))
    assert types(found) == ["deltas"]
    assert [item.job for item in sent(found)[0].items] == ["a", "b"]  # type: ignore[attr-defined]


def test_a_full_worker_refuses_and_says_when_to_come_back() -> None:
    session = make(slots=1)
    run(session, "a")
    refused = sent(session.received(start("b"), 0.0))[0]
    assert refused.code == ErrorCode.WORKER_BUSY and refused.retry_after_s == 1.0  # type: ignore[attr-defined]


def test_a_model_that_is_not_loaded_is_refused_by_name() -> None:
    session = make(ready=False)
    loading = sent(session.received(start(), 0.0))[0]
    assert loading.code == ErrorCode.MODEL_NOT_LOADED and "loading" in loading.message  # type: ignore[attr-defined]
    other = start().model_copy(update={"model": "other"})
    assert "not served here" in sent(session.received(other, 0.0))[0].message  # type: ignore[attr-defined]


def test_the_same_attempt_twice_is_an_error_and_the_first_goes_on() -> None:
    session = make()
    run(session)
    assert types(session.received(start(), 0.0)) == ["error"]
    assert types(session.engine(M, stepped("a", "x")[0])) == ["deltas"]


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
    assert sent(over)[-1].finish_reason == "stop"  # type: ignore[attr-defined]


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
    monkeypatch.setattr(attempt_module, "Answer", Broken)
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
    monkeypatch.setattr(attempt_module, "Answer", Broken)
    session = make()
    run(session)
    session.engine(M, stepped("a", "!")[0])
    session.received(Cancel(job="a", attempt=1), 0.0)
    assert types(session.engine(M, port.Ended("a.1", reason, port.JobUsage()))) == ["failed"]


def test_a_bug_in_the_end_of_an_answer_ends_that_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt_module, "Answer", Broken)
    session = make()
    run(session)
    session.engine(M, stepped("a", "?")[0])
    found = session.engine(M, port.Ended("a.1", "stop", port.JobUsage()))
    assert (bugs(found), types(found)) == (["AssertionError"], ["failed"])
    assert session.models[M].slots.free == 2


def test_a_bug_in_reading_delivered_tokens_again_refuses_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt_module, "Answer", Broken)
    session = make()
    session.received(start(delivered=(1,)), 0.0)
    found = session.prepared(JobKey("a", 1), prepared(delivered=(b"!",)))
    assert (bugs(found), commands(found)) == (["RecursionError"], [])
    refused = sent(found)[0]
    assert (refused.type, refused.code) == ("refused", ErrorCode.INTERNAL_ERROR)  # type: ignore[attr-defined]
    assert session.models[M].slots.free == 2 and not session.attempts


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
    assert session.attempts
    session.received(Ack(items=(AckItem(job="a", attempt=1, next_seq=99),)), 0.0)
    assert not session.attempts


def test_a_dropped_socket_loses_nothing() -> None:
    session = make()
    run(session)
    first = content(session.engine(M, stepped("a", "one ")[0]))
    session.link_lost(1.0)
    unheard = session.engine(M, port.Stepped((port.Token("a.1", 11, b"two "),)))
    assert unheard == []
    over = session.engine(M, port.Ended("a.1", "stop"))
    assert over == []
    resume = session.resume()
    assert resume is not None and (resume.session, resume.jobs[0].next_seq) == ("s1", 3)
    back = session.received(Welcome(session="s1", kept=(KeptJob(job="a", attempt=1, next_seq=1),)), 5.0)
    assert types(back) == ["capacity", "deltas", "done"]
    assert first + content(back) == "one two "


def test_a_reattach_does_not_open_the_window_of_a_client_that_has_not_read() -> None:
    session = make(window=2)
    run(session)
    paused = [c for event in stepped("a", "x", "y") for c in commands(session.engine(M, event))]
    assert paused == [port.Pause("a.1")]
    session.link_lost(1.0)
    back = session.received(
        Welcome(session="s1", window_tokens=2, kept=(KeptJob(job="a", attempt=1, next_seq=2),)), 5.0
    )
    assert types(back) == ["capacity"] and commands(back) == [], "all has arrived, nothing has been taken"
    taken = session.received(Ack(items=(AckItem(job="a", attempt=1, next_seq=2),)), 6.0)
    assert commands(taken) == [port.Continue("a.1")]


def test_a_request_prepared_after_hello_is_not_generated_because_it_goes_elsewhere() -> None:
    session = make(slots=1)
    session.received(start(), 0.0)
    session.link_lost(1.0)
    resume = session.resume()
    assert resume is not None and resume.jobs == ()
    assert session.prepared(JobKey("a", 1), prepared()) == []
    assert not session.attempts and session.models[M].slots.free == 1


def test_a_request_prepared_before_the_next_hello_goes_on() -> None:
    session = make()
    session.received(start(), 0.0)
    session.link_lost(1.0)
    session.resume()
    session.link_lost(2.0)  # nobody answered that hello
    assert isinstance(commands(session.prepared(JobKey("a", 1), prepared()))[0], port.Submit)
    resume = session.resume()
    assert resume is not None and [job.job for job in resume.jobs] == ["a"]


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


def test_what_the_coordinator_does_not_keep_is_stopped_without_a_word() -> None:
    session = make(slots=1)
    run(session)
    session.link_lost(1.0)
    back = session.received(Welcome(session="s2"), 5.0)
    assert commands(back) == [port.Cancel("a.1")]
    (said,) = sent(session.engine(M, port.Ended("a.1", "cancelled")))
    assert said == session.capacity()  # not of the job: of the slot, so that it is used again at once
    assert said.models[0].free == 1
    assert not session.attempts and session.models[M].slots.free == 1


def test_after_the_resume_window_the_jobs_are_given_up() -> None:
    session = make()
    run(session)
    session.link_lost(1.0)
    assert session.tick(60.0) == []
    assert commands(session.tick(61.1)) == [port.Cancel("a.1")]
    assert session.resume() is None


def test_a_drain_lets_jobs_finish_and_takes_no_more() -> None:
    session = make()
    run(session)
    assert types(session.received(Drain(deadline_s=60), 0.0)) == ["draining"]
    assert sent(session.received(start("b"), 1.0))[0].code == ErrorCode.WORKER_DRAINING  # type: ignore[attr-defined]
    assert session.capacity().models[0].free == 0
    session.engine(M, port.Ended("a.1", "stop"))
    assert effects.Leave() in session.received(Ack(items=(AckItem(job="a", attempt=1, next_seq=99),)), 2.0)


def test_a_drain_hands_back_what_does_not_finish_in_time() -> None:
    session = make()
    run(session)
    session.drain(60, now=0.0)
    assert session.tick(60 - HAND_BACK_S - 1) == []
    assert commands(session.tick(60 - HAND_BACK_S)) == [port.Cancel("a.1")]
    failed = sent(session.engine(M, port.Ended("a.1", "cancelled")))[0]
    assert failed.code == ErrorCode.WORKER_DRAINING and failed.retryable  # type: ignore[attr-defined]
    assert session.tick(60.0) == [effects.Leave()], "one deadline, even when nobody acknowledges"
    assert session.tick(61.0) == [], "leaving happens once"


def test_an_idle_worker_drains_at_once() -> None:
    assert effects.Leave() in make().drain(60, now=0.0)


def test_nothing_is_taken_before_welcome() -> None:
    session = make()
    session.link_lost(0.0)
    refused = sent(session.received(start(), 1.0))[0]
    assert isinstance(refused, Error) and refused.code == ErrorCode.PROTOCOL_ERROR


def test_a_move_is_a_redial() -> None:
    assert make().received(Move(after_s=3, url="ws://other"), 0.0) == [effects.Redial(3, "ws://other")]


def test_events_of_unknown_jobs_are_ignored() -> None:
    session = make()
    assert session.engine(M, stepped("ghost", "x")[0]) == []
    assert session.engine(M, port.Ended("ghost.1", "stop")) == []
    assert session.received(Cancel(job="ghost", attempt=1), 0.0) == []


@pytest.mark.parametrize(
    ("problem", "retry", "code"),
    [
        ("", 0.5, "engine_down"),
        ("", None, "engine_broken"),
        ("engine_cannot_compute", None, "engine_cannot_compute"),
        ("gpu_unreachable", None, "gpu_unreachable"),
    ],
)
def test_an_engine_that_stays_down_is_given_up_with_what_is_wrong(problem: str, retry: float | None, code: str) -> None:
    session = make()
    run(session, "a")
    down = port.Down("died of signal 11 (SIGSEGV): no tiles", ("a.1",), retry_in_s=retry, problem=problem)
    found = session.engine(M, down)
    said = [frame for frame in sent(found) if isinstance(frame, Issue)]
    assert [frame.code for frame in said] == [code]
    assert "signal 11 (SIGSEGV)" in said[0].message and "no tiles" in said[0].message and said[0].remedy
    given_up = [effect.issue for effect in found if isinstance(effect, effects.GiveUp)]
    assert given_up == ([] if retry else [said[0]])


@pytest.mark.parametrize("retry", [None, 1.0])
def test_a_broken_engine_is_told_apart_from_one_that_restarts(retry: float | None) -> None:
    session = make()
    session.engine(M, port.Down("gone", retry_in_s=retry))
    assert session.capacity().models[0].status == ("broken" if retry is None else "down")


def test_what_was_earned_is_kept_for_the_owner_and_answered_with_nothing() -> None:
    session = make()
    assert session.earnings is None
    earnings = Earnings(escrow_nano=3, available_nano=2, today_nano=1)
    assert session.received(earnings, 0.0) == []
    assert session.earnings == earnings
