"""Requests with pictures, as transcripts: what is asked for, what comes of it, and what ends an attempt on the way."""

import pytest

from tests.worker.session.pictured import (
    LARGE,
    OTHER,
    PIXELS,
    SMALL,
    ask,
    blob,
    image,
    needs,
    picture,
    pieces,
    prepared,
    reading,
    seeing,
    send,
)
from tests.worker.session.transcript import M, commands, sent, types
from wire.blobs import PIECE_BYTES
from wire.errors import ErrorCode, SupernetError
from wire.messages import Cancel, Welcome
from wire.pictures import MAX_PIXELS_TOGETHER
from worker.chat.prepared import Seen
from worker.engine import port
from worker.session import effects
from worker.session.pictures import SILENT_S
from worker.session.slots import JobKey


def codes(found: list[effects.Effect]) -> list[tuple[str, str]]:
    return [(frame.job, frame.code) for frame in sent(found) if frame.type == "refused"]  # type: ignore[attr-defined]


def test_from_start_to_submit() -> None:
    session = seeing()
    assert needs(session.received(ask(SMALL, LARGE), 0.0)) == [("a", [("s", 0), ("L", 0)])]
    assert send(session, SMALL) == []
    read = reading(send(session, LARGE))
    assert [(file.data, file.most) for file in read.files] == [(SMALL, 256), (LARGE, 256)]
    first, second = picture("one", 3, 2), picture("two")
    assert session.picture_read(read, first, PIXELS) == [effects.Command(M, first)]
    shown, prepare = session.picture_read(read, second, PIXELS)
    assert shown == effects.Command(M, second)
    assert isinstance(prepare, effects.Prepare)
    assert prepare.seen == (Seen(3, 2, "one"), Seen(2, 1, "two"))
    found = session.prepared(JobKey("a", 1), prepared(*prepare.seen))
    (submit,) = commands(found)
    assert types(found) == ["accepted"]
    assert isinstance(submit, port.Submit) and [one.digest for one in submit.pictures] == ["one", "two"]


def test_what_has_come_once_is_not_asked_for_again() -> None:
    session = seeing()
    session.received(ask(SMALL), 0.0)
    send(session, SMALL)
    assert [file.data for file in reading(session.received(ask(SMALL, job="b"), 0.0)).files] == [SMALL]
    assert needs(session.received(ask(SMALL, OTHER, job="c"), 0.0)) == [("c", [("O", 0)])]


def test_one_picture_in_several_places_is_read_once_for_each_size() -> None:
    session = seeing()
    again = (image(SMALL, 3), image(SMALL, 5, most=1024))
    assert needs(session.received(ask(SMALL, images=again), 0.0)) == [("a", [("s", 0)])]
    read = reading(send(session, SMALL))
    assert [file.most for file in read.files] == [256, 1024]
    session.picture_read(read, picture("low"), PIXELS)
    prepare = session.picture_read(read, picture("high"), PIXELS)[-1]
    assert isinstance(prepare, effects.Prepare)
    assert [seen.digest for seen in prepare.seen] == ["low", "low", "high"]


def test_two_attempts_that_need_one_file_get_it_at_once() -> None:
    session = seeing()
    session.received(ask(SMALL, LARGE), 0.0)
    session.received(pieces(LARGE)[0], 0.0)
    assert needs(session.received(ask(LARGE, OTHER, job="b"), 0.0)) == [("b", [("L", PIECE_BYTES), ("O", 0)])]
    assert needs(session.received(ask(LARGE, job="c"), 0.0)) == [("c", [("L", PIECE_BYTES)])]
    send(session, OTHER)
    assert [reading([effect]).key.job for effect in send(session, LARGE, PIECE_BYTES)] == ["b", "c"]
    assert reading(send(session, SMALL)).key.job == "a"


def test_who_waits_for_a_file_of_an_attempt_that_ended_gets_it_all_the_same() -> None:
    session = seeing()
    session.received(ask(LARGE), 0.0)
    session.received(ask(LARGE, job="b"), 0.0)
    session.received(pieces(LARGE)[0], 0.0)
    assert types(session.received(Cancel(job="a", attempt=1), 0.0)) == ["cancelled"]
    assert reading(send(session, LARGE, PIECE_BYTES)).key.job == "b"


