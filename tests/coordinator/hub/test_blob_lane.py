from base64 import b64decode
from hashlib import sha256

from coordinator.dispatch.effects import File
from coordinator.hub.blob_lane import BlobLane
from wire.blobs import PIECE_BYTES, Blob
from wire.codec import to_worker

LONG, SHORT = bytes(range(256)) * (3 * PIECE_BYTES // 256) + b"end", b"short"


def file(data: bytes, offset: int = 0) -> File:
    return File(sha256(data).hexdigest(), offset, data)


def piece(lane: BlobLane) -> Blob:
    blob = to_worker(lane.next_piece())
    assert isinstance(blob, Blob)
    return blob


def everything(lane: BlobLane) -> list[Blob]:
    pieces: list[Blob] = []
    while lane:
        pieces.append(piece(lane))
    return pieces


def test_a_file_is_cut_into_pieces_that_add_up_to_it() -> None:
    lane = BlobLane()
    lane.add(("j", 1), [file(LONG)])
    pieces = everything(lane)
    assert b"".join(b64decode(each.data) for each in pieces) == LONG
    assert [each.offset for each in pieces] == [0, PIECE_BYTES, 2 * PIECE_BYTES, 3 * PIECE_BYTES]
    assert {(each.sha256, each.size_bytes) for each in pieces} == {(file(LONG).sha256, len(LONG))}


def test_what_the_worker_has_is_not_sent() -> None:
    lane = BlobLane()
    lane.add(("j", 1), [file(LONG, 2 * PIECE_BYTES + 7)])
    assert b"".join(b64decode(each.data) for each in everything(lane)) == LONG[2 * PIECE_BYTES + 7 :]


def test_one_attempts_files_come_in_the_order_asked_for_and_attempts_take_turns() -> None:
    lane = BlobLane()
    lane.add(("a", 1), [file(LONG), file(SHORT)])
    lane.add(("b", 1), [file(b"other")])
    names = [each.sha256 for each in everything(lane)]
    long, short, other = (file(data).sha256 for data in (LONG, SHORT, b"other"))
    assert names == [long, other, long, long, long, short]


def test_a_file_that_two_attempts_ask_for_is_sent_once() -> None:
    lane = BlobLane()
    lane.add(("a", 1), [file(LONG)])
    piece(lane)
    lane.add(("b", 1), [file(LONG), file(SHORT)])
    pieces = everything(lane)
    assert [each.offset for each in pieces if each.sha256 == file(LONG).sha256] == [k * PIECE_BYTES for k in (1, 2, 3)]
    assert sum(each.sha256 == file(SHORT).sha256 for each in pieces) == 1


def test_a_file_whose_beginning_another_attempt_lacks_is_sent_from_there() -> None:
    lane = BlobLane()
    lane.add(("a", 1), [file(LONG, PIECE_BYTES)])
    piece(lane)
    lane.add(("b", 1), [file(LONG, 5)])
    assert b"".join(b64decode(each.data) for each in everything(lane)) == LONG[5:]


def test_an_attempt_that_ends_takes_back_what_no_other_asks_for() -> None:
    lane = BlobLane()
    lane.add(("a", 1), [file(LONG), file(SHORT)])
    lane.add(("b", 1), [file(SHORT)])
    lane.drop(("a", 1))
    lane.drop(("a", 1))
    lane.drop(("never", 1))
    assert [each.sha256 for each in everything(lane)] == [file(SHORT).sha256]
    lane.drop(("b", 1))
    assert not lane


def test_a_lane_that_is_cleared_keeps_nothing() -> None:
    lane = BlobLane()
    lane.add(("a", 1), [file(LONG)])
    lane.clear()
    assert not lane
    lane.drop(("a", 1))
