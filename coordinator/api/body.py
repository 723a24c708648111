"""The body of a request, read within bounds of size and time, and decoded if it was sent compressed."""

import asyncio
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable

from starlette.requests import Request

from coordinator.openai.json_body import MAX_BODY_BYTES, MAX_PICTURES_BODY_BYTES
from wire.errors import ErrorCode, SupernetError

BODY_S = 30.0
LARGE_BODY_S = 60.0  # 20 MiB by a line of 3 Mbit/s
ENCODINGS = ("gzip", "deflate")  # what Python decodes by itself; of clients that compress, all know gzip
OTHER_NAMES = {"x-gzip": "gzip"}  # RFC 9110 has them the same
MEMBERS = 64  # of one gzip body: files put one behind another, which is how some compress in pieces
EITHER = zlib.MAX_WBITS | 32  # the head of the data says which of the two it is
PIECE_BYTES = 256 * 1024  # decoded at a time: 64 KiB that were sent can be 64 MiB
GZIP = zlib.MAX_WBITS | 16


class UnknownEncoding(SupernetError):
    """The body has a Content-Encoding that is not decoded here: HTTP answers it with 415 and those that are."""

    def __init__(self, encoding: str) -> None:
        known = ", ".join(ENCODINGS)
        message = f"The body's Content-Encoding '{encoding[:32]}' is not read here: send it plain, or as {known}."
        super().__init__(ErrorCode.INVALID_REQUEST, message)


async def read_body(
    request: Request, enter: Callable[[], Awaitable[None]] | None = None, most_bytes: int = MAX_PICTURES_BODY_BYTES
) -> bytes:
    """Read the body of a request, decoded. One of more than MAX_BODY_BYTES may have pictures: once `enter` has been
    waited for it may be of `most_bytes`, and take LARGE_BODY_S seconds more.

    Raises SupernetError: request_too_large above that, or above MAX_BODY_BYTES without `enter`, neither reading nor
    decoding the rest; UnknownEncoding; invalid_request when it has not come within BODY_S seconds, or is not what its
    Content-Encoding says; and what `enter` raises.
    """
    body = _Decoded(request.headers.get("content-encoding", "").strip().lower())
    declared = request.headers.get("content-length", "")
    size = int(declared) if declared.isdigit() else 0
    most = MAX_BODY_BYTES if enter is None else most_bytes
    if size > most:
        raise _too_large(most)
    stream = request.stream()
    if size > MAX_BODY_BYTES or not await body.fill(stream, MAX_BODY_BYTES, BODY_S):
        if enter is None:
            raise _too_large(most)
        await enter()
        if not await body.fill(stream, most, LARGE_BODY_S):
            raise _too_large(most)
    return body.whole()


class _Decoded:
    """What has been decoded of a body."""

    def __init__(self, encoding: str) -> None:
        encoding = OTHER_NAMES.get(encoding, encoding)
        if encoding not in ("", "identity", *ENCODINGS):
            raise UnknownEncoding(encoding)
        self._decoder = zlib.decompressobj(EITHER) if encoding in ENCODINGS else None
        self._members = MEMBERS if encoding == "gzip" else 1  # that may still come
        self._sent = 0  # bytes as they came: an empty block is five bytes that decode to none
        self._rest = b""  # of them, what is still to be decoded
        self._full = False  # the last piece was cut, so there may be more without anything to decode
        self._body = bytearray()

    async def fill(self, stream: AsyncGenerator[bytes], most: int, limit_s: float) -> bool:
        """Take what comes, to the end. False: it is more than `most` bytes as sent or decoded, of which one piece has
        been decoded; the next call goes on. Raises invalid_request if it takes longer than `limit_s` seconds, or is not
        what its encoding says."""
        try:
            async with asyncio.timeout(limit_s):
                while len(self._body) <= most and self._sent <= most:
                    if not self._rest and not self._full:
                        piece = await anext(stream, None)
                        if piece is None:
                            return True
                        self._sent += len(piece)
                        self._rest = piece
                    else:
                        await asyncio.sleep(0)  # between two pieces of a bomb the others are served
                    self._decode()
        except TimeoutError:
            message = f"The body did not arrive within {limit_s:.0f} s."
            raise SupernetError(ErrorCode.INVALID_REQUEST, message) from None
        return False

    def _decode(self) -> None:
        if self._decoder is None:
            self._body += self._rest
            self._rest = b""
            return
        if self._decoder.eof and self._rest:  # another member begins
            self._members -= 1
            if not self._members:
                raise _broken()
            self._decoder = zlib.decompressobj(GZIP)
        try:
            piece = self._decoder.decompress(self._rest, PIECE_BYTES)
        except zlib.error as error:
            raise _broken() from error
        self._rest = self._decoder.unconsumed_tail or self._decoder.unused_data
        self._full = len(piece) == PIECE_BYTES
        self._body += piece

    def whole(self) -> bytes:
        if self._decoder is not None and not self._decoder.eof:
            raise _broken()
        return bytes(self._body)


def _broken() -> SupernetError:
    message = "The body is not what its Content-Encoding says: it cannot be decoded as gzip or deflate."
    return SupernetError(ErrorCode.INVALID_REQUEST, message)


def _too_large(most: int) -> SupernetError:
    message = f"The body is larger than {most // 1024 // 1024} MiB: send less."
    return SupernetError(ErrorCode.REQUEST_TOO_LARGE, message)
