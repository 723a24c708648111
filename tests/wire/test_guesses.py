import pytest
from pydantic import ValidationError

from wire.chat import Timings
from wire.guesses import Guesses
from wire.offers import ModelState


def test_a_worker_that_says_nothing_of_guesses_has_made_none() -> None:
    assert Timings.model_validate({"decode_ms": 1}).guesses == ()
    state = ModelState.model_validate({"id": "m", "status": "ready", "slots": 1, "free": 1})
    assert (state.guesses, state.tokens_per_step) == ((), 0)


def test_no_count_and_no_list_is_without_a_bound() -> None:
    one = Guesses(source="lookup").model_dump()
    for wrong in ([one] * 9, [{**one, "drafted": 2**53}], [{**one, "accepted": -1}], [{**one, "source": ""}]):
        with pytest.raises(ValidationError):
            Timings.model_validate({"guesses": wrong})
