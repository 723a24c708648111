"""Which cell gets a job, what is shed, and how many workers move."""

from collections import Counter
from random import Random

import pytest

from coordinator.cluster.routing import MOST_HANDBACKS, MOST_SHED, choose, shed, too_many
from coordinator.dispatch.overview import KindStock, ModelStock
from coordinator.scheduler.state import Job, JobSpec
from tests.coordinator.dispatch.driver import M, seeing, speed
from tests.coordinator.media.making import PICTURE
from wire.blobs import VISION
from wire.chat import ChatRequest, Message
from wire.media import MediaOffer
from wire.offers import ModelOffer
from wire.request import Request

ME, A, B, C = "00000000", "0000000a", "0000000b", "0000000c"
ASKED = ChatRequest(messages=(Message(role="user", content="hello"),), max_tokens=100)


def job(name: str = "j", request: Request = ASKED, handbacks: int = 0) -> Job:
    found = Job(JobSpec(name, "client", M, request, 1), 0.0, 0.0)
    found.handbacks = handbacks
    return found


def kind(
    free: int = 4,
    slots: int = 4,
    context: int = 4096,
    features: tuple[str, ...] = (),
    tps: float = 50.0,
    offering: int = 1,
) -> KindStock:
    offer = ModelOffer(id=M, context=context, slots=max(slots, 1), features=features, speed=speed(tps))
    return KindStock(offer, workers=1, offering=offering, slots=slots, free=free)


def stock(*kinds: KindStock, waiting: int = 0, recent: bool = True) -> ModelStock:
    return ModelStock(M, kinds, waiting, 10.0, recent)


def chosen(
    mine: ModelStock | None,
    others: dict[str, ModelStock],
    of: Job | None = None,
    hint: tuple[str, int] | None = None,
    but: tuple[str, ...] = (),
    seed: int = 0,
) -> str | None:
    return choose(of or job(), mine, others.items(), ME, hint, Random(seed).random, but)


def test_our_own_cell_is_first_among_equals() -> None:
    assert chosen(stock(kind()), {A: stock(kind()), B: stock(kind(tps=51))}) == ME


def test_a_free_slot_elsewhere_is_better_than_to_wait() -> None:
    assert chosen(stock(kind(free=0), waiting=3), {A: stock(kind())}) == A
    assert chosen(stock(kind(free=0)), {A: stock(kind(free=0), waiting=8)}) == ME


def test_a_much_faster_cell_is_better_than_our_own() -> None:
    assert chosen(stock(kind(tps=10)), {A: stock(kind(tps=100))}) == A


def test_a_cell_without_workers_asks_others_and_one_that_is_left_out_is_not_asked() -> None:
    assert chosen(None, {A: stock(kind())}) == A
    assert chosen(stock(recent=False), {A: stock(kind())}) == A
    assert chosen(stock(kind()), {A: stock(kind())}, but=(ME,)) == A
    assert chosen(None, {A: stock(kind())}, but=(A,)) is None
    assert chosen(None, {}) is None


def test_where_nobody_serves_it_the_job_waits_where_a_worker_was_a_moment_ago() -> None:
    assert chosen(stock(recent=True), {A: stock(recent=True)}) == ME
    assert chosen(stock(recent=False), {A: stock(recent=True)}) == A
    assert chosen(stock(recent=False), {A: stock(recent=False)}) is None


def test_paused_workers_do_not_count() -> None:
    assert chosen(stock(kind(offering=0), recent=False), {A: stock(kind(offering=0), recent=False)}) is None


def test_pictures_go_where_they_are_seen() -> None:
    request, _ = seeing(b"a picture")
    others = {A: stock(kind(tps=500)), B: stock(kind(features=(VISION,)))}
    assert chosen(stock(kind()), others, job(request=request)) == B


def test_a_long_prompt_goes_where_there_is_context_for_it() -> None:
    long = ChatRequest(messages=(Message(role="user", content="word " * 20_000),), max_tokens=100)
    assert chosen(stock(kind()), {A: stock(kind(tps=500)), B: stock(kind(context=65536))}, job(request=long)) == B


def test_media_goes_where_it_is_made() -> None:
    draws = MediaOffer(id=M, modes=("generate_image",), max_pixels=4096 * 4096, speed=1.0)
    sings = MediaOffer(id=M, modes=("generate_music",), max_seconds=600, speed=1.0)
    stocks = {name: stock(KindStock(offer, 1, 1, 1, 1)) for name, offer in ((A, sings), (B, draws))}
    assert chosen(None, stocks, job(request=PICTURE)) == B
    assert chosen(None, stocks) in (A, B)  # nobody chats: it waits where somebody was


