import pytest

from coordinator.accounts.quota import Quota
from coordinator.admission.rate_limits import SWEEP, Chain, RateLimited, Rates, duration
from wire.errors import ErrorCode

QUOTA = Quota(rpm=60, tpm=6000, concurrency=2)


def chain(key: str, quota: Quota = QUOTA) -> Chain:
    """Of a key that the operator made."""
    return ((key, quota),)


def refused(rates: Rates, now: float, quota: Quota = QUOTA) -> RateLimited:
    with pytest.raises(RateLimited) as caught:
        rates.request(chain("k", quota), now)
    return caught.value


def test_a_minutes_worth_of_requests_may_come_at_once_and_then_one_a_second() -> None:
    rates = Rates()
    for _ in range(60):
        rates.request(chain("k", QUOTA), 100.0)
    error = refused(rates, 100.25)
    assert error.code is ErrorCode.RATE_LIMIT_EXCEEDED
    assert error.retry_after_s == pytest.approx(0.75)
    assert "60 requests a minute" in error.message
    assert error.headers["x-ratelimit-limit-requests"] == "60"
    assert error.headers["x-ratelimit-remaining-requests"] == "0"
    assert error.headers["x-ratelimit-reset-requests"] == "59.75s"
    rates.request(chain("k", QUOTA), 101.0)
    refused(rates, 101.0)
    rates.request(chain("another", QUOTA), 101.0)


def test_waiting_saves_up_no_more_than_a_minute() -> None:
    rates = Rates()
    rates.request(chain("k", QUOTA), 0.0)
    for _ in range(60):
        rates.request(chain("k", QUOTA), 9999.0)
    refused(rates, 9999.0)


def test_tokens_that_were_used_are_waited_for_afterwards() -> None:
    rates = Rates()
    rates.start(chain("k", QUOTA), 1000, 0.0)
    rates.spend(chain("k"), 9000)  # a long answer
    rates.end(chain("k"))
    with pytest.raises(RateLimited, match="6000 tokens a minute") as caught:
        rates.start(chain("k", QUOTA), 500, 0.0)
    assert caught.value.retry_after_s == pytest.approx(45.0)
    assert caught.value.headers["x-ratelimit-remaining-tokens"] == "0"
    assert caught.value.headers["x-ratelimit-reset-tokens"] == "1m40s"
    rates.start(chain("k", QUOTA), 500, 45.0)


def test_an_estimate_that_was_too_high_is_given_back() -> None:
    rates = Rates()
    rates.start(chain("k", QUOTA), 6000, 0.0)
    rates.spend(chain("k"), -5000)
    assert rates.headers(chain("k", QUOTA), 0.0)["x-ratelimit-remaining-tokens"] == "5000"


def test_a_prompt_longer_than_a_minutes_worth_needs_all_of_it() -> None:
    rates = Rates()
    rates.start(chain("k", QUOTA), 60_000, 0.0)
    with pytest.raises(RateLimited) as caught:
        rates.start(chain("k", QUOTA), 60_000, 60.0)
    assert caught.value.retry_after_s == pytest.approx(540.0)


def test_no_more_at_a_time_than_the_key_may_have() -> None:
    rates = Rates()
    rates.start(chain("k", QUOTA), 1, 0.0)
    rates.start(chain("k", QUOTA), 1, 0.0)
    with pytest.raises(RateLimited, match="2 requests at a time"):
        rates.start(chain("k", QUOTA), 1, 0.0)
    rates.end(chain("k"))
    rates.start(chain("k", QUOTA), 1, 0.0)


def test_zero_is_no_limit_and_no_header() -> None:
    rates, free = Rates(), Quota(0, 0, 0)
    for _ in range(1000):
        rates.request(chain("k", free), 0.0)
        rates.start(chain("k", free), 10**6, 0.0)
    assert rates.headers(chain("k", free), 0.0) == {}


def test_a_limit_that_is_changed_counts_at_once() -> None:
    rates = Rates()
    rates.request(chain("k", QUOTA), 0.0)
    rates.request(chain("k", Quota(rpm=1)), 0.0)
    refused(rates, 0.0, Quota(rpm=1))


def test_keys_that_are_idle_are_forgotten() -> None:
    rates = Rates()
    rates.start(chain("busy", QUOTA), 1, 0.0)
    for i in range(5 * SWEEP):
        rates.request(chain(f"k{i}", QUOTA), float(i))
    assert len(rates) <= SWEEP
    rates.end(chain("busy"))


@pytest.mark.parametrize(("seconds", "text"), [(0, "0ms"), (0.02, "20ms"), (1, "1s"), (1.5, "1.5s"), (360, "6m0s")])
def test_durations_read_as_openais_do(seconds: float, text: str) -> None:
    assert duration(seconds) == text


CHILD: Chain = (("c", Quota(rpm=60, tpm=6000, concurrency=2)), ("k", Quota(rpm=2, tpm=100, concurrency=1)))


