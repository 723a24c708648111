"""How long a client waits, by its own word: the SDKs of OpenAI say it in headers.

Python's `x-stainless-read-timeout` is the longest silence that it bears, in seconds; 600 unless the caller chose.
Node's `x-stainless-timeout` is the time to the response's headers, sent if the caller chose one. For an answer that is
sent whole both are the time to the answer; for a stream both are kept by saying something in time.
"""

import math
from collections.abc import Mapping

from wire.errors import invalid

HEADERS = ("x-stainless-read-timeout", "x-stainless-timeout")
SHORTEST_S, LONGEST_S = 1.0, 3600.0


def patience_s(headers: Mapping[str, str]) -> float | None:
    """Seconds, within bounds; the shorter if both are given, None if neither is. Raises invalid_request for a value
    that is no number of seconds."""
    given = [_seconds(name, headers[name]) for name in HEADERS if name in headers]
    return min(max(min(given), SHORTEST_S), LONGEST_S) if given else None


def _seconds(name: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise invalid(name, f"Invalid '{name}': expected a number of seconds, got {text[:32]!r}.")
    return seconds
