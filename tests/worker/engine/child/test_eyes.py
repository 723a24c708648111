"""Which pictures are kept, encoded and given up, with an encoder that only pretends."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from wire.errors import ErrorCode, SupernetError
from wire.pictures import MAX_PICTURES, PATCH
from worker.bindings.encoder import Encoded, Stopped, failed
from worker.engine.child import eyes as eyes_module
from worker.engine.child.eyes import Eyes
from worker.engine.port import EngineSpec, Picture, Placed

WAIT_S = 30.0
SPEC = EngineSpec("", slots=1, context=512)


class Pretending:
    """Encodes a picture of its own size as one value; waits behind the first layer while `go` is not set."""

    def __init__(self) -> None:
        self.go, self.began = threading.Event(), threading.Event()
        self.go.set()
        self.encoded: list[int] = []
        self.given_up = 0
        self.broken = False

    def encode(self, width: int, height: int, rgb: bytes, go_on: Callable[[], bool]) -> Encoded:
        self.began.set()
        while not self.go.wait(0.005) or not go_on():
            if not go_on():
                self.given_up += 1
                raise Stopped
        if self.broken:
            raise failed("it is broken")
        self.encoded.append(rgb[0])
        return Encoded(np.full((width * height, 4), rgb[0], np.float32), width)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def encoder() -> Pretending:
    return Pretending()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def woken() -> threading.Semaphore:
    return threading.Semaphore(0)


@pytest.fixture
def eyes(encoder: Pretending, clock: Clock, woken: threading.Semaphore) -> Iterator[Eyes]:
    eyes = Eyes(encoder, SPEC, clock, woken.release)
    yield eyes
    eyes.close()


def picture(number: int) -> Picture:
    return Picture(f"p{number}", 2, 3, bytes([number]) * 18)


def placed(number: int, at: int = 0) -> Placed:
    return Placed(at, 2, 3, f"p{number}")


def show(eyes: Eyes, *numbers: int) -> None:
    for number in numbers:
        eyes.show(picture(number))


def vectors(eyes: Eyes, number: int, woken: threading.Semaphore) -> float:
    """Ask until they are there; the one value in them."""
    while (found := eyes.vectors(placed(number))) is None:
        assert woken.acquire(timeout=WAIT_S)
    return float(found[0, 0])


def test_a_picture_is_encoded_once_for_all_who_ask(eyes: Eyes, encoder: Pretending, woken: threading.Semaphore) -> None:
    show(eyes, 1, 1)
    for _ in range(2):
        eyes.claim([placed(1), placed(1, 10)])
    assert vectors(eyes, 1, woken) == vectors(eyes, 1, woken) == 1.0
    eyes.release([placed(1), placed(1, 10)])
    assert vectors(eyes, 1, woken) == 1.0 and encoder.encoded == [1]


def test_a_job_can_begin_when_the_first_picture_that_the_cache_lacks_is_encoded(
    eyes: Eyes, encoder: Pretending, woken: threading.Semaphore
) -> None:
    encoder.go.clear()
    show(eyes, 1, 2, 3)
    pictures = [placed(1, 0), placed(2, 10), placed(3, 20)]
    eyes.claim(pictures)
    assert eyes.ready(pictures, 26), "all of them are cached"
    assert not encoder.began.is_set()
    assert not eyes.ready(pictures, 6)
    encoder.go.set()
    while not eyes.ready(pictures, 6):
        assert woken.acquire(timeout=WAIT_S)
    assert vectors(eyes, 3, woken) == 3.0
    assert encoder.encoded == [2, 3], "in their order, and never what is cached"


def test_what_did_not_come_or_cannot_be_seen_is_refused(eyes: Eyes) -> None:
    with pytest.raises(SupernetError, match="no room for the pictures") as caught:
        eyes.claim([placed(1)])
    assert caught.value.code is ErrorCode.WORKER_BUSY
    blind = Eyes(None, SPEC, lambda: 0.0, lambda: None)
    show(blind, 1)
    with pytest.raises(SupernetError, match="takes text only"):
        blind.claim([placed(1)])
    blind.claim([])
    blind.close()


def with_room_for(pictures: int, encoder: Pretending, monkeypatch: pytest.MonkeyPatch) -> Eyes:
    """Eyes that keep so many pictures, and none more for slots."""
    monkeypatch.setattr(eyes_module, "MOST_PIXEL_BYTES", pictures * 18)
    return Eyes(encoder, replace(SPEC, slots=0), lambda: 0.0, lambda: None)


def test_pictures_without_a_job_make_room_the_oldest_first(
    encoder: Pretending, monkeypatch: pytest.MonkeyPatch
) -> None:
    eyes = with_room_for(3, encoder, monkeypatch)
    show(eyes, 1, 2, 3)
    eyes.claim([placed(1)])
    show(eyes, 4)
    eyes.claim([placed(3), placed(4)])
    for gone in (2, 5):
        show(eyes, *[5] * (gone == 5))
        with pytest.raises(SupernetError):
            eyes.claim([placed(gone)])
    eyes.release([placed(1)])
    show(eyes, 6)
    eyes.claim([placed(6)])


def test_a_claim_that_fails_takes_nothing(encoder: Pretending, monkeypatch: pytest.MonkeyPatch) -> None:
    eyes = with_room_for(1, encoder, monkeypatch)
    show(eyes, 1)
    with pytest.raises(SupernetError):
        eyes.claim([placed(1), placed(2)])
    show(eyes, 3)
    eyes.claim([placed(3)])


def test_there_is_room_for_all_that_jobs_in_all_slots_can_show_and_for_others_beside_them(encoder: Pretending) -> None:
    slots = 8
    eyes = Eyes(encoder, replace(SPEC, slots=slots), lambda: 0.0, lambda: None)
    pixels = bytes(3 * PATCH**2 * SPEC.image_tokens)  # once in memory, however many pictures have it
    jobs = [[Placed(0, 32, 32, f"{job} {number}") for number in range(MAX_PICTURES)] for job in range(slots)]
    for number in range(MAX_PICTURES):
        for job in jobs:  # all at once, and other pictures between them, whose jobs never come
            eyes.show(Picture(job[number].digest, 1024, 1024, pixels))
        for left in range(4):
            eyes.show(Picture(f"left {number} {left}", 1024, 1024, pixels))
    for job in jobs:
        eyes.claim(job)


def test_pictures_of_jobs_that_wait_are_not_all_encoded_ahead_but_each_job_s_next_one_is(
    eyes: Eyes, encoder: Pretending, woken: threading.Semaphore
) -> None:
    many = [placed(number, 10 * number) for number in range(1, 41)]
    show(eyes, *range(1, 42))
    eyes.claim(many)
    eyes.claim([placed(41)])
    while not (eyes.ready(many, 0) and eyes.ready([placed(41)], 0)):
        assert woken.acquire(timeout=WAIT_S)
    while len(encoder.encoded) <= eyes_module.MOST_AHEAD:
        assert woken.acquire(timeout=WAIT_S)
    assert encoder.encoded == [*range(1, eyes_module.MOST_AHEAD + 1), 41], "what nobody has read takes memory"
    for number in (41, *range(1, 41)):
        assert vectors(eyes, number, woken) == number


def test_vectors_are_kept_up_to_a_bound_and_made_again(
    eyes: Eyes, encoder: Pretending, woken: threading.Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eyes_module, "MOST_VECTOR_BYTES", 2 * 6 * 4 * 4)
    show(eyes, 1, 2, 3)
    eyes.claim([placed(1), placed(2), placed(3)])
    for number in (1, 2, 1, 3, 1, 2):
        assert vectors(eyes, number, woken) == number
    assert encoder.encoded == [1, 2, 3, 2], "the one that was read last stays"


def test_an_encode_is_given_up_when_the_last_job_that_waits_for_it_ends(
    eyes: Eyes, encoder: Pretending, woken: threading.Semaphore
) -> None:
    encoder.go.clear()
    show(eyes, 1, 2)
    for _ in range(2):
        eyes.claim([placed(1), placed(2)])
    assert not eyes.ready([placed(1), placed(2, 10)], 0)
    assert encoder.began.wait(WAIT_S)
    eyes.release([placed(1), placed(2)])
    assert not eyes.ready([placed(1), placed(2, 10)], 0) and not encoder.given_up
    eyes.release([placed(1), placed(2)])
    assert woken.acquire(timeout=WAIT_S) and woken.acquire(timeout=WAIT_S)
    assert (encoder.given_up, encoder.encoded) == (1, [])
    eyes.claim([placed(1)])
    encoder.go.set()
    assert vectors(eyes, 1, woken) == 1.0 and encoder.encoded == [1]


def test_a_failure_is_told_once_and_the_next_who_asks_tries_again(
    eyes: Eyes, encoder: Pretending, woken: threading.Semaphore
) -> None:
    encoder.broken = True
    show(eyes, 1)
    eyes.claim([placed(1)])
    with pytest.raises(SupernetError, match="it is broken"):
        vectors(eyes, 1, woken)
    encoder.broken = False
    assert vectors(eyes, 1, woken) == 1.0


def test_an_encode_that_takes_too_long_fails(
    eyes: Eyes, encoder: Pretending, clock: Clock, woken: threading.Semaphore
) -> None:
    encoder.go.clear()
    show(eyes, 1)
    eyes.claim([placed(1)])
    assert eyes.vectors(placed(1)) is None
    assert encoder.began.wait(WAIT_S)
    clock.now += eyes_module.LIMIT_S
    with pytest.raises(SupernetError, match="longer than 60 s"):
        vectors(eyes, 1, woken)


def test_a_picture_of_another_shape_than_its_place_is_a_failure(eyes: Eyes, woken: threading.Semaphore) -> None:
    show(eyes, 1)
    eyes.claim([placed(1)])
    vectors(eyes, 1, woken)
    for columns, rows in ((3, 2), (2, 4), (6, 1)):
        with pytest.raises(SupernetError, match=f"2 x 3 tokens, and not {columns} x {rows}"):
            eyes.vectors(Placed(0, columns, rows, "p1"))


def test_closing_gives_up_the_encode_in_hand(encoder: Pretending, clock: Clock) -> None:
    eyes = Eyes(encoder, SPEC, clock, lambda: None)
    encoder.go.clear()
    show(eyes, 1, 2)
    eyes.claim([placed(1), placed(2)])
    eyes.ready([placed(1), placed(2, 10)], 0)
    assert encoder.began.wait(WAIT_S)
    eyes.turn(streams=True)
    eyes.close()
    assert (encoder.given_up, encoder.encoded) == (1, [])
