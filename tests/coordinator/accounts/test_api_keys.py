import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.accounts.api_keys import bearer, make_key, well_formed


@given(st.binary(min_size=32, max_size=32))
def test_every_key_is_well_formed_and_every_typing_error_is_seen(random: bytes) -> None:
    key = make_key(random)
    assert well_formed(key)
    assert len(key) == 55
    for place in (6, 20, 48, 49, 54):
        other = "a" if key[place] != "a" else "b"
        assert not well_formed(key[:place] + other + key[place + 1 :])


@pytest.mark.parametrize("garbage", ["", "sk-sn-", "sk-sn-" + "a" * 49, "x" * 56, "sk-sn-é" + "a" * 48, "sk-" * 5000])
def test_garbage_is_no_key(garbage: str) -> None:
    assert not well_formed(garbage)


def test_different_randomness_gives_different_keys() -> None:
    assert len({make_key(secrets.token_bytes(32)) for _ in range(100)}) == 100


def test_the_key_is_taken_from_either_header() -> None:
    assert bearer({"authorization": "Bearer k"}) == "k"
    assert bearer({"authorization": "bearer  k "}) == "k"
    assert bearer({"api-key": "k"}) == "k"
    assert bearer({"x-api-key": "k"}) == "k"
    assert bearer({"authorization": "Bearer a", "x-api-key": "k"}) == "a"
    assert bearer({"authorization": "Basic k"}) is None
    assert bearer({"authorization": "Bearer "}) is None
    assert bearer({}) is None
