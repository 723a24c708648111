from wire.guesses import Guesses
from worker.engine.port import Guessed
from worker.session.guesses import guesses


def test_each_source_is_told_with_its_counts() -> None:
    assert guesses(()) == ()
    found = guesses((Guessed("lookup", 4, 3), Guessed("mtp", 2, 0)))
    assert found == (
        Guesses(source="lookup", drafted=4, accepted=3),
        Guesses(source="mtp", drafted=2, accepted=0),
    )
