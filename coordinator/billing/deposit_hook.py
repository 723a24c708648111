"""The word of a payment service that somebody has paid: signed as Standard Webhooks are (standardwebhooks.com, v1).

The signature is HMAC-SHA256 of `ID.TIMESTAMP.BODY` under a secret that both have, in base64; a message is of now, give
or take TOLERANCE_S, and its id is what books it once.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wire.errors import ErrorCode, SupernetError

TOLERANCE_S = 300.0
PREFIX = "whsec_"
LEAST_BYTES = 24  # of a secret, as the standard says
MOST_SIGNATURES = 16  # in one header: a service that changes its secret signs with both
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


@dataclass(frozen=True)
class Signed:
    """The headers of a message."""

    id: str
    timestamp: str
    signatures: tuple[str, ...]


def read_secret(path: Path) -> bytes:
    """The secret in a file: `whsec_` and base64, or base64 alone. Raises ValueError with words for the operator."""
    try:
        secret = base64.b64decode(path.read_text("ascii").strip().removeprefix(PREFIX), validate=True)
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, binascii.Error):
        raise ValueError(f"{path} has no secret: whsec_ and base64, as the payment service shows it") from None
    if len(secret) < LEAST_BYTES:
        raise ValueError(f"the secret in {path} is shorter than {LEAST_BYTES} bytes: it could be guessed")
    return secret


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
    content = f"{signed.id}.{signed.timestamp}.".encode() + body
    right = "v1," + base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode()
    if not any(hmac.compare_digest(right.encode(), given.encode()) for given in signed.signatures):
        raise _denied("no signature is right for this message and this secret")


def _denied(words: str) -> SupernetError:
    return SupernetError(ErrorCode.PERMISSION_DENIED, f"This deposit is not believed: {words}.")
