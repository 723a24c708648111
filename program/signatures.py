"""Messages between programs that are signed as Standard Webhooks are (standardwebhooks.com, v1).

The signature is HMAC-SHA256 of `ID.TIMESTAMP.BODY` under a secret that both have, in base64. Pure.
"""

import base64
import hmac

PREFIX = "whsec_"
LEAST_BYTES = 24  # of a secret, as the standard says


def signature(secret: bytes, id: str, timestamp: str, body: bytes) -> str:
    """What stands in `webhook-signature`."""
    content = f"{id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret, content, "sha256")).decode()


def shown(secret: bytes) -> str:
    """A secret as people copy it."""
    return PREFIX + base64.b64encode(secret).decode()
