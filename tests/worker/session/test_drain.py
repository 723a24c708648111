from worker.session.drain import HAND_BACK_S, Drain


def test_a_worker_that_stays_has_no_deadline() -> None:
    drain = Drain()
    assert not drain.begun and not drain.hands_back(1e9) and not drain.ends(idle=True, now=1e9)


def test_it_ends_once_when_nothing_is_left_to_do() -> None:
    drain = Drain()
    drain.begin(60, now=100)
    assert drain.begun and drain.left_s(110) == 50
    assert not drain.ends(idle=False, now=101)
    assert drain.ends(idle=True, now=102)
    assert not drain.ends(idle=True, now=103)


def test_what_still_runs_goes_back_before_the_deadline() -> None:
    drain = Drain()
    drain.begin(60, now=0)
    assert not drain.hands_back(60 - HAND_BACK_S - 1)
    assert drain.hands_back(60 - HAND_BACK_S)
    assert not drain.ends(idle=False, now=59)
    assert drain.ends(idle=False, now=60) and drain.left_s(61) == 0


def test_of_two_deadlines_the_earlier_one_holds() -> None:
    drain = Drain()
    drain.begin(60, now=0)
    drain.begin(10, now=5)
    assert drain.until == 15
    drain.begin(60, now=6)
    assert drain.until == 15