def test_pieces_that_nobody_needs_are_of_no_use() -> None:
    session = seeing()
    session.received(ask(LARGE), 0.0)
    for useless in (blob(OTHER), blob(LARGE, PIECE_BYTES), blob(LARGE[:-1])):
        assert session.useless(useless) == 1.0
        assert session.received(useless, 0.0) == []
    send(session, LARGE)
    assert session.useless(blob(LARGE)) == 1.0


def test_a_spoiled_file_sends_elsewhere_those_who_wait_for_it_and_nobody_else() -> None:
    session = seeing()
    session.received(ask(SMALL, OTHER), 0.0)
    session.received(ask(OTHER, SMALL, job="b"), 0.0)
    session.received(ask(LARGE, job="c"), 0.0)
    found = session.received(blob(b"wrong", of=SMALL), 0.0)
    assert types(found) == ["refused", "refused"]
    assert codes(found) == [("a", ErrorCode.WORKER_BUSY), ("b", ErrorCode.WORKER_BUSY)]
    assert session.models[M].slots.free == 3
    assert reading(send(session, LARGE)).key.job == "c"
    assert needs(session.received(ask(SMALL, job="d"), 0.0)) == [("d", [("s", 0)])]


def test_a_picture_that_cannot_be_read_is_told_by_its_place() -> None:
    session = seeing()
    session.received(ask(SMALL, OTHER), 0.0)
    send(session, SMALL)
    read = reading(send(session, OTHER))
    session.picture_read(read, picture(), PIXELS)
    why = SupernetError(ErrorCode.INVALID_REQUEST, "is damaged: send it again", param="messages")
    (refused,) = sent(session.picture_failed(read, why))
    assert refused.message == "The picture is damaged: send it again."  # type: ignore[attr-defined]
    assert (refused.code, refused.param) == (ErrorCode.INVALID_REQUEST, "images[1]")  # type: ignore[attr-defined]
    assert session.models[M].slots.free == 4 and session.picture_read(read, picture(), PIXELS) == []


def test_pictures_of_more_pixels_than_a_request_may_have_are_refused_at_the_one_that_is_too_much() -> None:
    session = seeing()
    again = (image(SMALL, 3), image(OTHER, 4), image(LARGE, 5))
    session.received(ask(SMALL, images=again), 0.0)
    for data in (SMALL, OTHER):
        send(session, data)
    read = reading(send(session, LARGE))
    half = MAX_PIXELS_TOGETHER // 2
    assert commands(session.picture_read(read, picture(), half)), "the one that is shown twice counts once"
    assert commands(session.picture_read(read, picture(), half))
    found = session.picture_read(read, picture(), 1)
    (refused,) = sent(found)
    assert commands(found) == []
    assert (refused.code, refused.param) == (ErrorCode.INVALID_REQUEST, "images[3]")  # type: ignore[attr-defined]
    assert refused.message == (  # type: ignore[attr-defined]
        "The picture has 64,000,001 pixels together with those before it: at most 64,000,000 are read of a request. "
        "Send them smaller: of each the model sees about 1,024 x 1,024."
    )
    assert session.models[M].slots.free == 4 and not session.jobs.chats.pictures.reads(read)


def test_a_reader_that_is_busy_blames_no_picture() -> None:
    session = seeing()
    session.received(ask(SMALL), 0.0)
    read = reading(send(session, SMALL))
    (refused,) = sent(session.picture_failed(read, SupernetError(ErrorCode.WORKER_BUSY, "try another worker")))
    assert refused.message == "try another worker"  # type: ignore[attr-defined]


def test_a_cancel_while_files_come_ends_the_attempt_at_once() -> None:
    session = seeing(slots=1)
    session.received(ask(LARGE), 0.0)
    assert types(session.received(Cancel(job="a", attempt=1), 0.0)) == ["cancelled"]
    assert session.models[M].slots.free == 1
    assert session.useless(blob(LARGE)) == 1.0, "nothing of it has come, and nobody needs it"


def test_a_cancel_while_pictures_are_read_ends_it_with_the_next() -> None:
    session = seeing(slots=1)
    session.received(ask(SMALL, OTHER), 0.0)
    send(session, SMALL)
    read = reading(send(session, OTHER))
    assert session.received(Cancel(job="a", attempt=1), 0.0) == []
    assert session.models[M].slots.free == 0
    assert types(session.picture_read(read, picture(), PIXELS)) == ["cancelled"]
    assert session.models[M].slots.free == 1 and not session.jobs.chats.pictures.reads(read)


