"""What every Python program checks of something that was made: where its link leads, and that the file is one."""

import re
import urllib.request
from base64 import b64decode

from outcome import SAID

LINK = re.compile(r"\]\((http[^)\s]+)\)")
BEGINS = {"image/png": (0, b"\x89PNG\r\n\x1a\n"), "video/mp4": (4, b"ftyp")}
PATIENCE_S = 60
# A small model that was trained may talk until its limit.
ENDS = ("stop",) if SAID["draw"]["answer"] is not None else ("stop", "length")


def linked(text: str, words: str | None, media_type: str = "image/png") -> str:
    """The only link of a text, whose file is looked at; before it stand `words`, whatever they are if None."""
    found = LINK.findall(text)
    assert len(found) == 1, text
    assert words is None or words in text, text
    with urllib.request.urlopen(found[0], timeout=PATIENCE_S) as answer:
        file = answer.read()
        assert answer.headers["content-type"] == media_type, answer.headers
    looked_at(file, media_type)
    link: str = found[0]
    return link


def looked_at(file: bytes, media_type: str = "image/png") -> None:
    at, begin = BEGINS[media_type]
    assert file[at:].startswith(begin), file[:16]


def in_base64(text: str) -> None:
    looked_at(b64decode(text, validate=True))


def made(results: list[dict[str, object]], link: str) -> None:
    """What stands in `sogni_tool_results` of a call that made one thing."""
    (result,) = results
    assert result["success"] is True, result
    assert result["urls"] == [link], result
