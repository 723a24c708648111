"""A worker's lines in the log are bounded, and what was left out is told once."""

from coordinator.hub.log_bounds import ACCOUNT_LINES, WORKER_LINES, WORKER_LINES_PER_S, LogBounds


def test_a_flood_writes_a_bounded_number_of_lines_and_is_told_once_when_it_is_over() -> None:
    bounds = LogBounds()
    written = sum(bounds.allows("a/liar", second / 100) for second in range(60_000))  # ten minutes
    assert written <= WORKER_LINES + 600 * WORKER_LINES_PER_S
    assert bounds.left_out(600.0) == {}  # not while it goes on
    assert bounds.left_out(700.0) == {"a/liar": 60_000 - written}
    assert bounds.left_out(700.0) == {}


def test_one_workers_flood_takes_no_line_from_another() -> None:
    bounds = LogBounds()
    for _ in range(1000):
        bounds.allows("a/liar", 0.0)
    assert bounds.allows("a/honest", 0.0) and bounds.allows("b/honest", 0.0)


def test_new_names_of_workers_bring_no_more_lines_than_their_account_has() -> None:
    bounds = LogBounds()
    assert sum(bounds.allows(f"a/w{n}", 0.0) for n in range(5000)) == ACCOUNT_LINES
    assert bounds.allows("b/honest", 0.0)
    assert bounds.left_out(1000.0) == {"a": 5000 - ACCOUNT_LINES}


def test_a_line_about_an_account_alone_counts_once() -> None:
    bounds = LogBounds()
    assert sum(bounds.allows("a", 0.0) for _ in range(5000)) == ACCOUNT_LINES


def test_quiet_workers_are_forgotten() -> None:
    bounds = LogBounds()
    for n in range(100):
        bounds.allows(f"a{n}/w", 0.0)
    bounds.left_out(1000.0)
    assert not bounds._counts
