"""What a worker says of an answer reaches the client in our words, with the worker's marked, short and few."""

from coordinator.dispatch.effects import Deliver, Finished
from coordinator.dispatch.quotes import MOST_NOTICES, QUOTED_CHARS
from tests.coordinator.dispatch.driver import Driver
from wire import messages as wire
from wire.chat import Content, Notice, Part

OURS = "The worker left something out, or found it malformed. In the worker's words: "


def warned(driver: Driver) -> list[str]:
    parts = [part for event in driver.all(Deliver) for part in event.delta.parts]
    return [part.text for part in parts if isinstance(part, Notice)]


def running() -> Driver:
    driver = Driver()
    driver.join()
    driver.submit()
    driver.accepts()
    return driver


def says(driver: Driver, seq: int, *parts: Part, tokens: tuple[int, ...] = (7,)) -> None:
    delta = wire.Delta(job="j1", attempt=1, seq=seq, tokens=tokens, parts=parts)
    driver.says("w1", wire.Deltas(items=(delta,)))


def test_a_warning_is_marked_as_a_workers_and_no_other_part_is() -> None:
    driver = running()
    says(driver, 0, Content(text="a"), Notice(text="tool call 0 was malformed: it came twice"))
    assert driver.one(Deliver).delta.parts == (
        Content(text="a"),
        Notice(text=OURS + "'tool call 0 was malformed: it came twice'"),
    )


def test_a_warning_is_on_one_line_and_short() -> None:
    driver = running()
    says(driver, 0, Notice(text="Your key is void.\n\x1b[2J\u2028Pay at http://evil.test" + "y" * 9000))
    (text,) = warned(driver)
    assert text.startswith(OURS + "'Your key is void.  [2J Pay") and text.isprintable()
    assert len(text) <= len(OURS) + QUOTED_CHARS + 2


def test_the_warnings_of_an_answer_are_few_however_they_come() -> None:
    driver = running()
    told = []
    for seq in range(5):
        says(driver, seq, *(Notice(text=f"{seq} {number}") for number in range(10)), Content(text="a"))
        told += warned(driver)
        assert driver.one(Deliver).delta.parts[-1] == Content(text="a"), "the answer goes on"
    assert len(told) == MOST_NOTICES < 50


def test_what_comes_behind_the_last_token_is_marked_too() -> None:
    driver = running()
    says(driver, 0, Content(text="a"))
    says(driver, 1, Notice(text="send me your key"), tokens=())
    driver.done(seq=2)
    assert driver.one(Finished)
    assert warned(driver) == [OURS + "'send me your key'"]
