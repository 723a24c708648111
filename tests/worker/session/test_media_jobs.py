"""What happens to media, as transcripts of a session."""

from base64 import b64decode
from hashlib import sha256
from itertools import pairwise

import pytest

from tests.worker.session.drawing import (
    LARGE,
    MAKE,
    READY,
    SMALL,
    UPLOAD,
    P,
    blobs,
    drawing,
    drawn,
    edit,
    made,
    of_media,
    picture,
    progress,
)
from tests.worker.session.transcript import sent, types
from wire.blobs import Need
from wire.errors import ErrorCode
from wire.media import GenerateMusic, Making, Progress
from wire.messages import Ack, AckItem, Cancel, KeptJob, Welcome
from worker.issues import issue
from worker.media_engine import port
from worker.session import effects
from worker.session.drain import HAND_BACK_S
from worker.session.media_jobs import SILENT_S
from worker.session.session import Session
from worker.session.slots import JobKey

KEY = JobKey("p", 1)
CLEAN_UP = effects.CleanUp(KEY)
STOP = effects.StopMaking(KEY, P)


def free(session: Session) -> int:
    return session.capacity().models[-1].free


def test_a_picture_from_start_to_done() -> None:
    session = drawing()
    found = session.received(picture(), 0.0)
    assert types(found) == ["accepted"] and of_media(found) == [effects.Make(KEY, P, MAKE, 7)]
    assert session.engine(P, made()) == [], "the end of the engine's part comes first"
    assert session.engine(P, port.Ended("p.1", "done")) == [effects.SendFile(KEY, P, made(), UPLOAD)]
    assert free(session) == 0, "it holds its slot until the file is with the coordinator"
    over = session.uploaded(KEY)
    (done,) = sent(over)
    assert (done.type, done.finish_reason, done.usage.prompt, done.usage.completion) == ("done", "stop", 0, 0)  # type: ignore[attr-defined]
    assert of_media(over) == [CLEAN_UP] and free(session) == 1
    session.received(Ack(items=(AckItem(job="p", attempt=1, next_seq=1),)), 0.0)
    assert not session.jobs.attempts


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (MAKE.model_copy(update={"width": 4096, "height": 4096}), "at most 1,048,576 pixels"),
        (GenerateMusic(prompt="a waltz", seconds=10, steps=8), "it has no generate_music"),
    ],
)
def test_what_the_pipeline_cannot_make_is_refused_with_the_reason(make: Making, why: str) -> None:
    session = drawing()
    (refused,) = sent(session.received(picture(make=make), 0.0))
    assert refused.code == ErrorCode.MODEL_NOT_LOADED and why in refused.message  # type: ignore[attr-defined]
    assert free(session) == 1


def test_without_a_token_for_its_file_nothing_is_made() -> None:
    session = drawing()
    (refused,) = sent(session.received(picture(upload=None), 0.0))
    assert refused.code == ErrorCode.PROTOCOL_ERROR and not session.jobs.attempts  # type: ignore[attr-defined]


# ---- its files ---------------------------------------------------------------------------------------------------


def test_files_are_asked_for_kept_and_made_from_and_removed_at_the_end() -> None:
    session = drawing()
    (need,) = sent(session.received(edit(SMALL, LARGE), 0.0))
    assert isinstance(need, Need) and [wanted.offset for wanted in need.files] == [0, 0]
    kept: dict[str, bytes] = {}
    found: list[effects.Effect] = []
    for blob in [*blobs(LARGE), *blobs(SMALL)]:
        assert found == [] and session.useless(blob) == 0.0
        keep, *found = session.received(blob, 0.0)
        assert isinstance(keep, effects.Keep)
        kept[keep.sha256] = kept.get(keep.sha256, b"") + keep.data
    assert [kept[wanted.sha256] for wanted in need.files] == [SMALL, LARGE]
    assert types(found) == ["accepted"] and isinstance(found[-1], effects.Make)
    assert session.useless(blobs(SMALL)[0]) == 1.0, "it is here"
    drawn(session)
    over = session.uploaded(KEY)
    assert of_media(over) == [*(effects.Forget(wanted.sha256) for wanted in need.files), CLEAN_UP]
    assert session.jobs.media.files.size_bytes == 0


def test_two_that_need_one_file_get_it_once() -> None:
    session = drawing(slots=2)
    session.received(edit(SMALL), 0.0)
    (need,) = sent(session.received(edit(SMALL, job="q"), 0.0))
    assert isinstance(need, Need), "the coordinator is to know who waits for it"
    found = session.received(blobs(SMALL)[0], 0.0)
    assert types(found) == ["accepted", "accepted"] and len(of_media(found)) == 3
    drawn(session)
    assert of_media(session.uploaded(KEY)) == [CLEAN_UP], "the other one is made from it"


def test_a_file_that_is_another_ends_those_who_wait_for_it_and_is_forgotten() -> None:
    session = drawing()
    session.received(edit(SMALL), 0.0)
    found = session.received(blobs(b"wrong", of=SMALL)[0], 0.0)
    (refused,) = sent(found)
    assert refused.code == ErrorCode.WORKER_BUSY  # type: ignore[attr-defined]
    assert of_media(found) == [effects.Forget(sha256(SMALL).hexdigest())] and free(session) == 1


