"""What the operator's hook is asked, and what becomes of its answers."""

import json
from pathlib import Path

import pytest

from coordinator.artefacts.filter import MediaFilter
from tests.coordinator.artefacts.files import png
from tests.coordinator.artefacts.hooks import hook
from wire.errors import ErrorCode, SupernetError
from wire.media import GenerateImage, GenerateMusic

PICTURE = GenerateImage(prompt="a cät", negative_prompt="dogs", width=64, height=48, steps=2)
MUSIC = GenerateMusic(prompt="a song", seconds=2, steps=1)


async def test_it_is_asked_before_in_json_and_after_with_the_file(tmp_path: Path) -> None:
    file, data = tmp_path / "made", png()
    file.write_bytes(data)
    async with hook(b'{"allow": true, "more": 1}') as (url, heard):
        await MediaFilter(url).check_request(PICTURE)
        await MediaFilter(url).check_request(MUSIC)
        assert await MediaFilter(url).objection(PICTURE, file) is None
    head, _, body = heard[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /may/it HTTP/1.1") and b"application/json" in head
    asked = {"tool": "generate_image", "prompt": "a cät", "negative_prompt": "dogs", "media_type": "image/png"}
    assert json.loads(body) == asked
    assert json.loads(heard[1].partition(b"\r\n\r\n")[2])["media_type"] == "audio/mpeg"
    assert b"multipart/form-data" in heard[2] and data in heard[2] and json.dumps(asked).encode() in heard[2]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b'{"allow": false, "reason": "no cats"}', "no cats"),
        (b'{"allow": false}', "content filter"),
        (b'{"allow": false, "reason": 5}', "content filter"),
    ],
)
async def test_a_no_is_told_with_its_reason(tmp_path: Path, answer: bytes, words: str) -> None:
    file = tmp_path / "made"
    file.write_bytes(png())
    async with hook(answer) as (url, _):
        with pytest.raises(SupernetError, match=words) as refused:
            await MediaFilter(url).check_request(PICTURE)
        assert refused.value.code is ErrorCode.CONTENT_FILTER
        assert words in (await MediaFilter(url).objection(PICTURE, file) or "")


@pytest.mark.parametrize(
    ("answer", "status", "slow"),
    [
        (b'{"allow": true}', "500 Oops", False),
        (b'{"allow": true}', "302 Found", False),
        (b"yes", "200 OK", False),
        (b'{"allow": "yes"}', "200 OK", False),
        (b"[]", "200 OK", False),
        (b"{" * 100_000, "200 OK", False),
        (b'{"allow": true}', "200 OK", True),
    ],
)
async def test_without_a_clear_yes_nothing_may_be_made(answer: bytes, status: str, slow: bool) -> None:
    async with hook(answer, status, slow) as (url, _):
        with pytest.raises(SupernetError) as refused:
            await MediaFilter(url, ask_s=0.2 if slow else 10.0).check_request(PICTURE)
    assert refused.value.code is ErrorCode.OVERLOADED


async def test_a_hook_that_is_not_there_lets_nothing_be_made() -> None:
    with pytest.raises(SupernetError) as refused:
        await MediaFilter("http://127.0.0.1:1/").check_request(PICTURE)
    assert refused.value.code is ErrorCode.OVERLOADED
