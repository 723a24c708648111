"""The table of attempts: leases, ends, and what is sent again."""

from tests.worker.session.drawing import MAKE, UPLOAD
from tests.worker.session.transcript import REQUEST, sent, types
from wire.errors import ErrorCode, SupernetError
from wire.job_state import JobMessage
from wire.messages import AckItem, Capacity, Deltas, Welcome
from worker.engine.port import Token
from worker.session import attempts
from worker.session.attempts import Attempts
from worker.session.chat_task import ChatTask
from worker.session.line import Line
from worker.session.media_task import MediaTask
from worker.session.slots import JobKey, Slots

A, B = JobKey("a", 1), JobKey("b", 1)


def made() -> tuple[Attempts, Slots]:
    line, slots = Line(), Slots(2)
    line.up(Welcome(session="s"))
    return Attempts(line, {"m": slots}.__getitem__, Capacity), slots


def test_an_attempt_is_found_as_what_it_is() -> None:
    table, slots = made()
    chat, picture = table.begin(A, "m", ChatTask(REQUEST, 1, ())), table.begin(B, "m", MediaTask(MAKE, 1, UPLOAD))
    assert slots.free == 0
    assert table.of(A, ChatTask) is chat and table.of(A, MediaTask) is None and table.all_of(MediaTask) == [picture]


def test_a_refusal_leaves_nothing_behind_and_an_end_stays_until_it_is_acknowledged() -> None:
    table, slots = made()
    refused = table.refuse(table.begin(A, "m", ChatTask(REQUEST, 1, ())), SupernetError(ErrorCode.WORKER_BUSY, "no"))
    assert types(refused) == ["refused"] and not table.by_key and slots.free == 2
    attempt = table.begin(A, "m", ChatTask(REQUEST, 1, ()))
    attempt.step(JobMessage.ACCEPTED)
    assert types(table.end(attempt, attempt.failed(ErrorCode.ENGINE_ERROR, "x"))) == ["failed"] and slots.free == 2
    assert table.resumable() == [attempt]
    table.acknowledge(AckItem(job="a", attempt=1, next_seq=1))
    assert not table.by_key


def test_of_one_that_nobody_waits_for_only_the_free_slot_is_told() -> None:
    table, _ = made()
    attempt = table.begin(A, "m", ChatTask(REQUEST, 1, ()))
    attempt.step(JobMessage.ACCEPTED)
    assert not table.abandon(attempt) and table.resumable() == []
    assert types(table.end(attempt, attempt.failed(ErrorCode.ENGINE_ERROR, "x"))) == ["capacity"] and not table.by_key


def test_a_long_replay_goes_in_frames_that_the_codec_takes() -> None:
    table, _ = made()
    attempt = table.begin(A, "m", ChatTask(REQUEST, 1, ()))
    attempt.step(JobMessage.ACCEPTED)
    for number in range(attempts.REPLAY_FRAMES + 2):
        attempt.delta(Token("a.1", number, b"x"), [])
    attempt.end(attempt.failed(ErrorCode.ENGINE_ERROR, "x"))
    frames = sent(table.replay(attempt, 1))
    assert [len(frame.items) for frame in frames if isinstance(frame, Deltas)] == [attempts.REPLAY_FRAMES, 1]
    assert types(table.replay(attempt, 1)) == ["deltas", "deltas", "failed"]
