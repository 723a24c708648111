"""Files of pictures come in pieces, are kept by their content, and never take more room than they may."""

from base64 import b64encode
from hashlib import sha256

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.thoroughness import at_most
from wire.blobs import MAX_PIECE_CHARS, PIECE_BYTES, Blob
from worker.session import blobs as module
from worker.session.blobs import LEAST_PIECE_BYTES, Blobs, File

MOST = 600_000


def content(number: int, size: int) -> bytes:
    return (b"%d " % number * size)[:size]


def known(data: bytes) -> File:
    return File(sha256(data).hexdigest(), len(data))


def piece(data: bytes, offset: int = 0, length: int = PIECE_BYTES, file: File | None = None) -> Blob:
    name, size = file or known(data)
    return Blob(sha256=name, offset=offset, size_bytes=size, data=b64encode(data[offset : offset + length]).decode())


def fill(store: Blobs, data: bytes) -> None:
    """All pieces that are missing."""
    while store.lacking([known(data)]):
        part = piece(data, store.wanted(known(data)).offset)
        assert store.wants(part)
        store.take(part)


def test_the_longest_piece_is_as_long_as_a_frame_may_be() -> None:
    assert len(piece(bytes(PIECE_BYTES + 1)).data) == MAX_PIECE_CHARS


def test_a_file_comes_in_pieces_and_is_known_when_it_is_needed_again() -> None:
    store, data = Blobs(), content(1, 500_000)
    file = known(data)
    assert store.claim([file]) and store.lacking([file]) == [file]
    assert [store.take(piece(data, at)) for at in range(0, 500_000, PIECE_BYTES)] == [None, None, True]
    assert store.read(file) == data and store.lacking([file]) == []
    store.release([file])
    assert store.claim([file]) and store.lacking([file]) == []


def test_what_broke_off_goes_on_where_it_stopped() -> None:
    store, data = Blobs(), content(1, 500_000)
    store.claim([known(data)])
    store.take(piece(data))
    store.release([known(data)])
    store.claim([known(data)])
    assert store.wanted(known(data)).offset == PIECE_BYTES
    fill(store, data)
    assert store.read(known(data)) == data


def test_pieces_that_were_on_their_way_when_the_attempt_ended_are_kept() -> None:
    store, data = Blobs(), content(1, 2 * PIECE_BYTES)
    store.claim([known(data)])
    store.take(piece(data))
    store.release([known(data)])
    last = piece(data, PIECE_BYTES)
    assert store.wants(last) and store.take(last) is True


def test_a_file_that_is_not_what_its_name_says_is_forgotten() -> None:
    store, data = Blobs(), content(1, 1000)
    file = known(data)
    store.claim([file])
    assert store.take(piece(content(2, 1000), file=file)) is False
    assert store.wanted(file).offset == 0, "it can be sent again"
    store.release([file])
    assert store.size_bytes == 0 and not store.wants(piece(data))


@pytest.mark.parametrize(
    "useless",
    [
        piece(content(1, 500_000), PIECE_BYTES),
        piece(content(1, 500_000), length=LEAST_PIECE_BYTES - 1),
        piece(content(2, 500_000)),
        piece(content(1, 400_000)),
        piece(content(1, 500_000)[:300_000]),
        piece(content(1, 1000) + b"more", file=known(content(1, 1000))),
        Blob(sha256=known(content(1, 1000)).sha256, offset=0, size_bytes=1000, data="AAAAA"),
        Blob(sha256=known(content(1, 500_000)).sha256, offset=0, size_bytes=500_000, data="A" * (MAX_PIECE_CHARS - 3)),
    ],
    ids=["a gap", "a crumb", "never asked for", "another size", "a part", "too long", "no base64", "no whole bytes"],
)
def test_a_piece_that_does_not_continue_a_file_is_of_no_use(useless: Blob) -> None:
    store = Blobs()
    store.claim([known(content(1, 500_000)), known(content(1, 1000))])
    assert not store.wants(useless)