def test_who_has_read_a_long_prompt_has_it_again() -> None:
    long = ChatRequest(messages=(Message(role="user", content="word " * 20_000),), max_tokens=100)
    prompt = job(request=long)
    mine, others = stock(kind(context=65536)), {A: stock(kind(context=65536)), B: stock(kind(context=65536))}
    assert chosen(mine, others, prompt) == ME
    for seed in range(20):
        assert chosen(mine, others, prompt, hint=(A, prompt.prompt), seed=seed) == A
    assert chosen(mine, others, prompt, hint=(ME, prompt.prompt)) == ME
    full = {A: stock(kind(free=0, context=65536), waiting=40)}
    assert chosen(mine, full, prompt, hint=(A, prompt.prompt)) == ME


def test_old_pictures_do_not_make_a_herd() -> None:
    """A hundred edges that all see the same go mostly where most is free, but not all to the best."""
    others = {A: stock(kind(free=60, tps=55)), B: stock(kind(free=30)), C: stock(kind(free=30))}
    went = Counter(chosen(None, others, seed=seed) for seed in range(200))
    assert set(went) == {A, B, C} and went[A] > went[B] and went[A] < 190


def test_two_are_drawn_where_nobody_has_a_free_slot() -> None:
    others = {A: stock(kind(free=0), waiting=50), B: stock(kind(free=0), waiting=1)}
    assert {chosen(None, others, seed=seed) for seed in range(20)} == {B}


# ---- shedding ------------------------------------------------------------------------------------------------------


def test_jobs_that_wait_go_where_more_is_free_than_waits_in_their_order() -> None:
    jobs = [job(f"j{number}") for number in range(6)]
    given = shed(stock(kind(free=0), waiting=6), [(A, stock(kind(free=4), waiting=1)), (B, stock(kind(free=1)))], jobs)
    assert [(one.spec.id, to) for one, to in given] == [("j0", A), ("j1", A), ("j2", A), ("j3", B)]


def test_all_cells_with_a_queue_together_give_no_more_than_a_rounding_above_what_there_is() -> None:
    free = (A, stock(kind(free=4)))
    mine, theirs = (ME, stock(kind(free=0), waiting=6)), (B, stock(kind(free=0), waiting=2))
    first = shed(mine[1], [free, theirs], [job(f"j{n}") for n in range(6)])
    second = shed(theirs[1], [free, mine], [job(f"k{n}") for n in range(2)])
    assert (len(first), len(second)) == (3, 1)


def test_nothing_is_shed_where_nobody_has_room_or_the_job_has_gone_round_enough() -> None:
    mine = stock(kind(free=0), waiting=1)
    assert shed(mine, [(A, stock(kind(free=2), waiting=2))], [job()]) == []
    assert shed(mine, [], [job()]) == []
    assert shed(mine, [(A, stock(kind()))], [job(handbacks=MOST_HANDBACKS)]) == []
    assert len(shed(mine, [(A, stock(kind()))], [job(handbacks=MOST_HANDBACKS - 1)])) == 1


def test_a_job_is_shed_only_where_it_can_be_served() -> None:
    request, _ = seeing(b"a picture")
    others = [(A, stock(kind(free=4))), (B, stock(kind(free=1, features=(VISION,))))]
    assert [to for _, to in shed(stock(kind(free=0), waiting=1), others, [job(request=request)])] == [B]
    full = stock(kind(free=0, features=(VISION,)), kind(free=4))
    assert shed(stock(kind(free=0), waiting=1), [(A, full)], [job(request=request)]) == []


def test_of_a_tick_only_so_many_are_shed() -> None:
    jobs = [job(f"j{number}") for number in range(500)]
    assert len(shed(stock(kind(free=0), waiting=500), [(A, stock(kind(free=900)))], jobs)) == MOST_SHED


# ---- workers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mine", "others", "moved"),
    [
        (0, [], 0),
        (5000, [], 0),  # alone
        (100, [100, 100], 0),
        (130, [100, 100], 0),
        (170, [100, 100], 2),
        (3000, [0], 30),
        (20, [0, 0], 1),
        (10, [0, 0], 0),
        (0, [3000], 0),
    ],
)
def test_a_cell_with_far_more_workers_than_the_mean_sends_some_away(mine: int, others: list[int], moved: int) -> None:
    assert too_many(mine, others) == moved
