"""One table for every error that crosses a boundary: our code -> HTTP status, OpenAI type, retryable or not."""

from dataclasses import dataclass
from enum import StrEnum


class ErrorCode(StrEnum):
    """Why something was refused or failed. The value is what travels on the wire and in OpenAI's `error.code`."""

    # the client's own fault: never retried elsewhere, never counted against a worker
    INVALID_REQUEST = "invalid_request"
    INVALID_API_KEY = "invalid_api_key"
    PERMISSION_DENIED = "permission_denied"
    MODEL_NOT_FOUND = "model_not_found"
    UNKNOWN_WORKER = "unknown_worker"
    NOT_FOUND = "not_found"
    REQUEST_TOO_LARGE = "request_too_large"
    CONTEXT_LENGTH_EXCEEDED = "context_length_exceeded"
    INSUFFICIENT_QUOTA = "insufficient_quota"
    RATE_LIMIT_EXCEEDED = "rate_limit_exceeded"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    POISON_REQUEST = "poison_request"
    CONTENT_FILTER = "content_filter"
    MEDIA_QUOTA = "media_quota_exceeded"
    INVALID_MEDIA = "invalid_media"
    EXPIRED = "expired"
    # the network's fault
    QUEUE_FULL = "queue_full"
    QUEUE_TIMEOUT = "queue_timeout"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    NO_WORKER = "no_worker"
    OVERLOADED = "overloaded"
    SHUTTING_DOWN = "shutting_down"
    # one worker's fault: another worker may do it
    WORKER_LOST = "worker_lost"
    WORKER_BUSY = "worker_busy"
    WORKER_STALLED = "worker_stalled"
    WORKER_DRAINING = "worker_draining"
    MODEL_NOT_LOADED = "model_not_loaded"
    ENGINE_CRASHED = "engine_crashed"
    ENGINE_ERROR = "engine_error"
    # the link's fault
    PROTOCOL_ERROR = "protocol_error"
    FRAME_TOO_LARGE = "frame_too_large"
    VERSION_MISMATCH = "version_mismatch"
    DUPLICATE_WORKER = "duplicate_worker"
    INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True)
class ErrorRow:
    """How one code looks outside: HTTP status, OpenAI `error.type`, and whether another worker may try the job."""

    status: int
    openai_type: str
    retryable: bool


_CLIENT = "invalid_request_error"
_SERVER = "server_error"

ERRORS: dict[ErrorCode, ErrorRow] = {
    ErrorCode.INVALID_REQUEST: ErrorRow(400, _CLIENT, False),
    ErrorCode.INVALID_API_KEY: ErrorRow(401, "authentication_error", False),
    ErrorCode.PERMISSION_DENIED: ErrorRow(403, "permission_error", False),
    ErrorCode.MODEL_NOT_FOUND: ErrorRow(404, _CLIENT, False),
    ErrorCode.UNKNOWN_WORKER: ErrorRow(404, _CLIENT, False),
    ErrorCode.NOT_FOUND: ErrorRow(404, _CLIENT, False),
    ErrorCode.REQUEST_TOO_LARGE: ErrorRow(413, _CLIENT, False),
    ErrorCode.CONTEXT_LENGTH_EXCEEDED: ErrorRow(400, _CLIENT, False),
    ErrorCode.INSUFFICIENT_QUOTA: ErrorRow(402, "insufficient_quota", False),
    ErrorCode.RATE_LIMIT_EXCEEDED: ErrorRow(429, "rate_limit_error", False),
    ErrorCode.IDEMPOTENCY_CONFLICT: ErrorRow(409, _CLIENT, False),
    ErrorCode.POISON_REQUEST: ErrorRow(422, _CLIENT, False),
    ErrorCode.CONTENT_FILTER: ErrorRow(400, _CLIENT, False),
    ErrorCode.MEDIA_QUOTA: ErrorRow(403, "insufficient_quota", False),
    ErrorCode.INVALID_MEDIA: ErrorRow(422, _CLIENT, False),
    ErrorCode.EXPIRED: ErrorRow(410, _CLIENT, False),
    ErrorCode.QUEUE_FULL: ErrorRow(429, "rate_limit_error", False),
    ErrorCode.QUEUE_TIMEOUT: ErrorRow(503, _SERVER, False),
    ErrorCode.DEADLINE_EXCEEDED: ErrorRow(504, _SERVER, False),
    ErrorCode.NO_WORKER: ErrorRow(503, _SERVER, False),
    ErrorCode.OVERLOADED: ErrorRow(503, _SERVER, False),
    ErrorCode.SHUTTING_DOWN: ErrorRow(503, _SERVER, False),
    ErrorCode.WORKER_LOST: ErrorRow(503, _SERVER, True),
    ErrorCode.WORKER_BUSY: ErrorRow(503, _SERVER, True),
    ErrorCode.WORKER_STALLED: ErrorRow(503, _SERVER, True),
    ErrorCode.WORKER_DRAINING: ErrorRow(503, _SERVER, True),
    ErrorCode.MODEL_NOT_LOADED: ErrorRow(503, _SERVER, True),
    ErrorCode.ENGINE_CRASHED: ErrorRow(503, _SERVER, True),
    ErrorCode.ENGINE_ERROR: ErrorRow(500, _SERVER, True),
    ErrorCode.PROTOCOL_ERROR: ErrorRow(400, _CLIENT, False),
    ErrorCode.FRAME_TOO_LARGE: ErrorRow(413, _CLIENT, False),
    ErrorCode.VERSION_MISMATCH: ErrorRow(400, _CLIENT, False),
    ErrorCode.DUPLICATE_WORKER: ErrorRow(409, _CLIENT, False),
    ErrorCode.INTERNAL_ERROR: ErrorRow(500, _SERVER, False),
}

# WebSocket close codes of the private range (RFC 6455, 7.4.2); a worker that gets a FATAL one does not redial.
CLOSE_PROTOCOL_ERROR = 4400
CLOSE_UNAUTHORIZED = 4401
CLOSE_VERSION = 4406
CLOSE_HELLO_TIMEOUT = 4408
CLOSE_DUPLICATE = 4409
FATAL_CLOSE_CODES = frozenset({CLOSE_UNAUTHORIZED, CLOSE_VERSION})


class SupernetError(Exception):
    """An error with a code of the table and a sentence that says what to do.

    `param` names the request field at fault; `retry_after_s` is how long the caller should wait.
    """

    def __init__(
        self, code: ErrorCode, message: str, *, param: str | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s

    @property
    def row(self) -> ErrorRow:
        return ERRORS[self.code]


def invalid(param: str | None, message: str) -> SupernetError:
    """The error of a request that cannot be honoured: 400, with the field at fault as `param`."""
    return SupernetError(ErrorCode.INVALID_REQUEST, message, param=param)