def test_a_piece_that_came_before_is_of_no_use() -> None:
    store, data = Blobs(), content(1, 500_000)
    store.claim([known(data)])
    store.take(piece(data))
    assert not store.wants(piece(data)) and store.wants(piece(data, PIECE_BYTES, LEAST_PIECE_BYTES))
    fill(store, data)
    assert not store.wants(piece(data, 2 * PIECE_BYTES))


def test_what_is_needed_stays_and_what_was_needed_longest_ago_goes() -> None:
    store = Blobs(MOST)
    files = [content(n, 200_000) for n in range(4)]
    for data in files[:3]:
        assert store.claim([known(data)])
        fill(store, data)
    assert not store.claim([known(files[3])]), "all room is taken by what is needed"
    for data in files[:3]:
        store.release([known(data)])
    store.claim([known(files[0])])
    assert store.claim([known(files[3])])
    assert store.lacking([known(files[0])]) == [] and not store.wants(piece(files[1]))
    store.claim([known(files[2])])
    assert store.lacking([known(files[2])]) == []


def test_many_small_files_are_not_kept_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FILES", 10)
    store = Blobs()
    for n in range(30):
        data = content(n, 100)
        store.claim([known(data)])
        fill(store, data)
        store.release([known(data)])
    assert store.size_bytes <= 11 * 100


class Store(RuleBasedStateMachine):
    """Attempts come and go and pieces of their files come in any order, right and wrong ones. Whatever happens, the
    bytes of a file are the ones of its name, what is claimed stays, and the bound holds."""

    def __init__(self) -> None:
        super().__init__()
        self.store = Blobs(MOST)
        self.files = [content(n, size) for n, size in enumerate((1, 3000, 100_000, 190_000, 250_000, 400_000))]
        self.claims: list[list[File]] = []
        self.came: dict[File, int] = {}  # bytes of files that are claimed

    @rule(numbers=st.sets(st.integers(0, 5), min_size=1, max_size=3))
    def claim(self, numbers: set[int]) -> None:
        wanted = [known(self.files[n]) for n in sorted(numbers)]
        needed = {file for claim in self.claims for file in claim} | set(wanted)
        fits = sum(file.size_bytes for file in needed) <= MOST
        assert self.store.claim(wanted) is fits
        if fits:
            self.claims.append(wanted)
            for file in wanted:
                came = self.store.wanted(file).offset if self.store.lacking([file]) else file.size_bytes
                assert came >= self.came.setdefault(file, came)

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        self.store.release(self.claims.pop(data.draw(st.integers(0, len(self.claims) - 1))))
        still = {file for claim in self.claims for file in claim}
        self.came = {file: came for file, came in self.came.items() if file in still}

    @rule(
        number=st.integers(0, 5),
        offset=st.sampled_from([0, LEAST_PIECE_BYTES, 100_000, PIECE_BYTES]),
        length=st.sampled_from([1, LEAST_PIECE_BYTES, PIECE_BYTES]),
        spoiled=st.booleans(),
        next_one=st.booleans(),
    )
    def piece(self, number: int, offset: int, length: int, spoiled: bool, next_one: bool) -> None:
        data = self.files[number]
        file = known(data)
        if next_one and file in self.came:
            offset = self.came[file]
        if offset >= len(data):
            return
        sent = bytes(len(data)) if spoiled else data
        blob = piece(sent, offset, length, file)
        if not self.store.wants(blob):
            return
        whole = self.store.take(blob)
        if file in self.came:
            assert offset == self.came[file], "pieces are in order"
            self.came[file] = 0 if whole is False else min(offset + length, len(data))
        if whole:
            assert self.came.get(file, len(data)) == len(data)

    @invariant()
    def holds(self) -> None:
        assert self.store.size_bytes <= MOST
        for file, came in self.came.items():
            whole = not self.store.lacking([file])
            assert whole == (came == file.size_bytes)
            if whole:
                assert self.store.read(file) in self.files


TestStore = Store.TestCase
TestStore.settings = settings(max_examples=at_most(25), stateful_step_count=30, deadline=None)
