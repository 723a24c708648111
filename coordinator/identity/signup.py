"""Who may sign up, and what a stranger without an invite does for it first."""

import hashlib
from typing import Literal

Signup = Literal["off", "invite", "open"]
SIGNUPS: tuple[Signup, ...] = ("off", "invite", "open")
WORK_BITS = 17  # a browser takes a second or two; a program of an attacker's a hundredth of one
NONCE_CHARS = 32


def read_signup(text: str) -> Signup:
    """Raises ValueError."""
    for mode in SIGNUPS:
        if text == mode:
            return mode
    raise ValueError(f"{text!r} is none of {', '.join(SIGNUPS)}")


def worked(seed: str, nonce: str, bits: int = WORK_BITS) -> bool:
    """Whether SHA-256 of `seed.nonce` begins with so many zero bits: who sends it has computed for a while."""
    digest = hashlib.sha256(f"{seed}.{nonce}".encode()).digest()
    return len(nonce) <= NONCE_CHARS and int.from_bytes(digest, "big") >> (256 - bits) == 0
