"""A making as work: what it needs, what it is worth, and how long it may take."""

import pytest

from coordinator.scheduler.media_work import MediaWork
from coordinator.scheduler.placement import Candidate
from coordinator.scheduler.work import work
from tests.coordinator.media.making import EDIT, FILM, MUSIC, PICTURE, WIDE, offer
from wire.media import MediaRequest
from wire.offers import ModelOffer


def test_it_is_made_in_steps_and_has_no_tokens() -> None:
    wide = work(WIDE, "a")
    assert isinstance(wide, MediaWork)
    assert (wide.tokens, wide.top_logprobs, wide.prefixes.total) == (0, None, 0)
    assert wide.needs == {"generate_image"}
    assert wide.cost(99, 99) == 16, "eight steps of two megapixels"


@pytest.mark.parametrize(
    ("request_", "size", "wait_s"),
    [
        (WIDE, (2**21, 1, 0, 0), 120),
        (EDIT, (4096, 1, 0, 1), 120),
        (FILM, (2**20, 49, 0, 0), 1800),
        (MUSIC, (0, 0, 30, 0), 300),
    ],
)
def test_a_larger_one_fits_nowhere_that_it_does_not(request_: MediaRequest, size: object, wait_s: float) -> None:
    making = MediaWork(request_)
    assert (making.size, making.queue_wait_s) == (size, wait_s)
    assert making.lacks(offer()) is None
    assert making.lacks(ModelOffer(id="m", context=1, slots=1)) == "it makes no media"


def test_it_takes_as_long_as_its_pipeline_says_and_longer_beside_others() -> None:
    picture = MediaWork(PICTURE)
    assert picture.seconds(Candidate("w", busy=0, context=0, effort_s=4), 0) == 2
    assert picture.seconds(Candidate("w", busy=1, context=0, effort_s=4), 0) == 4
    assert picture.seconds(Candidate("w", busy=0, context=0), 0) == pytest.approx(80), "nothing measured: a slow one"


def test_it_may_take_what_such_things_take_and_on_a_slow_machine_longer_within_a_bound() -> None:
    picture, film = MediaWork(PICTURE), MediaWork(FILM)
    assert picture.timeout_s(offer(speed=0)) == picture.timeout_s(offer(speed=8)) == 180
    assert picture.timeout_s(offer(speed=0.1)) == 240
    assert picture.timeout_s(offer(speed=0.05, slots=2)) == picture.timeout_s(offer(speed=1e-9)) == 720
    assert film.timeout_s(offer(speed=1)) == 1800
