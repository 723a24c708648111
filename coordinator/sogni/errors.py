"""Errors as the SDKs read them: a tag that they know beside our own code, on the socket and below their own paths."""

from collections.abc import Mapping

from coordinator.openai.chat_response import error_body
from coordinator.openai.json_body import Json
from wire.errors import ErrorCode, SupernetError

# Their close codes. With any of 4000 to 4999 an SDK forgets its key and does not come back, but for 4015.
CLOSE_ELSEWHERE = 4015
CLOSE_UNAUTHORIZED = 4021

CANCELLED = "artistCanceled"
LOST = "transport_lost"
NOT_OFFERED = "not_offered"

# What their code branches on. A tag that is not here is our own code.
_TAGS: Mapping[ErrorCode, str] = {
    ErrorCode.INSUFFICIENT_QUOTA: "insufficient_balance",
    ErrorCode.MODEL_NOT_FOUND: "model_unavailable",
    ErrorCode.NO_WORKER: "model_unavailable",
    ErrorCode.CONTEXT_LENGTH_EXCEEDED: "invalid_request",
    ErrorCode.REQUEST_TOO_LARGE: "invalid_request",
    ErrorCode.POISON_REQUEST: "invalid_request",
    ErrorCode.SHUTTING_DOWN: "server_restarting",
}
_NUMBERS: Mapping[ErrorCode, int] = {ErrorCode.INSUFFICIENT_QUOTA: 4024}


def job_error(job_id: str, error: SupernetError) -> Json:
    """`llmJobError`. `error` is the tag, `error_code` our own code; `param` and `retry_after` stay in the payload that
    an SDK hands on."""
    told: Json = {**ended(job_id, _TAGS.get(error.code, error.code.value), error.message)}
    told["error_code"] = error.code.value
    if error.param is not None:
        told["param"] = error.param
    if error.retry_after_s is not None:
        told["retry_after"] = error.retry_after_s
    return told


def ended(job_id: str, tag: str, message: str) -> Json:
    """`llmJobError` of a job that ended for a reason of the socket's own."""
    return {"jobID": job_id, "error": tag, "error_message": message}


def rest_error(error: SupernetError) -> Json:
    """The body of an error below the SDKs' own paths: their envelope, with ours beside it."""
    number = _NUMBERS.get(error.code, error.row.status)
    told: Json = {"status": "error", "errorCode": number, "message": error.message, **error_body(error)}
    if error.retry_after_s is not None:
        told["retryAfter"] = error.retry_after_s
    return told


def refusal(status: int, message: str, envelope: Json) -> Json:
    """The body for a path of theirs that is not served; `envelope` is ours."""
    return {"status": "error", "errorCode": status, "message": message, **envelope}
