"""How long clients wait, which conversation they continue, which trace they are in, by their headers."""

import httpx
import pytest

from coordinator.api.client_headers import client_timeout_s, idempotency_key, session_name, traceparent
from wire.errors import ErrorCode, SupernetError


def test_a_header_that_says_of_itself_that_it_is_not_given_is_none() -> None:
    assert client_timeout_s({"x-stainless-timeout": "NOT_GIVEN"}) is None
    assert client_timeout_s({"x-stainless-timeout": "NOT_GIVEN", "x-stainless-read-timeout": "60"}) == 60


@pytest.mark.parametrize(("said", "meant"), [("600", 600), ("2.5", 2.5), ("0.1", 1), ("0", 1), ("inf", 3600)])
def test_what_the_client_says_is_kept_within_bounds(said: str, meant: float) -> None:
    assert client_timeout_s({"x-stainless-read-timeout": said}) == meant


def test_a_client_that_says_nothing_has_no_deadline() -> None:
    assert client_timeout_s({"x-stainless-lang": "python"}) is None


def test_the_name_that_the_node_client_uses_is_known_too_and_the_shorter_counts() -> None:
    assert client_timeout_s({"x-stainless-timeout": "30"}) == 30
    assert client_timeout_s(httpx.Headers({"X-Stainless-Timeout": "30", "X-Stainless-Read-Timeout": "20"})) == 20


@pytest.mark.parametrize("said", ["", "soon", "-1", "nan", "1e", "600 s"])
def test_what_is_no_time_is_refused_by_name(said: str) -> None:
    with pytest.raises(SupernetError) as caught:
        client_timeout_s({"x-stainless-read-timeout": said})
    assert (caught.value.code, caught.value.param) == (ErrorCode.INVALID_REQUEST, "x-stainless-read-timeout")


def test_agents_name_the_conversation_in_one_of_several_headers() -> None:
    assert session_name({"x-session-affinity": "a", "x-session-id": "b"}) == "a"
    assert session_name({"x-session-id": "b"}) == "b"
    assert session_name({"x-session-affinity": "", "x-claude-code-session-id": "c"}) == "c"
    assert session_name({}) == ""
    assert len(session_name({"x-session-id": "b" * 9999})) == 256


TRACE = f"00-{'a' * 32}-{'b' * 16}-01"


@pytest.mark.parametrize("given", ["", "00-x", TRACE + "-00", TRACE.upper(), "01" + TRACE[2:], TRACE + "\n"])
def test_a_traceparent_that_is_none_is_left_out(given: str) -> None:
    assert traceparent({"traceparent": given}) is None


def test_a_good_traceparent_is_passed_on() -> None:
    assert traceparent({"traceparent": TRACE}) == TRACE and traceparent({}) is None


def test_an_idempotency_key_has_1_to_255_characters() -> None:
    assert idempotency_key({}) is None
    assert idempotency_key({"idempotency-key": "x" * 255}) == "x" * 255
    for wrong in ("", "x" * 256):
        with pytest.raises(SupernetError):
            idempotency_key({"idempotency-key": wrong})
