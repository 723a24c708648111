"""The tokens by which attempts upload what they made: one each, made from a secret that only the coordinator knows."""

from base64 import urlsafe_b64encode
from hashlib import sha256

from coordinator.scheduler.state import JobSpec
from wire.media import LIMIT_BYTES, MediaRequest, Upload, media_kind


def token(secret: str, attempt: int) -> str:
    """What opens the upload of one attempt: 43 characters, another for each."""
    return urlsafe_b64encode(sha256(f"{secret}/{attempt}".encode()).digest()).decode().rstrip("=")


def offered(spec: JobSpec, attempt: int) -> Upload | None:
    """What an attempt is told of its upload; None: it makes nothing that is uploaded."""
    if not isinstance(spec.request, MediaRequest):
        return None
    return Upload(token=token(spec.upload_secret, attempt), limit_bytes=LIMIT_BYTES[media_kind(spec.request.make)])
