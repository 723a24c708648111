"""How far a making is: never backwards for the client, and no more of it than was asked for."""

import pytest

from coordinator.dispatch.effects import Progressed
from tests.coordinator.dispatch.driver import Driver
from tests.coordinator.dispatch.studio import Studio
from tests.coordinator.media.making import PICTURE, WIDE
from wire import messages as wire
from wire.media import Progress, Stage


@pytest.fixture
def studio() -> Studio:
    studio = Studio()
    studio.opens()
    studio.opens("w2", speed=0.5)
    studio.asks(request=WIDE)
    studio.accepts()
    return studio


def told(studio: Studio) -> list[int]:
    return [progressed.percent for progressed in studio.all(Progressed)]


def test_what_is_ahead_is_told_and_nothing_else(studio: Studio) -> None:
    heard = []
    course: list[tuple[Stage, int]] = [
        ("loading", 0), ("encoding", 0), ("denoising", 0), ("denoising", 4), ("denoising", 3), ("denoising", 4),
        ("denoising", 8), ("decoding", 0), ("saving", 0), ("uploading", 0), ("loading", 0),
    ]  # fmt: skip
    for stage, step in course:
        studio.now += 1
        studio.shows(step, stage=stage)
        heard += told(studio)
    assert heard == [0, 1, 2, 46, 90, 96, 98]


def test_after_a_failover_it_is_silent_until_it_has_come_as_far(studio: Studio) -> None:
    studio.shows(6)
    assert told(studio) == [68]
    studio.drops(resumable=False)
    studio.accepts("w2", attempt=2)
    heard = []
    for step in range(1, 9):
        studio.now += 1
        studio.shows(step, worker="w2", attempt=2)
        heard += told(studio)
    assert heard == [79, 90]


def test_steps_beyond_all_are_all_of_them(studio: Studio) -> None:
    studio.says("w1", Progress(job="j1", attempt=1, stage="denoising", step=100, steps=8))
    assert told(studio) == [90]
    assert Progressed("j", "denoising", step=3, steps=0).percent == 2


def test_a_preview_is_shown_if_it_was_asked_for_and_once() -> None:
    for request, shown in ((WIDE, ["AAAA", "", ""]), (PICTURE, ["", "", ""])):
        studio = Studio()
        studio.opens()
        studio.asks(request=request)
        studio.accepts()
        heard = []
        for step in (2, 4, 6):
            studio.now += 1
            studio.shows(step, preview="AAAA")
            heard += [progressed.preview for progressed in studio.all(Progressed)]
        assert heard == shown


def test_a_client_that_has_left_is_told_nothing(studio: Studio) -> None:
    studio.cancel()
    studio.shows(6)
    assert not studio.out


def test_progress_of_anothers_job_and_of_an_ended_attempt_is_of_no_use(studio: Studio) -> None:
    before = studio.dispatch.counters.late_frames
    studio.shows(6, worker="w2")
    assert not studio.out
    studio.drops(resumable=False)
    studio.opens()
    studio.shows(6)
    assert not studio.out and studio.dispatch.counters.late_frames == before + 2


def test_progress_of_a_chat_or_of_what_was_not_accepted_is_no_honest_workers() -> None:
    driver = Driver()
    driver.join()
    driver.submit()
    driver.accepts()
    driver.says("w1", Progress(job="j1", attempt=1, stage="denoising"))
    assert "progress of a request" in driver.sent(wire.Error)[0][1].message
    studio = Studio()
    studio.opens()
    studio.asks()
    studio.shows()
    assert studio.sent(wire.Cancel) and studio.dispatch.counters.violations == 1


def test_a_flood_of_it_is_of_no_use(studio: Studio) -> None:
    for _ in range(10):
        studio.now += 0.01
        studio.shows(1)
    assert studio.dispatch.counters.duplicate_frames == 9