def test_a_refused_request_of_a_chain_is_counted_on_none_of_its_keys() -> None:
    rates = Rates()
    for _ in range(2):
        rates.request(CHILD, 0.0)
    for _ in range(70):
        with pytest.raises(RateLimited, match="together with the keys of its chain reached: 2 requests a minute"):
            rates.request(CHILD, 0.0)
    headers = rates.headers(chain("c"), 0.0)
    assert headers["x-ratelimit-remaining-requests"] == "58"


def test_the_headers_of_a_chain_are_those_of_the_key_with_the_least_left() -> None:
    rates = Rates()
    rates.request(CHILD, 0.0)
    headers = rates.headers(CHILD, 0.0)
    assert (headers["x-ratelimit-limit-requests"], headers["x-ratelimit-remaining-requests"]) == ("2", "1")
    assert headers["x-ratelimit-limit-tokens"] == "100"


def test_places_and_tokens_of_a_chain_are_taken_and_given_back_on_all_its_keys() -> None:
    rates, parent = Rates(), CHILD[1:]
    rates.start(CHILD, 90, 0.0)
    with pytest.raises(RateLimited, match="1 requests at a time"):
        rates.start(parent, 1, 0.0)
    rates.end(CHILD)
    with pytest.raises(RateLimited, match="100 tokens a minute"):
        rates.start(parent, 20, 0.0)
    rates.spend(CHILD, -90)
    rates.start(parent, 20, 0.0)


# ---- several replicas ------------------------------------------------------------------------------------------------


def tell(told: dict[str, Rates], now: float) -> None:
    """Each replica tells the others what keys used."""
    for name, rates in told.items():
        for use in rates.take_use():
            for other in told:
                if other != name:
                    told[other].used_elsewhere(name, use, now)


def admitted(rates: Rates, now: float, most: int = 1000) -> int:
    """How many requests of the key get through at once."""
    for number in range(most):
        try:
            rates.request(chain("k"), now)
        except RateLimited:
            return number
    return most


def test_what_a_key_uses_at_one_replica_it_has_used_at_all() -> None:
    here, there = Rates(), Rates()
    assert admitted(here, 0.0, 40) == 40
    tell({"here": here, "there": there}, 0.0)
    assert admitted(there, 0.0) == 20, "though the key was never seen there"
    tell({"here": here, "there": there}, 0.0)
    assert admitted(here, 0.0) == 0


def test_a_key_that_floods_three_replicas_gets_three_buckets_once_and_then_no_more_than_its_limit() -> None:
    replicas = {name: Rates() for name in "abc"}
    counts = []
    for quarter in range(4 * 600):
        now = quarter / 4
        counts.append(sum(admitted(rates, now) for rates in replicas.values()))
        tell(replicas, now)
    assert counts[0] == 180
    alone = 60 + 600  # what one process admits in ten minutes: a minute's worth at once, and 60 a minute
    assert sum(counts) <= alone + 2  # of each of the three the last one, before they have heard of each other's
    for second in range(120, 540, 60):
        assert sum(counts[4 * second : 4 * (second + 60)]) <= 62


def test_tokens_of_long_answers_are_waited_for_at_every_replica() -> None:
    here, there = Rates(), Rates()
    here.start(chain("k"), 1000, 0.0)
    here.spend(chain("k"), 9000)
    here.end(chain("k"))
    tell({"here": here, "there": there}, 0.0)
    with pytest.raises(RateLimited, match="6000 tokens a minute") as caught:
        there.start(chain("k"), 500, 0.0)
    assert caught.value.retry_after_s == pytest.approx(45.0)


def test_requests_at_a_time_are_those_here_and_at_the_other_replicas() -> None:
    here, there = Rates(), Rates()
    here.start(chain("k"), 1, 0.0)
    there.start(chain("k"), 1, 0.0)
    tell({"here": here, "there": there}, 0.0)
    with pytest.raises(RateLimited, match="2 requests at a time"):
        there.start(chain("k"), 1, 0.0)
    here.end(chain("k"))
    tell({"here": here, "there": there}, 0.0)
    there.start(chain("k"), 1, 0.0)


def test_a_replica_that_is_gone_runs_nothing() -> None:
    here, there = Rates(), Rates()
    for _ in range(2):
        here.start(chain("k"), 1, 0.0)
    tell({"here": here, "there": there}, 0.0)
    there.forget_running("here")
    there.start(chain("k"), 1, 0.0)


def test_a_replica_that_joins_hears_how_far_each_key_is_from_its_limits() -> None:
    here, joiner = Rates(), Rates()
    admitted(here, 0.0, 50)
    here.start(chain("k"), 2000, 0.0)
    for use in here.standing(10.0):
        joiner.stands_elsewhere("here", use, 10.0)
    assert joiner.headers(chain("k"), 10.0)["x-ratelimit-remaining-requests"] == "20"
    assert joiner.headers(chain("k"), 10.0)["x-ratelimit-remaining-tokens"] == "5000"


def test_what_nobody_asks_for_is_kept_of_known_keys_alone() -> None:
    rates = Rates()
    for number in range(3 * SWEEP):
        rates.request(chain(f"k{number}"), number * 60.0)
    assert len(rates.take_use()) <= SWEEP + 1
