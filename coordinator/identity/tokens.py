"""Secrets that browsers and people hold: session tokens, invites, recovery codes, and sealed challenges, pure.

Each kind is hashed and signed with its own name in the text, so that none is ever taken for another, nor for an API
key. Randomness and time are arguments.
"""

import base64
import hmac
import json
from dataclasses import dataclass, field
from typing import Any

SHORT = 16  # bytes of a signature


def encode(data: bytes) -> str:
    """base64url, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Raises ValueError."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


@dataclass(frozen=True)
class Tokens:
    """Makes and reads them. `pepper`: the secret under which API keys are hashed too."""

    pepper: bytes = field(repr=False)

    def hash(self, kind: str, text: str) -> str:
        """What stands in the database for a secret of this kind."""
        return self._mac(f"{kind}\0{text}").hex()

    def signed(self, kind: str, random: bytes) -> str:
        """A token that is known as one of ours without a look into the database."""
        body = encode(random)
        return f"{body}.{self._sign(kind, body)}"

    def genuine(self, kind: str, token: str) -> bool:
        """Whether `signed` made it for this kind. It may have ended."""
        body, _, signature = token.partition(".")
        return token.isascii() and hmac.compare_digest(signature, self._sign(kind, body))

    def csrf(self, session: str) -> str:
        """What a page sends in a header with every request in the session; no other site can read or guess it."""
        return self._sign("csrf", session)

    def seal(self, kind: str, content: dict[str, Any], expires_ms: int) -> str:
        """The content, readable, so that only we can have written it; `open` takes it back until then."""
        body = encode(json.dumps({**content, "expires_ms": expires_ms}).encode())
        return f"{body}.{self._sign(kind, body)}"

    def open(self, kind: str, sealed: str, at_ms: int) -> dict[str, Any] | None:
        """What was sealed as this kind; None: it was not, or its time is over."""
        if not self.genuine(kind, sealed):
            return None
        content: dict[str, Any] = json.loads(decode(sealed.partition(".")[0]))
        return content if content["expires_ms"] > at_ms else None

    def _sign(self, kind: str, text: str) -> str:
        return encode(self._mac(f"sign {kind}\0{text}")[:SHORT])

    def _mac(self, text: str) -> bytes:
        return hmac.digest(self.pepper, f"identity\0{text}".encode(), "sha256")


def recovery_code(random: bytes) -> str:
    """10 random bytes as a person copies them: abcd-efgh-ijkl-mnop."""
    text = base64.b32encode(random).decode().lower()
    return "-".join(text[place : place + 4] for place in range(0, len(text), 4))


def plain_code(text: str) -> str:
    """A code as it was typed, without what people add."""
    return "".join(letter for letter in text.lower() if letter.isalnum())
