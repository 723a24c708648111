"""How many guesses go into a step."""

from itertools import product

import pytest

from worker.engine.child.drafts.lengths import GoingBack, Prospect, even_lengths, lengths


def worth(prospects: list[Prospect], chosen: tuple[int, ...]) -> float:
    return sum(sum(one.rate**i for i in range(count + 1)) for one, count in zip(prospects, chosen, strict=True))


def steep(rows: int) -> float:
    return 1.0 + 0.4 * rows


def flat(rows: int) -> float:
    return 10.0 + 0.1 * rows


PROSPECTS = [Prospect(3, 0.9), Prospect(4, 0.6), Prospect(0, 0.9), Prospect(2, 0.95)]


@pytest.mark.parametrize("cost", [steep, flat])
@pytest.mark.parametrize("room", [2, 5, 20])
def test_no_other_choice_yields_more_tokens_a_second(cost, room: int) -> None:  # type: ignore[no-untyped-def]
    chosen = lengths(PROSPECTS, room, cost)
    best = max(
        worth(PROSPECTS, other) / cost(4 + sum(other))
        for other in product(*(range(one.guesses + 1) for one in PROSPECTS))
        if sum(other) <= room
    )
    assert sum(chosen) <= room
    assert worth(PROSPECTS, tuple(chosen)) / cost(4 + sum(chosen)) == pytest.approx(best)


@pytest.mark.parametrize("cost", [steep, flat])
@pytest.mark.parametrize("room", [2, 5, 20])
def test_of_equal_lengths_too(cost, room: int) -> None:  # type: ignore[no-untyped-def]
    def seconds(chosen: tuple[int, ...]) -> float:
        guessing = [count for count in chosen if count]
        rest = len(chosen) - len(guessing)
        return float((cost(rest) if rest else 0) + (cost(len(guessing) + sum(guessing)) if guessing else 0))

    chosen = even_lengths(PROSPECTS, room, cost)
    best = max(
        worth(PROSPECTS, other) / seconds(other)
        for other in product(*(range(one.guesses + 1) for one in PROSPECTS))
        if sum(other) <= room and len({count for count in other if count}) <= 1
    )
    assert sum(chosen) <= room and len({count for count in chosen if count}) <= 1
    assert worth(PROSPECTS, tuple(chosen)) / seconds(tuple(chosen)) == pytest.approx(best)


def test_where_rows_cost_more_than_they_yield_nothing_is_guessed() -> None:
    dear = [Prospect(8, 0.5)] * 2
    assert lengths(dear, 16, float) == even_lengths(dear, 16, float) == [0, 0]


@pytest.mark.parametrize("saved_s", [0.0, 5.0, 99.0])
@pytest.mark.parametrize("rate", [0.95, 0.99])
def test_more_than_a_state_goes_back_is_guessed_where_saving_it_pays(saved_s: float, rate: float) -> None:
    """What is chosen is worth most, by the outcomes of one step, reckoned one by one."""
    back, copies = GoingBack(3, saved_s), [Prospect(24, rate)]

    def speed(count: int) -> float:
        tokens, seconds = 0.0, flat(1 + count) + (saved_s if count > 3 else 0.0)
        for right in range(count + 1):
            chance = rate**right * (1 - rate if right < count else 1)
            tokens += chance * (right + 1)
            if count - right > 3:
                tokens += chance
                seconds += chance * flat(right + 2)
        return tokens / seconds

    chosen = even_lengths(copies, 24, flat, going_back=back)[0]
    tried = (1, 2, 3, 4, 6, 8, 12, 16, 24)
    assert speed(chosen) > 0.97 * max(map(speed, (0, *tried)))
    assert (chosen > 3) == (saved_s < 99), "what is saved and never needed costs as much"


def test_no_step_is_longer_than_it_may_be() -> None:
    copies = [Prospect(24, 0.999)] * 2
    assert even_lengths(copies, 48, flat) == [24, 24]
    assert even_lengths(copies, 48, flat, most_s=flat(2 + 2 * 8)) == [8, 8]
    assert even_lengths(copies, 48, flat, going_back=GoingBack(3, 1.0), most_s=flat(2 + 2 * 8) + 2.3) == [8, 8]
    assert even_lengths(copies, 48, flat, going_back=GoingBack(3, 1.0), most_s=flat(2 + 2 * 8)) == [3, 3]
    assert even_lengths(copies, 48, flat, most_s=1.0) == [0, 0]


def test_guesses_of_a_head_are_worth_what_they_cost_it() -> None:
    text, foreseen = [Prospect(3, 0.8)] * 2, [Prospect(3, 0.8, foreseen=True)] * 2
    assert even_lengths(text, 16, flat, lambda guesses: 99.0) == [3, 3]
    assert even_lengths(foreseen, 16, flat, lambda guesses: 0.1 * guesses) == [3, 3]
    assert even_lengths(foreseen, 16, flat, lambda guesses: 4.0 * guesses**2) == [1, 1]
    assert even_lengths(foreseen, 16, flat, lambda guesses: 99.0) == [0, 0]
