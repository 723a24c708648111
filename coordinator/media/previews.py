"""Unfinished pictures as workers send them on the way, and which of them a client is shown."""

from binascii import Error, a2b_base64

_STARTS = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg"}


def preview_format(preview: str) -> str | None:
    """What a preview in base64 begins as; None: it is no picture, and is not passed on."""
    try:
        start = a2b_base64(preview[:16])
    except Error:
        return None
    return next((format for magic, format in _STARTS.items() if start.startswith(magic)), None)
