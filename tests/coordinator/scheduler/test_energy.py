from coordinator.scheduler.energy import GAP_S, MOST_W, Drawn, Meter
from wire.offers import Power


def read(*said: tuple[float, float, float]) -> Drawn:
    """(joules, seconds, now) each."""
    meter = Meter()
    for joules, seconds, now in said:
        meter.read(Power(joules=joules, seconds=seconds), now)
    return meter.drawn


def test_what_a_counter_grows_by_is_added_up() -> None:
    assert read((500, 50, 0), (1500, 55, 5), (2500, 60, 10)) == Drawn(2000, 10)


def test_the_first_word_is_where_it_begins() -> None:
    assert read((1e9, 1e6, 0)) == Drawn()


def test_a_process_that_began_anew_is_where_it_begins_again() -> None:
    assert read((500, 50, 0), (100, 5, 5), (200, 10, 10)) == Drawn(100, 5)


def test_a_silence_is_not_guessed_at() -> None:
    assert read((0, 0, 0), (1000, 10, GAP_S + 1), (1500, 15, GAP_S + 6)) == Drawn(500, 5)


def test_a_liar_draws_no_more_than_a_machine_can() -> None:
    assert read((0, 0, 0), (1e15, 1e9, 5)) == Drawn(MOST_W * 5, 5)
    meter = Meter()
    for now in range(100):
        meter.read(None, now)
    assert meter.drawn == Drawn()