def test_a_lost_line_ends_what_waits_for_files_and_the_next_attempt_goes_on_with_them() -> None:
    session = seeing(slots=2)
    session.received(ask(LARGE), 0.0)
    session.received(ask(SMALL, job="b"), 0.0)
    send(session, SMALL)
    session.received(pieces(LARGE)[0], 0.0)
    session.link_lost(1.0)
    assert list(session.jobs.attempts) == [JobKey("b", 1)], "what has its files goes on"
    resume = session.resume()
    assert resume is not None and resume.jobs == ()
    assert types(session.received(Welcome(session="s1"), 2.0)) == ["capacity"]
    found = session.received(ask(LARGE, attempt=2), 3.0)
    assert needs(found) == [("a", [("L", PIECE_BYTES)])]
    assert reading(send(session, LARGE, PIECE_BYTES)).files[0].data == LARGE


def test_pictures_that_were_read_for_an_attempt_that_is_over_change_nothing() -> None:
    session = seeing()
    session.received(ask(SMALL), 0.0)
    read = reading(send(session, SMALL))
    session.link_lost(1.0)
    session.resume()
    session.received(Welcome(session="s1"), 2.0)
    assert types(session.picture_read(read, picture(), PIXELS)) == ["capacity"], "the slot is free again"
    assert not session.jobs.attempts


def test_files_that_do_not_come_send_the_attempt_elsewhere() -> None:
    session = seeing()
    session.received(ask(LARGE), 0.0)
    assert session.tick(1.0) == [] and session.tick(SILENT_S) == []
    session.received(pieces(LARGE)[0], SILENT_S)
    assert session.tick(SILENT_S + 1) == [] and session.tick(2 * SILENT_S) == []
    assert codes(session.tick(2 * SILENT_S + 1)) == [("a", ErrorCode.WORKER_BUSY)]
    assert session.models[M].slots.free == 4
    session.received(ask(SMALL, job="b"), 100.0)
    send(session, SMALL)
    assert session.tick(100.0) == [] and session.tick(1000.0) == [], "its files are all here"


def test_who_leaves_hands_back_what_waits_for_files() -> None:
    session = seeing()
    session.received(ask(LARGE), 0.0)
    session.drain(20.0, 0.0)
    assert session.tick(14.0) == []
    found = session.tick(15.0)
    assert codes(found) == [("a", ErrorCode.WORKER_DRAINING)]
    assert isinstance(found[-1], effects.Leave)


def test_an_engine_that_died_meanwhile_fails_the_job_only_when_it_is_submitted() -> None:
    session = seeing()
    session.received(ask(SMALL), 0.0)
    session.engine(M, port.Down("crashed", retry_in_s=1.0))
    read = reading(send(session, SMALL))
    assert isinstance(session.picture_read(read, picture(), PIXELS)[-1], effects.Prepare)


def test_more_than_there_is_room_for_goes_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    session = seeing()
    monkeypatch.setattr(session.jobs.chats.pictures.blobs, "_most_bytes", len(LARGE) + 10)
    session.received(ask(LARGE), 0.0)
    found = session.received(ask(OTHER, job="b"), 0.0)
    assert codes(found) == [("b", ErrorCode.WORKER_BUSY)] and session.models[M].slots.free == 3


def test_a_model_without_eyes_and_what_no_prompt_can_have_cost_no_slot() -> None:
    blind = seeing(features=())
    assert blind.useless(ask(SMALL)) == 1.0
    assert codes(blind.received(ask(SMALL), 0.0)) == [("a", ErrorCode.MODEL_NOT_LOADED)]
    session = seeing()
    many = ask(*[SMALL] * 20).request
    twice = many.model_copy(update={"messages": many.messages[1:] * 2})  # type: ignore[union-attr]
    start = ask().model_copy(update={"request": twice})
    assert session.useless(start) == 1.0
    assert codes(session.received(start, 0.0)) == [("a", ErrorCode.INVALID_REQUEST)]
    assert session.models[M].slots.free == 4 and not session.jobs.attempts
