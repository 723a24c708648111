from dataclasses import replace

import pytest

from coordinator.api.request_rows import COLUMNS, request_json, request_row, request_whole, told
from coordinator.ledger.orders import UsageRow
from coordinator.ledger.pricing import Units
from coordinator.ledger.requests import Asked, Held
from wire.errors import ErrorCode

UNITS = Units(1_000_000_000)
ROW = UsageRow("n.0", "n", 50, "acc", "key", "m", "acc/w", 1, "stop", 10, 5, 3, 1, 300, 900, 60, 4, 20, 40)
HELD = Held("n", 1_000, 1_100, "m", "key", None, "settled", 60, 100, 0, True, None, None)


def test_choices_are_summed_and_times_are_those_of_the_first_and_the_last() -> None:
    second = replace(ROW, job="n.1", attempts=3, queued_ms=9, first_token_ms=10, total_ms=80, finish="length")
    shown = request_json(Asked(replace(HELD, charge=120), (ROW, second)), {"key": "laptop"}, UNITS)
    assert (shown["choices"], shown["attempts"], shown["status"], shown["finish"]) == (2, 3, "finished", "stop")
    assert [shown[name] for name in ("prompt_tokens", "cached_tokens", "completion_tokens", "reasoning_tokens")] == [
        20,
        10,
        6,
        2,
    ]
    assert (shown["queue_ms"], shown["ttft_ms"], shown["total_ms"]) == (9, 10, 80)
    assert (shown["cost"]["nano_usd"], shown["key_name"], shown["x_request_id"]) == (120, "laptop", "req_n")
    row = dict(zip(COLUMNS, request_row(Asked(HELD, (ROW,)), {}, UNITS), strict=True))
    assert (row["time"], row["cost_usd"], row["kind"]) == ("1970-01-01T00:00:01.000Z", "0.00000006", "chat")


def test_rounds_and_calls_are_in_the_sums_and_each_by_itself() -> None:
    drawn = Held("n.1.1", 1_100, 1_500, "p", "key", "generate_image", "settled", 7, 9, 0, False, None, None)
    last = Held("n.2", 1_600, 1_900, "m", "key", None, "settled", 5, 9, 0, True, None, None)
    first = replace(ROW, finish="tool_calls")
    parts = (
        Asked(drawn, (replace(ROW, kind="generate_image", units=2),)),
        Asked(last, (replace(ROW, finish="length"),)),
    )
    whole = request_whole(Asked(HELD, (first,), parts), {}, UNITS)
    assert (whole["cost"]["nano_usd"], whole["total_ms"], whole["finish"], whole["units"]) == (72, 900, "length", 2)
    assert [part["name"] for part in whole["rounds_and_calls"]] == ["1.1", "2"]
    assert whole["data"][0]["worker"] != "acc/w"


@pytest.mark.parametrize(
    "code", [*ErrorCode, "stop", "length", "tool_calls", "cancelled", "coordinator_lost", "odd_one"]
)
def test_every_end_has_words(code: str) -> None:
    words = told(Asked(HELD, (replace(ROW, finish=code),)))
    assert words.endswith(".") and "_" not in words


def test_one_that_runs_or_that_nobody_had_says_so() -> None:
    running = Asked(replace(HELD, state="held", ended_ms=None), ())
    assert (running.status, told(running)) == ("running", "It runs, or waits in the queue.")
    assert request_json(running, {}, UNITS)["total_ms"] is None
    refused = Asked(replace(HELD, state="void", charge=0, failure="no_worker"), ())
    assert (refused.status, told(refused)) == ("failed", "No worker served the model.")
    left = Asked(replace(HELD, state="void", charge=0), ())
    assert (left.status, told(left)) == ("cancelled", "It ended before a worker had it; it was not billed.")
    failed = Asked(HELD, (ROW, replace(ROW, finish="engine_error")))
    assert (failed.status, request_json(failed, {}, UNITS)["finish"]) == ("failed", "engine_error")
