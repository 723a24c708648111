"""What the others say of themselves, and the sums of it."""

from dataclasses import replace

import pytest

from coordinator.cluster.peers.pictures import CHANGED_S, EACH_S, FRESH_S, Pictures, together
from coordinator.cluster.protocol.messages import BUS_VERSION
from coordinator.cluster.protocol.news import Picture
from coordinator.dispatch.outlook import Online
from coordinator.dispatch.overview import KindStock, ModelStock
from wire.blobs import VISION
from wire.media import MediaOffer
from wire.offers import ModelOffer

A, B, M = "0000000a", "0000000b", "m"
NOTHING = Online(0, 0, 0, 0, 0, 0, 0, frozenset(), (), ())


def kind(slots: int = 4, free: int = 4, context: int = 4096, features: tuple[str, ...] = ()) -> KindStock:
    offer = ModelOffer(id=M, context=context, slots=max(slots, 1), features=features)
    return KindStock(offer, workers=1, offering=1, slots=slots, free=free)


def stock(*kinds: KindStock, waiting: int = 0) -> ModelStock:
    return ModelStock(M, kinds or (kind(),), waiting, 10.0, True)


def picture(*stocks: ModelStock) -> Picture:
    return Picture(speaks=(BUS_VERSION,), models=stocks or (stock(),))


def test_only_a_fresh_picture_counts() -> None:
    pictures = Pictures()
    pictures.take(A, picture(), 100.0)
    assert [cell for cell, _ in pictures.cells(100.0 + FRESH_S - 0.1)] == [A]
    assert list(pictures.cells(100.0 + FRESH_S)) == [] and pictures.models(100.0 + FRESH_S) == frozenset()
    assert [age for _, _, age in pictures.all(100.0 + FRESH_S)] == [FRESH_S]


@pytest.mark.parametrize("change", [{"speaks": (BUS_VERSION - 1, BUS_VERSION + 1)}, {"speaks": ()}, {"role": "edge"}])
def test_who_does_not_understand_us_or_has_no_workers_gets_no_jobs(change: dict[str, object]) -> None:
    pictures = Pictures()
    pictures.take(A, replace(picture(), **change), 100.0)  # type: ignore[arg-type]
    assert list(pictures.stocks(M, 100.0)) == []


def test_who_leaves_is_asked_for_by_itself() -> None:
    pictures = Pictures()
    pictures.take(A, replace(picture(), leaving=True), 100.0)
    pictures.take(B, picture(), 100.0)
    assert [cell for cell, _ in pictures.stocks(M, 100.0)] == [B]
    assert [cell for cell, _ in pictures.stocks(M, 100.0, leaving=True)] == [A]
    pictures.drop(B)
    assert pictures.models(100.0) == frozenset()


def test_jobs_that_were_sent_are_counted_until_the_next_picture() -> None:
    pictures = Pictures()
    pictures.take(A, picture(stock(kind(free=2), kind(free=1))), 100.0)
    for _ in range(4):
        pictures.sent(A, M)
    ((_, left),) = pictures.stocks(M, 100.1)
    assert (left.free, left.waiting) == (0, 1)
    pictures.take(A, picture(), 100.2)
    ((_, left),) = pictures.stocks(M, 100.2)
    assert (left.free, left.waiting) == (4, 0)
    pictures.drop(A)
    pictures.sent(A, M)
    assert pictures.of(A) is None and list(pictures.stocks(M, 100.3)) == []


def test_a_model_that_others_only_load_is_served_and_one_without_slots_is_not() -> None:
    pictures = Pictures()
    loading = KindStock(kind().offer, workers=0, offering=1, slots=4, free=0)
    paused = KindStock(ModelOffer(id="paused", context=8, slots=1), workers=1, offering=0, slots=0, free=0)
    pictures.take(A, picture(stock(loading), ModelStock("paused", (paused,))), 100.0)
    assert pictures.models(100.0) == {M}


def test_a_picture_goes_once_a_second_and_at_once_when_it_tells_something() -> None:
    pictures = Pictures()
    assert pictures.may_be_due(100.0) and pictures.due(picture(), 100.0)
    assert not pictures.may_be_due(100.0 + CHANGED_S / 2)
    assert pictures.may_be_due(100.0 + EACH_S / 2) and not pictures.due(picture(), 100.0 + EACH_S / 2)
    assert not pictures.may_be_due(100.0 + EACH_S / 2 + CHANGED_S / 2)
    full = picture(stock(kind(free=0)))
    assert not pictures.due(full, 100.0 + CHANGED_S / 2)
    assert pictures.due(full, 100.0 + CHANGED_S * 1.01)
    assert pictures.due(replace(full, leaving=True), 101.0)
    assert pictures.due(replace(full, leaving=True), 101.0 + EACH_S)


def test_of_many_free_slots_one_more_or_less_tells_nothing() -> None:
    pictures = Pictures()
    assert pictures.due(picture(stock(kind(slots=200, free=100))), 100.0)
    assert not pictures.due(picture(stock(kind(slots=200, free=99))), 100.5)
    assert pictures.due(picture(stock(kind(slots=200, free=80))), 100.5)


def test_the_network_has_what_all_cells_have() -> None:
    mine = replace(NOTHING, workers=2, slots=4, free=1, context=2048, waiting=3, hashes=(("aa", 2), ("bb", 1)))
    others = [
        replace(stock(kind(features=(VISION,), context=8192), waiting=1), hashes=(("bb", 5),)),
        stock(kind(free=0, slots=0, context=99999)),
    ]
    found = together(mine, others)
    assert (found.workers, found.slots, found.free, found.waiting, found.context) == (4, 8, 5, 4, 8192)
    assert (found.seeing, found.seeing_free, found.hashes) == (1, 4, (("bb", 6), ("aa", 2)))


def test_what_media_other_cells_make_is_offered() -> None:
    offer = MediaOffer(id=M, modes=("generate_image",))
    found = together(NOTHING, [ModelStock(M, (KindStock(offer, 3, 3, 3, 2),), 0, 10.0, True)])
    assert (found.workers, found.modes, found.offers) == (3, frozenset({"generate_image"}), (offer,))
    assert together(NOTHING, [ModelStock(M, (KindStock(offer, 0, 3, 3, 0),), 0, 10.0, True)]).offers == ()
