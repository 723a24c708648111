"""Headers in which clients say how long they wait, which conversation a request continues, and which trace it is in."""

import math
import re
from collections.abc import Mapping

from wire.errors import ErrorCode, SupernetError, invalid

TIMEOUT_HEADERS = ("x-stainless-read-timeout", "x-stainless-timeout")
NOT_GIVEN = "NOT_GIVEN"  # what the stream helper of Anthropic's Python SDK 2.14 sends in place of no header
SHORTEST_S, LONGEST_S = 1.0, 3600.0
SESSION_HEADERS = ("x-session-affinity", "x-session-id", "x-claude-code-session-id")  # opencode sends the first two
SESSION_CHARS = 256
MAX_IDEMPOTENCY_KEY = 255
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def client_timeout_s(headers: Mapping[str, str]) -> float | None:
    """How long the client waits for an answer, in seconds within bounds; None if no header says it.

    OpenAI's SDKs send it. Python's `x-stainless-read-timeout` is the longest silence that it bears, 600 unless the
    caller chose. Node's `x-stainless-timeout` is the time to the response's headers, sent if the caller chose one. For
    an answer that is sent whole both are the time to the answer; for a stream both are kept by sending something in
    time. The shorter counts if both are given. Raises invalid_request for a value that is no number of seconds.
    """
    given = [_seconds(name, headers[name]) for name in TIMEOUT_HEADERS if headers.get(name, NOT_GIVEN) != NOT_GIVEN]
    return min(max(min(given), SHORTEST_S), LONGEST_S) if given else None


def _seconds(name: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise invalid(name, f"Invalid '{name}': expected a number of seconds, got {text[:32]!r}.")
    return seconds


def session_name(headers: Mapping[str, str]) -> str:
    """The name that an agent gives to the conversation; empty if it gives none."""
    name = next((headers[name] for name in SESSION_HEADERS if headers.get(name)), "")
    return name[:SESSION_CHARS]


def traceparent(headers: Mapping[str, str]) -> str | None:
    """The client's `traceparent`, if it is of version 00 of W3C's trace context and well-formed."""
    given = headers.get("traceparent", "")
    return given if _TRACEPARENT.fullmatch(given) else None


def idempotency_key(headers: Mapping[str, str]) -> str | None:
    """The client's `Idempotency-Key`, None if there is none. Raises invalid_request for an empty or too long one."""
    key = headers.get("idempotency-key")
    if key is not None and not 1 <= len(key) <= MAX_IDEMPOTENCY_KEY:
        message = f"Invalid 'Idempotency-Key': expected 1 to {MAX_IDEMPOTENCY_KEY} characters, got {len(key)}."
        raise SupernetError(ErrorCode.INVALID_REQUEST, message, param="Idempotency-Key")
    return key