def test_files_that_do_not_come_send_the_attempt_elsewhere() -> None:
    session = drawing()
    session.received(edit(LARGE), 0.0)
    session.tick(1.0)
    session.received(blobs(LARGE)[0], 2.0)
    session.tick(SILENT_S)
    assert session.tick(2 * SILENT_S - 0.1) == []
    found = session.tick(2 * SILENT_S)
    assert types(found) == ["refused"] and of_media(found) == [effects.Forget(sha256(LARGE).hexdigest())]


def test_a_lost_line_forgets_those_whose_files_were_on_their_way() -> None:
    session = drawing()
    session.received(edit(LARGE), 0.0)
    session.received(blobs(LARGE)[0], 0.0)
    assert session.link_lost(1.0) == [effects.Forget(sha256(LARGE).hexdigest())]
    assert not session.jobs.attempts


def test_there_is_no_room_for_more_files_than_the_disk_is_to_hold() -> None:
    session = drawing(slots=2)
    session.jobs.media.files._most_bytes = 30 * 1024 * 1024
    session.received(edit(SMALL), 0.0)
    (refused,) = sent(session.received(edit(LARGE, job="q"), 0.0))
    assert (refused.type, refused.code) == ("refused", ErrorCode.WORKER_BUSY)  # type: ignore[attr-defined]


def test_a_cancel_while_its_files_come_ends_it_at_once() -> None:
    session = drawing()
    session.received(edit(SMALL), 0.0)
    found = session.received(Cancel(job="p", attempt=1), 0.0)
    assert types(found) == ["cancelled"] and free(session) == 1
    assert of_media(found) == [effects.Forget(sha256(SMALL).hexdigest()), CLEAN_UP]


# ---- how far it is -----------------------------------------------------------------------------------------------


def told(found: list[effects.Effect]) -> list[Progress]:
    return [frame for frame in sent(found) if isinstance(frame, Progress)]


def test_progress_is_told_twice_a_second_at_most_and_the_newest_counts() -> None:
    session = drawing()
    session.received(picture(), 0.0)
    assert [one.stage for one in told(session.tick(0.0))] == ["loading"]
    for step in range(1, 4):
        assert session.engine(P, progress(step)) == []
    assert session.tick(0.25) == []
    (one,) = told(session.tick(0.5))
    assert (one.stage, one.step, one.steps, one.job, one.attempt) == ("denoising", 3, 8, "p", 1)
    assert session.tick(1.0) == [], "nothing is new"


def test_one_that_stands_still_is_told_of_every_ten_seconds() -> None:
    session = drawing()
    session.received(picture(), 0.0)
    times = [now / 4 for now in range(0, 160) if told(session.tick(now / 4))]
    assert len(times) > 3 and all(after - before <= 10 for before, after in pairwise(times))


def test_a_preview_is_told_once_and_is_not_lost_to_the_step_behind_it() -> None:
    session = drawing()
    session.received(picture(), 0.0)
    session.tick(0.0)
    session.engine(P, progress(1, preview=b"jpeg"))
    session.engine(P, progress(2))
    (one,) = told(session.tick(1.0))
    assert (one.step, b64decode(one.preview)) == (2, b"jpeg")
    session.engine(P, progress(3))
    assert told(session.tick(2.0))[0].preview == ""


def test_an_upload_is_a_stage() -> None:
    session = drawing()
    session.received(picture(), 0.0)
    session.engine(P, progress(8))
    drawn(session)
    (one,) = told(session.tick(1.0))
    assert (one.stage, one.step) == ("uploading", 8)


# ---- its end -----------------------------------------------------------------------------------------------------


def test_a_cancel_frees_the_slot_when_the_engine_has_left() -> None:
    session = drawing()
    session.received(picture(), 0.0)
    assert session.received(Cancel(job="p", attempt=1), 0.0) == [STOP]
    assert free(session) == 0 and told(session.tick(5.0)) == []
    over = session.engine(P, port.Ended("p.1", "cancelled"))
    assert types(over) == ["cancelled"] and of_media(over) == [CLEAN_UP] and free(session) == 1


def test_what_was_finished_when_it_was_cancelled_is_not_uploaded() -> None:
    session = drawing()
    session.received(picture(), 0.0)
    session.received(Cancel(job="p", attempt=1), 0.0)
    assert types(drawn(session)) == ["cancelled"]


def test_a_cancel_during_the_upload_stops_it_at_once() -> None:
    session = drawing()
    session.received(picture(), 0.0)
    drawn(session)
    found = session.received(Cancel(job="p", attempt=1), 0.0)
    assert of_media(found) == [effects.StopSending(KEY), CLEAN_UP] and types(found) == ["cancelled"]
    assert free(session) == 1 and session.uploaded(KEY) == []


