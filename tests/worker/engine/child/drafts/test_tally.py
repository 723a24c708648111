from worker.engine.child.drafts.tally import Tally
from worker.engine.port import Guessed


def test_guesses_are_added_up_by_source() -> None:
    tally = Tally()
    assert not tally.guesses
    tally.add("lookup", 4, 2)
    tally.add("mtp", 1, 1)
    tally.add("lookup", 3, 3)
    assert tally.guesses == (Guessed("lookup", 7, 5), Guessed("mtp", 1, 1))
