"""Responses with files in them: the length that was promised, and never a whole that is none."""

from base64 import b64encode

import pytest
from starlette.types import Message

from coordinator.api.filled_response import STEP_BYTES, FilledResponse, in_base64
from coordinator.artefact import Artefact
from coordinator.filled import Filled

FILE = bytes(range(256)) * (2 * STEP_BYTES // 256 + 1)
FILLED = Filled(b'{"a":""}', ((6, Artefact("a" * 22, "0" * 64, "image/png", len(FILE), 0, 1)),))


async def read(artefact: Artefact) -> bytes:
    assert artefact.size_bytes == len(FILE)
    return FILE


async def gone(artefact: Artefact) -> bytes:
    raise OSError("gone")


async def received(response: FilledResponse) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    try:
        await response({"type": "http", "method": "POST"}, receive, send)
    except OSError:
        pass
    return sent


async def test_files_are_put_in_piece_by_piece() -> None:
    pieces = [piece async for piece in in_base64(FILLED, read)]
    assert b"".join(pieces) == b'{"a":"' + b64encode(FILE) + b'"}'
    assert max(map(len, pieces)) == STEP_BYTES // 3 * 4


async def test_the_length_that_is_promised_is_sent() -> None:
    start, *bodies = await received(FilledResponse(FILLED, read, headers={"x-a": "b"}))
    headers = dict(start["headers"])
    assert headers[b"x-a"] == b"b" and headers[b"content-type"] == b"application/json"
    assert int(headers[b"content-length"]) == sum(len(body["body"]) for body in bodies)
    assert not bodies[-1]["more_body"]


async def test_a_file_that_cannot_be_read_leaves_the_answer_visibly_unfinished() -> None:
    _, *bodies = await received(FilledResponse(FILLED, gone))
    assert all(body["more_body"] for body in bodies)


@pytest.mark.parametrize("body", [b"", b"{}"])
async def test_an_answer_without_files(body: bytes) -> None:
    _, *bodies = await received(FilledResponse(Filled(body), gone))
    assert b"".join(one["body"] for one in bodies) == body and not bodies[-1]["more_body"]
