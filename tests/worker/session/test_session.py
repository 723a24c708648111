"""The session as a transcript: the line, the engine, the owner and the end."""

import pytest

from tests.worker.session.transcript import M, commands, content, make, prepared, run, sent, start, stepped, types
from wire.earnings import Earnings
from wire.errors import ErrorCode
from wire.idle import Idle
from wire.messages import Ack, AckItem, Cancel, Drain, Error, Issue, KeptJob, Move, Welcome
from worker.engine import port
from worker.session import effects
from worker.session.drain import HAND_BACK_S
from worker.session.slots import JobKey

SEES_ANEW = effects.Redial(0, None, "what the model sees is to be registered")


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
    assert not session.jobs.attempts and session.models[M].slots.free == 1


def test_a_request_prepared_before_the_next_hello_goes_on() -> None:
    session = make()
    session.received(start(), 0.0)
    session.link_lost(1.0)
    session.resume()
    session.link_lost(2.0)  # nobody answered that hello
    assert isinstance(commands(session.prepared(JobKey("a", 1), prepared()))[0], port.Submit)
    resume = session.resume()
    assert resume is not None and [job.job for job in resume.jobs] == ["a"]


def test_what_the_coordinator_does_not_keep_is_stopped_without_a_word() -> None:
    session = make(slots=1)
    run(session)
    session.link_lost(1.0)
    back = session.received(Welcome(session="s2"), 5.0)
    assert commands(back) == [port.Cancel("a.1")]
    (said,) = sent(session.engine(M, port.Ended("a.1", "cancelled")))
    assert said == session.capacity()  # not of the job: of the slot, so that it is used again at once
    assert said.models[0].free == 1
    assert not session.jobs.attempts and session.models[M].slots.free == 1


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
    assert make().received(Move(after_s=3, url="ws://other"), 0.0) == [
        effects.Redial(3, "ws://other", "it sends this worker away")
    ]


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


def test_why_there_are_no_jobs_is_kept_until_there_are_or_another_coordinator_welcomes() -> None:
    session = make()
    why = Idle(code="no_demand", message="Nobody asks.")
    assert session.idle is None and session.received(why, 0.0) == [] and session.idle == why
    session.link_lost(1.0)
    session.received(Welcome(session="s1"), 2.0)
    assert session.idle == why, "it was told this session, and is not told again"
    session.received(Idle(), 3.0)
    assert session.idle is None
    session.received(why, 4.0)
    session.received(Welcome(session="another"), 5.0)
    assert session.idle is None


def test_what_is_of_no_use_to_a_worker() -> None:
    session = make(slots=1)
    assert session.useless(start("a")) == 0
    run(session, "a")
    for useless in (
        start("a"),
        start("b"),
        start("c").model_copy(update={"model": "homemade"}),
        Cancel(job="nobodys", attempt=1),
    ):
        assert session.useless(useless) == 1, useless
    for useful in (Cancel(job="a", attempt=1), Ack(items=(AckItem(job="a", attempt=1, next_seq=0),))):
        assert session.useless(useful) == 0, useful
    half = Ack(items=tuple(AckItem(job=job, attempt=1, next_seq=0) for job in ("a", "nobodys")))
    assert session.useless(half) == 0.5
    assert session.useless(Ack(items=())) == session.useless(Welcome(session="s")) == 1


def test_what_a_model_sees_is_known_when_it_is_loaded_and_told_by_another_hello() -> None:
    session = make(ready=False)
    found = session.engine(M, port.Ready(2, 64, 100, image_ms=140.0))
    assert found[-1] == SEES_ANEW and types(found) == ["capacity"]
    offer = session.models[M].offer
    assert (offer.features, offer.image_ms) == (("vision",), 140.0)
    assert SEES_ANEW not in session.engine(M, port.Ready(2, 64, 100, image_ms=150.0))
    blind = session.engine(M, port.Ready(2, 64, 100, blind="the engine died of it"))
    assert blind[-1] == SEES_ANEW and types(blind) == ["capacity", "issue"]
    problem = session.problems.active["no_vision"]
    assert "tiny serves no pictures: the engine died of it" in problem.message and problem.severity == "warning"
    session.engine(M, port.Ready(2, 64, 100))
    assert "no_vision" in session.problems.active, "that it takes text only does not solve it"
    assert types(session.engine(M, port.Ready(2, 64, 100, image_ms=140.0))) == ["capacity", "issue"]
    assert session.problems.active == {}
