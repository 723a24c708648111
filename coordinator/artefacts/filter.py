"""What may be made and shown: the operator's own hook, a URL that is asked before a job and again with what was made.

Before: POST of JSON, {"tool", "prompt", "negative_prompt", "media_type"}. After: POST of multipart/form-data, with the
same JSON as the part `request` and the file as the part `file`. The answer is JSON, {"allow": true} or {"allow": false,
"reason": "..."}. It fails closed: a hook that does not answer in time, or with anything else, allows nothing; the
client is told to try again, and pays nothing.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

from coordinator.artefacts.facts import media_type
from wire.errors import ErrorCode, SupernetError
from wire.media import GenerateMusic, Making

log = logging.getLogger("supernet.artefacts")

ASK_S = 10.0  # each step of a question: to connect, to send a piece, to be answered
WHOLE_S = 60.0
AT_ONCE = 8
ANSWER_BYTES = 64 * 1024
REASON_CHARS = 300
PIECE_BYTES = 256 * 1024
BOUNDARY = "supernet-part"
RETRY_S = 10.0


class MediaFilter:
    """Asks the hook at `url`."""

    def __init__(self, url: str, *, ask_s: float = ASK_S) -> None:
        self._url = urlsplit(url)
        self._ask_s = ask_s
        self._threads = ThreadPoolExecutor(AT_ONCE, "media filter")

    async def check_request(self, make: Making) -> None:
        """Raises content_filter if such a thing may not be made, overloaded if the hook does not say."""
        question = _question(make)
        reason = await self._ask(lambda: self._post("application/json", len(question), iter((question,))))
        if reason is not None:
            raise SupernetError(ErrorCode.CONTENT_FILTER, reason)

    async def objection(self, make: Making, file: Path) -> str | None:
        """Why the file that was made may not be shown; None: it may. Raises overloaded if the hook does not say."""
        return await self._ask(lambda: self._post_file(make, file))

    async def _ask(self, post: Callable[[], str | None]) -> str | None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(WHOLE_S):
                return await loop.run_in_executor(self._threads, post)
        except (OSError, HTTPException, ValueError) as error:  # a TimeoutError is an OSError
            log.error("the media filter does not answer: %s", error)
            message = "Whether this may be made could not be asked at the moment: try again in a few seconds."
            raise SupernetError(ErrorCode.OVERLOADED, message, retry_after_s=RETRY_S) from None

    def _post_file(self, make: Making, file: Path) -> str | None:
        head = (
            f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="request"\r\ncontent-type: application/json\r\n\r\n'
        ).encode() + _question(make)
        named = f'\r\n--{BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="made"\r\n'
        head += f"{named}content-type: {media_type(make)}\r\n\r\n".encode()
        tail = f"\r\n--{BOUNDARY}--\r\n".encode()
        size = len(head) + file.stat().st_size + len(tail)
        return self._post(f"multipart/form-data; boundary={BOUNDARY}", size, _pieces(head, file, tail))

    def _post(self, content_type: str, size: int, body: Iterator[bytes]) -> str | None:
        """The hook's objection to what it is sent. Raises OSError, HTTPException, and ValueError for no answer."""
        kind = HTTPSConnection if self._url.scheme == "https" else HTTPConnection
        connection = kind(self._url.netloc, timeout=self._ask_s)
        path = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
        headers = {"content-type": content_type, "content-length": str(size), "accept": "application/json"}
        try:
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            told = response.read(ANSWER_BYTES)
        finally:
            connection.close()
        if response.status != 200:
            raise ValueError(f"status {response.status}")
        answer = json.loads(told)
        if not isinstance(answer, dict) or not isinstance(answer.get("allow"), bool):
            raise ValueError('no {"allow": true} or {"allow": false} in its answer')
        return None if answer["allow"] else _reason(answer.get("reason"))


def _question(make: Making) -> bytes:
    refused = "" if isinstance(make, GenerateMusic) else make.negative_prompt
    asked = {"tool": make.tool, "prompt": make.prompt, "negative_prompt": refused, "media_type": media_type(make)}
    return json.dumps(asked).encode()


def _pieces(head: bytes, file: Path, tail: bytes) -> Iterator[bytes]:
    yield head
    with file.open("rb") as opened:
        while piece := opened.read(PIECE_BYTES):
            yield piece
    yield tail


def _reason(told: object) -> str:
    """The hook's own words for the client, or ours."""
    words = told.strip()[:REASON_CHARS] if isinstance(told, str) else ""
    return words or "The content filter of this network does not let this be made."
