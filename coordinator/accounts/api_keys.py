"""API keys: their format, their hash, and the secret of the hash (the pepper).

A key is `sk-sn-`, 256 random bits in base 62, and a checksum: garbage is refused without looking anything up. What is
stored is an HMAC-SHA256 under a secret that lies in a file beside the database, so that a stolen copy of the database
is of no use.
"""

import hashlib
import hmac
import string
import zlib
from collections.abc import Mapping

PREFIX = "sk-sn-"
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_BODY = 43  # base-62 digits of 256 bits
_SUM = 6  # and of 32


# ---- what a key looks like -------------------------------------------------------------------------------------------


def make_key(random: bytes) -> str:
    """A key, made of 32 random bytes."""
    body = _base62(int.from_bytes(random, "big"), _BODY)
    return PREFIX + body + _checksum(body)


def well_formed(key: str) -> bool:
    """Whether it has the format of a key and a right checksum. It may still be nobody's."""
    body, checksum = key[len(PREFIX) : -_SUM], key[-_SUM:]
    right_size = len(key) == len(PREFIX) + _BODY + _SUM
    return right_size and key.startswith(PREFIX) and key.isascii() and _checksum(body) == checksum


def hash_key(pepper: bytes, key: str) -> str:
    """What is stored of a key: an HMAC-SHA256, in hex."""
    return hmac.new(pepper, key.encode(), hashlib.sha256).hexdigest()


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _SUM)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def bearer(headers: Mapping[str, str]) -> str | None:
    """The key of a request: `Authorization: Bearer KEY`, the older `api-key: KEY`, or Anthropic's `x-api-key: KEY`."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credentials.strip():
        return credentials.strip()
    return headers.get("api-key") or headers.get("x-api-key") or None
