"""The service's own examples of its documentation, word for word but for host, key and model, with the real curl."""

import asyncio
import json
import shutil
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from tests.coordinator.api.curl_examples import (
    AUTOMATIC_IMAGE,
    AUTOMATIC_IMAGE_OFF,
    DEVELOPER_ROLE,
    QUICK_TEST,
    WISH,
    typed,
)
from tests.coordinator.api.platform_driver import DRAW, balanced, call, link_in, names, network, turn
from tests.coordinator.conftest import Coordinator, Start, chat_of
from tests.coordinator.media_worker import make_of, media_worker
from wire.media import GenerateImage

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")


async def run(coordinator: Coordinator, example: str) -> dict[str, Any]:
    return await typed(example, coordinator.url, coordinator.key, "tiny")


@pytest.mark.parametrize(
    ("example", "roles"), [(QUICK_TEST, ["user"]), (DEVELOPER_ROLE, ["system", "user"])], ids=["quick", "developer"]
)
async def test_an_example_without_a_picture(start_coordinator: Start, example: str, roles: list[str]) -> None:
    """The tools are declared, and the model calls none."""
    async with network(start_coordinator) as (coordinator, worker), media_worker(coordinator) as media:
        printed = asyncio.create_task(run(coordinator, example))
        start = await turn(worker, "I am Tiny.")
        answer = await printed
        assert media.asked == []
    assert names(start) == [DRAW]
    assert [message.role for message in chat_of(start).messages] == roles
    (choice,) = answer["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("I am Tiny.", "stop")
    assert "sogni_tool_results" not in answer


async def test_automatic_image_generation(start_coordinator: Start) -> None:
    """The content has a link, behind which is a picture."""
    async with network(start_coordinator) as (coordinator, worker), media_worker(coordinator, serves=True) as media:
        printed = asyncio.create_task(run(coordinator, AUTOMATIC_IMAGE))
        first = await turn(worker, call(json.dumps({"prompt": "a neon-lit alley in Tokyo during rain"})))
        await turn(worker, "Here is your alley.")
        answer = await printed
        content = answer["choices"][0]["message"]["content"]
        picture = Image.open(BytesIO(await link_in(coordinator, content)))
        picture.load()
        (made,) = media.asked
        make = make_of(made)
    assert chat_of(first).messages[0].content == WISH
    assert content.startswith("Here is your alley.")
    assert isinstance(make, GenerateImage)
    assert make.prompt == "a neon-lit alley in Tokyo during rain"
    assert (picture.format, picture.size) == ("PNG", (make.width, make.height))
    assert answer["choices"][0]["finish_reason"] == "stop"
    balanced(coordinator)


async def test_automatic_image_generation_that_was_turned_off(start_coordinator: Start) -> None:
    """The same example with `sogni_tools: false` is plain text, whatever workers there are."""
    async with network(start_coordinator) as (coordinator, worker), media_worker(coordinator, serves=True) as media:
        printed = asyncio.create_task(run(coordinator, AUTOMATIC_IMAGE_OFF))
        start = await turn(worker, "Rain falls on the neon.")
        answer = await printed
        assert media.asked == []
    assert chat_of(start).tools == ()
    assert answer["choices"][0]["message"]["content"] == "Rain falls on the neon."
    assert "sogni_tool_results" not in answer
