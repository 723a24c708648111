"""A secret that two programs share, in a file of one of them."""

import base64
import binascii
from pathlib import Path

from program.signatures import LEAST_BYTES, PREFIX


def read_secret(path: Path) -> bytes:
    """The secret in a file: `whsec_` and base64, or base64 alone. Raises ValueError with words for who wrote it."""
    try:
        secret = base64.b64decode(path.read_text("ascii").strip().removeprefix(PREFIX), validate=True)
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, binascii.Error):
        raise ValueError(f"{path} has no secret: whsec_ and base64, as the other program shows it") from None
    if len(secret) < LEAST_BYTES:
        raise ValueError(f"the secret in {path} is shorter than {LEAST_BYTES} bytes: it could be guessed")
    return secret
