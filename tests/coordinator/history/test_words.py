from coordinator.history.figures import bucket
from coordinator.history.uptime import Uptime
from coordinator.history.words import demand, figures, of_worker, state, uptime_json


def test_of_nothing_all_is_nought_and_no_time_is_known() -> None:
    told = figures({})
    assert told["requests"] == told["prompt_tokens"] == 0
    assert told["ttft_ms"] == {"count": 0, "p50": None, "p95": None}
    assert told["tokens_per_second"] == {"count": 0, "p5": None, "p50": None, "p95": None}
    assert state({}, 0) == {**dict.fromkeys(("workers", "ready", "slots", "busy", "waiting")), "waiting_most": 0}
    assert of_worker({})["online_minutes"] == 0


def test_percentiles_are_told_with_how_many_they_are_of() -> None:
    told = figures({bucket("ttft", 350): 9, bucket("ttft", 9000): 1})
    assert told["ttft_ms"]["count"] == 10
    assert 250 < told["ttft_ms"]["p50"] <= 400 and 7000 < told["ttft_ms"]["p95"] <= 10_000


def test_a_mean_is_of_the_minutes_that_were_measured() -> None:
    assert state({"workers": 90, "slots": 45, "waiting_most": 4}, 60)["workers"] == 1.5


def test_a_share_has_five_places() -> None:
    assert uptime_json(Uptime(3, 3, 2)) == {"minutes": 3, "measured": 3, "up": 2, "share": 0.66667}
    assert uptime_json(Uptime(0, 0, 0))["share"] is None


def test_demand_is_of_now_a_day_and_a_week() -> None:
    week = {"requests": 9, "prompt": 5, "completion": 6, "no_worker": 3, "turned_away": 2}
    told = demand(4, {"requests": 1}, week)
    assert told["waiting"] == 4
    assert (told["requests_24h"], told["requests_7d"], told["tokens_7d"]) == (1, 9, 11)
    assert (told["no_worker_24h"], told["no_worker_7d"], told["turned_away_7d"]) == (0, 3, 2)
