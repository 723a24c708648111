"""Requests with pictures: who may have them, what is waited for, and whose word counts about a picture."""

from typing import Any

import pytest

from coordinator.dispatch.effects import Failed, Noted
from coordinator.scheduler.state import Limits
from tests.coordinator.dispatch.driver import REQUEST, Driver, seeing, speed
from wire import messages as wire
from wire.blobs import VISION
from wire.chat import ChatRequest, Message
from wire.errors import ErrorCode

PICTURE, BLOBS = seeing(b"red")
LIMITS = Limits()


def sees(driver: Driver, name: str, **offer: Any) -> None:
    driver.join(name, owner=name, features=(VISION,), **{"speed": speed(20.0)} | offer)


def is_blind(driver: Driver, name: str, **offer: Any) -> None:
    """A worker that is much faster, and sees nothing."""
    driver.join(name, owner=name, features=(), **{"speed": speed(2000.0, 1e6)} | offer)


def ask(driver: Driver, job: str = "j1", request: ChatRequest = PICTURE) -> None:
    driver.submit(job, request=request, blobs=BLOBS if request is PICTURE else {})


def test_a_picture_goes_to_a_worker_that_sees_and_text_to_the_fastest() -> None:
    driver = Driver()
    is_blind(driver, "blind")
    sees(driver, "seeing")
    ask(driver)
    assert driver.started()[0] == "seeing"
    ask(driver, "j2", REQUEST)
    assert driver.started()[0] == "blind"


def test_without_a_worker_that_sees_the_client_is_told_so_at_once() -> None:
    driver = Driver()
    is_blind(driver, "blind")
    ask(driver)
    error = driver.one(Failed).error
    assert (error.code, error.row.status) == (ErrorCode.NO_WORKER, 503)
    assert "no worker of m can do this at the moment: it sees no pictures" in error.message
    assert error.retry_after_s


def test_without_any_worker_it_is_told_that() -> None:
    driver = Driver()
    ask(driver)
    assert "no worker serves m" in driver.one(Failed).error.message


def test_a_worker_that_sees_and_left_a_moment_ago_is_waited_for_and_one_that_does_not_is_not() -> None:
    driver = Driver()
    is_blind(driver, "blind")
    sees(driver, "seeing")
    driver.drops("blind", resumable=False)
    driver.drops("seeing", resumable=False)
    ask(driver)
    assert not driver.all(Failed)
    driver.passes(16)
    is_blind(driver, "blind")
    driver.drops("blind", resumable=False)
    ask(driver, "j2")
    assert driver.one(Failed).error.code is ErrorCode.NO_WORKER
    driver.passes(LIMITS.queue_wait_s)
    failed = driver.one(Failed)
    assert (failed.job, failed.error.code) == ("j1", ErrorCode.NO_WORKER)


def test_a_picture_that_waits_holds_no_text_up() -> None:
    driver = Driver()
    is_blind(driver, "blind")
    sees(driver, "seeing", slots=1)
    ask(driver)
    ask(driver, "j2")
    assert driver.place("j2") == 1
    long = ChatRequest(messages=(Message(role="user", content="word " * 3000),), max_tokens=10)
    ask(driver, "j3", long)
    assert driver.started()[0] == "blind"


def test_text_that_waits_for_its_context_holds_no_picture_up_that_needs_less() -> None:
    driver = Driver()
    sees(driver, "long", slots=1, context=16_384)
    ask(driver, "busy", REQUEST)
    long = ChatRequest(messages=(Message(role="user", content="word " * 8000),), max_tokens=10)
    ask(driver, "j1", long)
    assert driver.place("j1") == 1
    sees(driver, "seeing")
    ask(driver, "j2")
    assert driver.started()[0] == "seeing"


def test_a_picture_moves_only_to_a_worker_that_sees() -> None:
    driver = Driver()
    sees(driver, "seeing")
    ask(driver)
    is_blind(driver, "blind")
    driver.accepts("seeing")
    driver.fails("seeing")
    assert not driver.sent(wire.Start)
    sees(driver, "other")
    assert driver.started()[0] == "other"


def test_what_is_wrong_with_a_picture_others_that_see_have_to_confirm() -> None:
    driver = Driver()
    for name in ("one", "two", "three", "four"):
        sees(driver, name)
    ask(driver)
    asked = []
    for attempt in (1, 2, 3):
        worker, start = driver.started()
        asked.append(worker)
        assert start.attempt == attempt
        message = "messages[0].content[0]: the picture ends in the middle: send it whole"
        driver.says(
            worker,
            wire.Refused(
                job="j1",
                attempt=attempt,
                code=ErrorCode.INVALID_REQUEST,
                message=message,
                param="messages[0].content[0]",
            ),
        )
    error = driver.one(Failed).error
    assert len(set(asked)) == 3
    assert (error.row.status, error.param) == (400, "messages[0].content[0]")
    assert "the picture ends in the middle: send it whole" in error.message


def test_the_one_owner_that_sees_decides_and_blind_ones_are_not_asked() -> None:
    driver = Driver()
    for name in ("b1", "b2", "b3"):
        is_blind(driver, name)
    sees(driver, "seeing")
    ask(driver)
    driver.refuses("seeing", code=ErrorCode.INVALID_REQUEST)
    error = driver.one(Failed).error
    assert error.code is ErrorCode.INVALID_REQUEST
    assert "no other owner's was there to confirm it" in error.message


def test_a_worker_that_calls_every_picture_broken_costs_no_client_its_answer_and_rests() -> None:
    driver = Driver()
    sees(driver, "liar", slots=8, speed=speed(1e9, 1e9))
    sees(driver, "honest", slots=8)
    rested = False
    for number in range(8):
        ask(driver, job := f"j{number}")
        worker, _ = driver.started()
        attempt = 1
        if worker == "liar":
            driver.refuses("liar", job, code=ErrorCode.INVALID_REQUEST)
            worker, start = driver.started()
            attempt = start.attempt
        assert worker == "honest"
        driver.accepts(worker, job, attempt)
        driver.delta(worker, job, attempt, tokens="red")
        driver.done(worker, job, attempt, seq=1, completion=3)
        rested = rested or any(
            note.event == "worker rests" and note.worker == "liar/liar" for note in driver.all(Noted)
        )
        assert not driver.all(Failed)
    assert rested


@pytest.mark.parametrize("again", [False, True])
def test_a_conversation_goes_on_where_its_pictures_were_seen(again: bool) -> None:
    """Both read a prompt in no time and take a minute for a picture; the one that saw it is busier."""
    driver = Driver()
    for name in ("w1", "w2"):
        sees(driver, name, slots=4, speed=speed(40.0, 1e6), image_ms=60_000.0)
    ask(driver)
    first = driver.started()[0]
    other = "w2" if first == "w1" else "w1"
    driver.serves(first, driver.started()[1])
    for job in ("x", "y"):
        ask(driver, job, ChatRequest(messages=(Message(role="user", content=job),), max_tokens=10))
        if driver.started()[0] == other:
            driver.serves(*driver.started())
    turns = (*PICTURE.messages, Message(role="assistant", content="red"), Message(role="user", content="sure?"))
    request, blobs = PICTURE.model_copy(update={"messages": turns}), BLOBS
    if not again:
        request, blobs = seeing(b"blue")
    driver.submit("j2", request=request, blobs=blobs)
    assert driver.started()[0] == (first if again else other)