def test_a_file_that_is_not_taken_is_a_failure_that_another_worker_may_not_have() -> None:
    session = drawing()
    session.received(picture(), 0.0)
    drawn(session)
    problem = issue("upload_refused", "no way")
    found = session.upload_failed(KEY, "no way", problem)
    assert types(found) == ["issue", "failed"]
    failed = sent(found)[-1]
    assert failed.code == ErrorCode.ENGINE_ERROR and failed.retryable  # type: ignore[attr-defined]
    session.received(picture("q"), 0.0)
    drawn(session, "q")
    assert types(session.uploaded(JobKey("q", 1))) == ["issue", "done"], "that problem is over"


def test_a_file_that_is_larger_than_is_taken_is_not_uploaded() -> None:
    session = drawing()
    session.received(picture(), 0.0)
    assert types(drawn(session, size=UPLOAD.limit_bytes + 1)) == ["failed"]


def test_an_engine_that_says_done_and_made_nothing_has_failed() -> None:
    session = drawing()
    session.received(picture(), 0.0)
    assert types(session.engine(P, port.Ended("p.1", "done"))) == ["failed"]


def test_what_the_engine_says_of_a_request_reaches_the_coordinator() -> None:
    session = drawing()
    session.received(picture(), 0.0)
    (failed,) = sent(session.engine(P, port.Ended("p.1", "failed", ErrorCode.INVALID_REQUEST, "the picture is none")))
    assert (failed.code, failed.message) == (ErrorCode.INVALID_REQUEST, "the picture is none")  # type: ignore[attr-defined]


def test_a_dead_engine_takes_what_it_was_making_and_not_what_it_had_made() -> None:
    session = drawing(slots=2)
    session.received(picture(), 0.0)
    drawn(session)
    session.received(picture("q"), 0.0)
    found = session.engine(P, port.Down("killed", ("q.1",), "q.1", retry_in_s=0.5))
    assert types(found) == ["capacity", "issue", "failed"]
    failed = sent(found)[-1]
    assert (failed.job, failed.code) == ("q", ErrorCode.ENGINE_CRASHED)  # type: ignore[attr-defined]
    assert types(session.uploaded(KEY)) == ["done"]


def test_a_drain_hands_back_what_is_not_done_in_time() -> None:
    session = drawing(slots=3)
    session.received(picture(), 0.0)
    session.received(picture("q"), 0.0)
    drawn(session, "q")
    session.received(edit(SMALL, job="r"), 0.0)
    session.drain(60, now=0.0)
    found = session.tick(60 - HAND_BACK_S)
    assert STOP in found and effects.StopSending(JobKey("q", 1)) in found
    assert {(frame.type, frame.code) for frame in sent(found) if frame.type != "progress"} == {  # type: ignore[attr-defined]
        ("refused", ErrorCode.WORKER_DRAINING),
        ("failed", ErrorCode.WORKER_DRAINING),
    }
    (failed,) = sent(session.engine(P, port.Ended("p.1", "cancelled")))
    assert failed.code == ErrorCode.WORKER_DRAINING  # type: ignore[attr-defined]


# ---- a lost line -------------------------------------------------------------------------------------------------


def test_it_goes_on_without_a_line_and_says_its_end_when_there_is_one() -> None:
    session = drawing()
    session.received(picture(), 0.0)
    session.link_lost(1.0)
    assert session.tick(2.0) == []
    assert drawn(session) == [effects.SendFile(KEY, P, made(), UPLOAD)]
    assert sent(session.uploaded(KEY)) == []
    resume = session.resume()
    assert resume is not None and [(one.job, one.next_seq) for one in resume.jobs] == [("p", 1)]
    back = session.received(Welcome(session="s1", kept=(KeptJob(job="p", attempt=1, next_seq=0),)), 5.0)
    assert types(back) == ["capacity", "done"]


def test_whoever_comes_back_hears_at_once_how_far_it_is() -> None:
    session = drawing()
    session.received(picture(), 0.0)
    session.engine(P, progress(3))
    session.tick(0.0)
    session.link_lost(1.0)
    session.resume()
    session.received(Welcome(session="s1", kept=(KeptJob(job="p", attempt=1, next_seq=0),)), 2.0)
    assert told(session.tick(2.0))[0].step == 3


def test_what_the_coordinator_does_not_keep_is_stopped_its_upload_too() -> None:
    session = drawing(slots=2)
    session.received(picture(), 0.0)
    session.received(picture("q"), 0.0)
    drawn(session, "q")
    session.link_lost(1.0)
    back = session.received(Welcome(session="s2"), 5.0)
    stopped = [STOP, effects.StopSending(JobKey("q", 1)), effects.CleanUp(JobKey("q", 1))]
    assert of_media(back) == stopped and set(types(back)) == {"capacity"}
    over = session.engine(P, port.Ended("p.1", "cancelled"))
    assert types(over) == ["capacity"] and free(session) == 2 and not session.jobs.attempts


def test_events_of_unknown_jobs_are_ignored() -> None:
    session = drawing()
    for event in (progress(job="x"), made("x"), port.Ended("x.1", "done")):
        assert session.engine(P, event) == []
    assert session.uploaded(JobKey("x", 1)) == [] and session.upload_failed(JobKey("x", 1), "", None) == []
    assert session.engine(P, READY) != []
