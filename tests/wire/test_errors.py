"""The error table: complete, in HTTP's and OpenAI's terms, and honest about whose fault it is."""

import pytest

from wire import errors
from wire.errors import ERRORS, FATAL_CLOSE_CODES, ErrorCode, SupernetError

OPENAI_TYPES = {
    "invalid_request_error",
    "authentication_error",
    "permission_error",
    "insufficient_quota",
    "rate_limit_error",
    "server_error",
}
CLOSE_CODES = {name: value for name, value in vars(errors).items() if name.startswith("CLOSE_")}


@pytest.mark.parametrize("code", ErrorCode)
def test_every_code_has_a_row_that_http_and_openai_clients_understand(code: ErrorCode) -> None:
    row = ERRORS[code]
    assert 400 <= row.status < 600
    assert row.openai_type in OPENAI_TYPES


@pytest.mark.parametrize("code", ErrorCode)
def test_only_a_fault_of_a_worker_is_retried_on_another(code: ErrorCode) -> None:
    at_fault = code.value.startswith(("worker_", "engine_", "model_not_loaded"))
    assert ERRORS[code].retryable == at_fault


@pytest.mark.parametrize("code", ErrorCode)
def test_the_type_agrees_with_the_status(code: ErrorCode) -> None:
    row = ERRORS[code]
    assert (row.status >= 500) == (row.openai_type == "server_error")
    assert (row.status == 429) == (row.openai_type == "rate_limit_error")


def test_an_error_carries_its_row_and_what_the_caller_needs() -> None:
    error = SupernetError(ErrorCode.RATE_LIMIT_EXCEEDED, "slow down", param="model", retry_after_s=2.5)
    assert (error.code, error.message, error.param, error.retry_after_s) == (
        ErrorCode.RATE_LIMIT_EXCEEDED,
        "slow down",
        "model",
        2.5,
    )
    assert str(error) == "slow down"
    assert error.row.status == 429


def test_close_codes_are_distinct_and_those_of_our_own_are_in_the_private_range() -> None:
    assert len(set(CLOSE_CODES.values())) == len(CLOSE_CODES)
    assert all(1000 <= code <= 1015 or 4000 <= code <= 4999 for code in CLOSE_CODES.values())


def test_a_wrong_key_or_version_is_fatal_and_everything_else_is_worth_a_redial() -> None:
    assert {errors.CLOSE_UNAUTHORIZED, errors.CLOSE_VERSION} == FATAL_CLOSE_CODES
