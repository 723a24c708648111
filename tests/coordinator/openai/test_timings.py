from coordinator.openai.timings import timings_json
from wire.chat import Timings, Usage
from wire.guesses import Guesses

USAGE = Usage(prompt=100, cached=60, completion=50)
GUESSES = Guesses(source="lookup", drafted=40, accepted=30), Guesses(source="mtp", drafted=10, accepted=5)
TIMINGS = Timings(prefill_ms=80, decode_ms=500, completion=50, steps=15, guesses=GUESSES)


def test_the_names_are_those_of_llama_server() -> None:
    assert timings_json([(USAGE, TIMINGS)]) == {
        "cache_n": 60,
        "prompt_n": 40,
        "prompt_ms": 80,
        "prompt_per_token_ms": 2,
        "prompt_per_second": 500,
        "predicted_n": 50,
        "predicted_ms": 500,
        "predicted_per_token_ms": 10,
        "predicted_per_second": 100,
        "draft_n": 50,
        "draft_n_accepted": 35,
    }


def test_what_is_not_known_is_left_out() -> None:
    assert timings_json([(USAGE, Timings())]) == {}
    assert timings_json([]) == {}
    found = timings_json([(USAGE, Timings(decode_ms=500))])  # of a worker that says no tokens and no guesses
    assert found["predicted_n"] == 50 and "draft_n" not in found and "prompt_per_second" not in found


def test_a_time_too_short_to_be_one_gives_no_speed() -> None:
    assert timings_json([(USAGE, Timings(prefill_ms=1e-310, decode_ms=1e-310))]) == {}
    found = timings_json([(USAGE, Timings(prefill_ms=80, decode_ms=1e-310))])
    assert found["prompt_per_second"] == 500 and "predicted_per_second" not in found


def test_the_speed_is_that_of_the_tokens_that_the_last_worker_made() -> None:
    found = timings_json([(USAGE, TIMINGS.model_copy(update={"completion": 20}))])
    assert (found["predicted_n"], found["predicted_per_second"]) == (20, 40)


def test_more_than_was_delivered_is_no_workers_to_claim() -> None:
    lie = Timings(decode_ms=1, completion=10**6, guesses=(Guesses(source="x", drafted=10, accepted=10**6),))
    found = timings_json([(USAGE, lie)])
    assert (found["predicted_n"], found["draft_n"], found["draft_n_accepted"]) == (50, 10, 10)


def test_choices_are_added_up() -> None:
    found = timings_json([(USAGE, TIMINGS), (USAGE, TIMINGS)])
    assert (found["predicted_n"], found["predicted_ms"], found["predicted_per_second"]) == (100, 1000, 100)
    assert (found["draft_n"], found["draft_n_accepted"], found["cache_n"]) == (100, 70, 120)
