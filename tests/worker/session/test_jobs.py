"""Attempts of every kind: what is taken, and what is refused."""

from tests.worker.session.drawing import P, drawing, picture
from tests.worker.session.transcript import M, make, run, sent, start, stepped, types
from wire.errors import ErrorCode
from wire.request import UnknownRequest


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


def test_a_request_of_a_kind_that_this_version_does_not_know_is_refused_and_costs_no_slot() -> None:
    session = make(slots=1)
    strange = start().model_copy(update={"request": UnknownRequest(kind="sculpture")})
    refused = sent(session.received(strange, 0.0))[0]
    assert refused.code == ErrorCode.MODEL_NOT_LOADED and "'sculpture'" in refused.message  # type: ignore[attr-defined]
    assert session.models[M].slots.free == 1 and not session.jobs.attempts


def test_the_same_attempt_twice_is_an_error_and_the_first_goes_on() -> None:
    session = make()
    run(session)
    assert types(session.received(start(), 0.0)) == ["error"]
    assert types(session.engine(M, stepped("a", "x")[0])) == ["deltas"]


def test_a_request_goes_to_the_jobs_of_its_kind_and_to_no_model_of_the_other() -> None:
    session = drawing(chat=True)
    assert session.jobs.takes(start()) and session.jobs.takes(picture())
    for crossed in (start().model_copy(update={"model": P}), picture().model_copy(update={"model": M})):
        assert not session.jobs.takes(crossed) and session.useless(crossed) == 1.0
        refused = sent(session.received(crossed, 0.0))[0]
        assert (refused.code, refused.message) == (  # type: ignore[attr-defined]
            ErrorCode.MODEL_NOT_LOADED,
            f"model {crossed.model} is not served here",
        )
    session.received(start(), 0.0)
    session.received(picture(), 0.0)
    assert [state.free for state in session.capacity().models] == [1, 0]
    assert {key.job for key in session.jobs.attempts} == {"a", "p"}
