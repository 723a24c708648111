"""What the headers of OpenAI's clients say about their patience."""

import httpx
import pytest

from coordinator.admission.client_timeout import patience_s
from wire.errors import ErrorCode, SupernetError


@pytest.mark.parametrize(("said", "meant"), [("600", 600), ("2.5", 2.5), ("0.1", 1), ("0", 1), ("inf", 3600)])
def test_what_the_client_says_is_kept_within_bounds(said: str, meant: float) -> None:
    assert patience_s({"x-stainless-read-timeout": said}) == meant


def test_a_client_that_says_nothing_has_no_deadline() -> None:
    assert patience_s({"x-stainless-lang": "python"}) is None


def test_the_name_that_the_node_client_uses_is_known_too_and_the_shorter_counts() -> None:
    assert patience_s({"x-stainless-timeout": "30"}) == 30
    assert patience_s(httpx.Headers({"X-Stainless-Timeout": "30", "X-Stainless-Read-Timeout": "20"})) == 20


@pytest.mark.parametrize("said", ["", "soon", "-1", "nan", "1e", "600 s"])
def test_what_is_no_time_is_refused_by_name(said: str) -> None:
    with pytest.raises(SupernetError) as caught:
        patience_s({"x-stainless-read-timeout": said})
    assert (caught.value.code, caught.value.param) == (ErrorCode.INVALID_REQUEST, "x-stainless-read-timeout")
