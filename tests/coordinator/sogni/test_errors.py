"""Errors with the tags that the SDKs branch on, beside our own codes."""

import pytest

from coordinator.sogni.errors import job_error, refusal, rest_error
from wire.errors import ErrorCode, SupernetError


@pytest.mark.parametrize(
    ("code", "tag"),
    [
        (ErrorCode.INSUFFICIENT_QUOTA, "insufficient_balance"),
        (ErrorCode.MODEL_NOT_FOUND, "model_unavailable"),
        (ErrorCode.NO_WORKER, "model_unavailable"),
        (ErrorCode.INVALID_REQUEST, "invalid_request"),
        (ErrorCode.CONTEXT_LENGTH_EXCEEDED, "invalid_request"),
        (ErrorCode.SHUTTING_DOWN, "server_restarting"),
        (ErrorCode.RATE_LIMIT_EXCEEDED, "rate_limit_exceeded"),
        (ErrorCode.WORKER_LOST, "worker_lost"),
    ],
)
def test_a_job_fails_with_a_tag_and_our_code(code: ErrorCode, tag: str) -> None:
    told = job_error("J", SupernetError(code, "why", param="p", retry_after_s=2.0))
    assert told == {
        "jobID": "J",
        "error": tag,
        "error_code": code.value,
        "error_message": "why",
        "param": "p",
        "retry_after": 2.0,
    }
    assert set(job_error("J", SupernetError(code, "why"))) == {"jobID", "error", "error_code", "error_message"}


def test_over_http_both_envelopes_say_the_same() -> None:
    told = rest_error(SupernetError(ErrorCode.INSUFFICIENT_QUOTA, "no money"))
    assert (told["status"], told["errorCode"], told["message"]) == ("error", 4024, "no money")
    assert told["error"]["code"] == "insufficient_quota"
    limited = rest_error(SupernetError(ErrorCode.RATE_LIMIT_EXCEEDED, "slowly", retry_after_s=3.0))
    assert (limited["errorCode"], limited["retryAfter"]) == (429, 3.0)
    assert refusal(404, "no", {"error": {"code": "c"}}) == {
        "status": "error",
        "errorCode": 404,
        "message": "no",
        "error": {"code": "c"},
    }
