"""What was made ends its job once it is stored, whoever is still there; nothing else does."""

import pytest

from coordinator.dispatch.effects import Deliver, Failed, Finished, Made, Stopped
from tests.coordinator.dispatch.studio import Studio
from tests.coordinator.media.making import artefact
from wire import messages as wire
from wire.chat import Content, Usage
from wire.errors import ErrorCode, SupernetError


@pytest.fixture
def studio() -> Studio:
    """A worker draws a picture."""
    studio = Studio()
    studio.opens()
    studio.asks()
    return studio


def test_the_job_is_finished_with_what_is_stored_and_the_slot_free_with_done(studio: Studio) -> None:
    token = studio.token()
    studio.accepts()
    spec = studio.dispatch.upload("j1", 1, token)
    assert spec is not None and (spec.id, spec.account) == ("j1", "client")
    assert studio.uploads()
    assert studio.one(Made).artefact == artefact()
    report = studio.one(Finished).report
    assert (report.worker, report.attempts, report.served) == ("gpus/w1", 1, ())
    assert not studio.all(Deliver) and report.usage == Usage(prompt=0, completion=0)
    assert studio.dispatch.running() == 0
    assert studio.dispatch.upload("j1", 1, token) == spec, "it may ask again: perhaps it has not heard"
    assert not studio.uploads(), "and is told that it was stored"
    assert studio.dispatch.online("m").free == 0
    assert not studio.ends()[1:], "an Ack alone"
    assert studio.dispatch.online("m").free == 1
    assert studio.dispatch.upload("j1", 1, token) is None
    assert not studio.uploads()


def test_no_other_token_opens_it_nor_before_it_was_accepted(studio: Studio) -> None:
    token = studio.token()
    assert studio.dispatch.upload("j1", 1, token) is None
    studio.accepts()
    assert studio.dispatch.upload("j1", 1, token) is not None
    for job, attempt, key in (("j1", 2, token), ("j2", 1, token), ("j1", 1, token[:-1]), ("j1", 1, "é")):
        assert studio.dispatch.upload(job, attempt, key) is None


def test_an_attempt_that_the_job_has_left_may_upload_nothing(studio: Studio) -> None:
    token = studio.token()
    studio.accepts()
    studio.opens("w2")
    studio.drops(resumable=False)
    again = studio.token()
    assert again != token
    studio.accepts("w2", attempt=2)
    assert studio.dispatch.upload("j1", 1, token) is None and not studio.uploads()
    assert studio.dispatch.upload("j1", 2, token) is None, "nor for the next with its own token"
    assert studio.dispatch.upload("j1", 2, again) is not None and studio.uploads(attempt=2)
    assert studio.one(Finished).report.worker == "gpus/w2"


def test_who_has_left_gets_nothing(studio: Studio) -> None:
    token = studio.token()
    studio.accepts()
    studio.cancel()
    assert studio.dispatch.upload("j1", 1, token) is None and not studio.uploads()
    studio.cancelled()
    assert studio.one(Stopped)


def test_a_worker_that_is_gone_once_it_is_stored_has_done_it_all_the_same(studio: Studio) -> None:
    studio.opens("w2")
    studio.accepts()
    assert studio.uploads() and studio.one(Finished)
    studio.drops(resumable=False)
    assert not studio.sent(wire.Start) and studio.dispatch.running() == 0


def test_an_upload_is_taken_while_the_line_of_frames_is_cut(studio: Studio) -> None:
    token = studio.token()
    studio.accepts()
    studio.drops()
    assert studio.dispatch.upload("j1", 1, token) is not None and studio.uploads()
    assert studio.one(Finished)


def test_one_that_waited_for_another_worker_meanwhile_waits_no_more(studio: Studio) -> None:
    """Before, it stood in the queue still, and was given to the next worker."""
    studio.accepts()
    studio.drops()
    studio.passes(1)
    assert studio.place() == 1
    assert studio.uploads() and studio.place() is None
    studio.opens("w2")
    assert not studio.sent(wire.Start)


def test_done_without_anything_is_the_workers_fault_and_another_one_begins_anew(studio: Studio) -> None:
    studio.opens("w2")
    studio.accepts()
    studio.ends()
    (worker, start), resting = studio.started(), studio.dispatch.resting(studio.now)
    assert (worker, start.attempt, start.seed, start.delivered) == ("w2", 2, 1, ())
    assert list(resting) == ["gpus/w1"]


def test_done_of_one_whose_client_has_left_is_the_end(studio: Studio) -> None:
    studio.accepts()
    studio.cancel()
    studio.ends()
    assert studio.one(Stopped) and not studio.dispatch.resting(studio.now)


def test_tokens_and_texts_are_no_picture(studio: Studio) -> None:
    studio.accepts()
    piece = wire.Delta(job="j1", attempt=1, seq=0, parts=(Content(text="it lies at http://example.com"),))
    studio.says("w1", wire.Deltas(items=(piece,)))
    assert studio.sent(wire.Cancel) and "without tokens" in studio.sent(wire.Error)[0][1].message
    assert not studio.all(Deliver)


@pytest.mark.parametrize("code", [ErrorCode.CONTENT_FILTER, ErrorCode.MEDIA_QUOTA])
def test_what_may_not_be_shown_or_kept_ends_its_job_and_is_nobodys_fault(studio: Studio, code: ErrorCode) -> None:
    studio.opens("w2")
    studio.accepts()
    assert studio.uploads(made=SupernetError(code, "no cats here"))
    failed = studio.one(Failed)
    assert (failed.error.code, failed.error.message) == (code, "no cats here")
    assert not studio.all(Made) and not studio.sent(wire.Start) and not studio.dispatch.resting(studio.now)
    assert not studio.uploads()
    studio.ends()
    assert studio.dispatch.online("m").free == 2


def test_a_worker_that_never_says_done_loses_its_slot_and_rests(studio: Studio) -> None:
    studio.accepts()
    assert studio.uploads()
    studio.passes(10, alive=("w1",))
    assert studio.sent(wire.Cancel)[0][1].job == "j1"
    assert not studio.dispatch.resting(studio.now)
    studio.passes(10.25, alive=("w1",))
    assert studio.dispatch.resting(studio.now) and studio.dispatch.online("m").free == 1
