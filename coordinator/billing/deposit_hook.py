"""The word of a payment service that somebody has paid: signed as Standard Webhooks are (standardwebhooks.com, v1).

A message is of now, give or take TOLERANCE_S, and its id is what books it once.
"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

from program.signatures import signature
from wire.errors import ErrorCode, SupernetError

TOLERANCE_S = 300.0
MOST_SIGNATURES = 16  # in one header: a service that changes its secret signs with both
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


@dataclass(frozen=True)
class Signed:
    """The headers of a message."""

    id: str
    timestamp: str
    signatures: tuple[str, ...]


def read_headers(headers: Mapping[str, str], now_s: float) -> Signed:
    """What can be checked before the body is read. Raises permission_denied."""
    name, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    signatures = headers.get("webhook-signature", "").split(" ")
    if not _ID.fullmatch(name) or not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:
        raise _denied("the headers webhook-id, webhook-timestamp and webhook-signature are missing or malformed")
    if abs(now_s - int(stamp)) > TOLERANCE_S:
        raise _denied(f"the message is not of the last {TOLERANCE_S:.0f} seconds: sign it anew")
    return Signed(name, stamp, tuple(signatures[:MOST_SIGNATURES]))


def verify(secret: bytes, signed: Signed, body: bytes) -> None:
    """Raises permission_denied unless one of the signatures is right for this body."""
    right = signature(secret, signed.id, signed.timestamp, body)
    if not any(hmac.compare_digest(right.encode(), given.encode()) for given in signed.signatures):
        raise _denied("no signature is right for this message and this secret")


def _denied(words: str) -> SupernetError:
    return SupernetError(ErrorCode.PERMISSION_DENIED, f"This deposit is not believed: {words}.")
