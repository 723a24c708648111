"""An attempt that makes something is given up when it is silent, or takes far longer than such things take."""

import pytest

from coordinator.dispatch.effects import Failed, Finished, Progressed
from tests.coordinator.dispatch.studio import Studio
from tests.coordinator.media.making import FILM, MUSIC, PICTURE
from wire import messages as wire
from wire.errors import ErrorCode
from wire.media import MediaRequest, Stage

BOTH = ("w1", "w2")


@pytest.fixture
def studio() -> Studio:
    studio = Studio()
    studio.opens()
    studio.opens("w2", speed=0.5)
    studio.asks()
    studio.accepts()
    return studio


def shows_each_30_s(studio: Studio, stage: Stage, times: int) -> None:
    for _ in range(times):
        studio.passes(30, alive=tuple(studio.sessions))
        studio.shows(stage=stage)


def test_without_progress_for_a_minute_it_moves_and_its_worker_rests(studio: Studio) -> None:
    studio.passes(55, alive=BOTH)
    assert not studio.sent(wire.Cancel)
    studio.shows()
    studio.passes(59, alive=BOTH)
    assert not studio.sent(wire.Cancel)
    studio.passes(2, alive=BOTH)
    assert studio.started()[0] == "w2" and "gpus/w1" in studio.dispatch.resting(studio.now)


def test_loading_may_take_ten_minutes_and_no_longer(studio: Studio) -> None:
    shows_each_30_s(studio, "loading", 19)
    assert studio.dispatch.counters.stalls == 0
    shows_each_30_s(studio, "loading", 2)
    assert studio.dispatch.counters.stalls == 1


def test_from_its_first_step_a_picture_has_three_minutes(studio: Studio) -> None:
    shows_each_30_s(studio, "loading", 10)
    shows_each_30_s(studio, "denoising", 6)
    assert studio.dispatch.counters.stalls == 0
    shows_each_30_s(studio, "loading", 2)
    assert studio.dispatch.counters.stalls == 1, "it is loaded once"


def test_a_slow_machine_has_as_long_as_it_claims() -> None:
    studio = Studio()
    studio.opens(speed=0.1)
    studio.asks()
    studio.accepts()
    shows_each_30_s(studio, "denoising", 8)
    assert studio.dispatch.counters.stalls == 0
    shows_each_30_s(studio, "denoising", 2)
    assert studio.dispatch.counters.stalls == 1


@pytest.mark.parametrize(("request_", "wait_s"), [(PICTURE, 120), (MUSIC, 300), (FILM, 1800)])
def test_it_waits_for_a_slot_as_long_as_its_kind_does(request_: MediaRequest, wait_s: int) -> None:
    studio = Studio()
    studio.opens()
    studio.asks("first", FILM)
    studio.accepts(job="first")
    studio.asks(request=request_)
    for waited_s in range(20, wait_s, 20):
        studio.passes(20, alive=("w1",))
        studio.shows(waited_s % 9, job="first")
        assert not studio.all(Failed)
    studio.passes(20, alive=("w1",))
    assert any(failed.error.code is ErrorCode.QUEUE_TIMEOUT for failed in studio.all(Failed))


def test_a_worker_whose_line_dropped_is_waited_for_as_long_as_it_had_worked(studio: Studio) -> None:
    studio.shows(1)
    studio.passes(4, alive=BOTH)
    studio.shows(5)
    studio.drops()
    assert not studio.sent(wire.Start)
    studio.passes(3, alive=("w2",))
    assert not studio.sent(wire.Start)
    studio.passes(2, alive=("w2",))
    assert studio.started()[0] == "w2"


def test_and_if_it_comes_back_it_goes_on(studio: Studio) -> None:
    studio.shows(1)
    studio.passes(10, alive=BOTH)
    studio.drops()
    studio.passes(8, alive=("w2",))
    studio.reopens(("j1", 1, 0))
    assert studio.sent(wire.Welcome)[0][1].kept
    studio.now += 1
    studio.shows(6)
    assert studio.one(Progressed)
    assert studio.uploads() and studio.one(Finished).report.attempts == 1


def test_one_that_has_made_nothing_yet_is_not_waited_for(studio: Studio) -> None:
    studio.shows(0, stage="loading")
    studio.passes(10, alive=BOTH)
    studio.drops()
    assert studio.started()[0] == "w2"
