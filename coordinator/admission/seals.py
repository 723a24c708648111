"""Answers that are kept are unreadable to a thief of the database, and to its operator: what opens one is made of the
pepper, which lies apart, and of the client's own Idempotency-Key, which is kept nowhere."""

import hmac
import zlib
from dataclasses import dataclass, field

from nacl.secret import SecretBox


@dataclass(frozen=True)
class Seals:
    """`pepper`: the secret under which API keys are hashed too."""

    pepper: bytes = field(repr=False)

    def name(self, account: str, key: str) -> str:
        """What stands for the key in the database."""
        return self._hash("name", account, key).hex()

    def fingerprint(self, content: str) -> str:
        """What stands for a request there: it tells nothing to whoever guesses the request."""
        return self._hash("fingerprint", content).hex()

    def seal(self, account: str, key: str, text: bytes) -> bytes:
        """Deflate and encrypt."""
        return bytes(self._box(account, key).encrypt(zlib.compress(text, 1)))

    def open(self, account: str, key: str, sealed: bytes) -> bytes:
        """Raises CryptoError for what was not sealed under this key."""
        return zlib.decompress(self._box(account, key).decrypt(sealed))

    def _box(self, account: str, key: str) -> SecretBox:
        return SecretBox(self._hash("box", account, key))

    def _hash(self, *parts: str) -> bytes:
        return hmac.digest(self.pepper, "\0".join(parts).encode(), "sha256")
