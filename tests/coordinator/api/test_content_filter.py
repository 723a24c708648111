"""What the operator lets nobody make, refused before it is drawn or after: one code, in the shape of each API, for no
money."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest

from tests.coordinator.api.platform_driver import balanced, call, network, turn
from tests.coordinator.artefacts.hooks import hook
from tests.coordinator.conftest import Coordinator, FakeWorker, Start, chat_of, until
from tests.coordinator.media_catalog import png, uri
from tests.coordinator.media_worker import MediaWorker, media_worker
from wire import messages as wire

ALLOW, REFUSE = b'{"allow": true}', b'{"allow": false, "reason": "no alleys here"}'
WHEN = pytest.mark.parametrize("drawn", [False, True], ids=["before", "after"])
Filtered = tuple[Coordinator, FakeWorker, MediaWorker]


@asynccontextmanager
async def filtered(start: Start, drawn: bool) -> AsyncIterator[Filtered]:
    """A network whose filter refuses what is asked for, or lets it be drawn and then refuses the picture."""
    async with (
        hook(ALLOW if drawn else REFUSE, of_made=REFUSE) as (url, _),
        network(start, media_filter=url) as (coordinator, worker),
        media_worker(coordinator, "edits") as media,
    ):
        yield coordinator, worker, media
        await until(lambda: not coordinator.running.services.billing.running)
        assert await coordinator.running.services.artefacts.page(coordinator.account, None, 10) == []
    balanced(coordinator)


async def drawing(media: MediaWorker, drawn: bool) -> None:
    """The worker's part: a picture that is not taken, or nothing to do."""
    if drawn:
        start = await media.accept()
        assert (await media.make(start)).status_code == 403


@WHEN
@pytest.mark.parametrize("edits", [False, True])
async def test_a_picture_that_is_asked_for_directly(start_coordinator: Start, drawn: bool, edits: bool) -> None:
    async with filtered(start_coordinator, drawn) as (coordinator, _, media), coordinator.http() as http:
        path = "/v1/images/edits" if edits else "/v1/images/generations"
        body = {"prompt": "a neon alley", **({"image": uri(png())} if edits else {})}
        asked = asyncio.create_task(http.post(path, json=body))
        await drawing(media, drawn)
        answer = await asked
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["type"]) == (400, "content_filter", "invalid_request_error")
        assert error["message"] == "no alleys here"
        account = (await http.get("/v1/account/usage")).json()["data"]
        assert [row["cost_nano_usd"] for row in account] in ([], [0])


@WHEN
async def test_a_stream_of_a_picture(start_coordinator: Start, drawn: bool) -> None:
    """Refused beforehand it has a status of its own; later the official client raises what the stream says."""
    async with filtered(start_coordinator, drawn) as (coordinator, _, media), coordinator.openai() as client:

        async def read() -> list[Any]:
            return [event async for event in await client.images.generate(prompt="an alley", stream=True)]

        asked = asyncio.create_task(read())
        await drawing(media, drawn)
        with pytest.raises(openai.APIError, match="no alleys here") as refused:
            await asked
        assert refused.value.code == "content_filter"
        assert drawn or isinstance(refused.value, openai.BadRequestError)


@WHEN
@pytest.mark.parametrize("stream", [False, True])
async def test_a_picture_of_a_chat(start_coordinator: Start, drawn: bool, stream: bool) -> None:
    async with filtered(start_coordinator, drawn) as (coordinator, worker, media), coordinator.http() as http:
        ask = {"model": "tiny", "messages": [{"role": "user", "content": "draw an alley"}], "stream": stream}
        asked = asyncio.create_task(http.post("/v1/chat/completions", json=ask))
        await turn(worker, call())
        await drawing(media, drawn)
        second = await turn(worker, "I may not draw that.")
        answer = await asked
    assert answer.status_code == 200
    chunks = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    last = next(chunk for chunk in chunks if "sogni_tool_results" in chunk) if stream else answer.json()
    assert last["choices"][0]["finish_reason"] == "stop"
    check_results(last, second)


@WHEN
@pytest.mark.parametrize("stream", [False, True])
async def test_a_picture_of_a_response(start_coordinator: Start, drawn: bool, stream: bool) -> None:
    async with filtered(start_coordinator, drawn) as (coordinator, worker, media), coordinator.openai() as client:
        ask: Any = {"model": "tiny", "input": "draw an alley", "tools": [{"type": "image_generation"}]}

        async def read() -> Any:
            if not stream:
                return await client.responses.create(**ask)
            events = [event async for event in await client.responses.create(**ask, stream=True)]
            done = [event.item for event in events if event.type == "response.output_item.done"]
            assert done == events[-1].response.output
            return events[-1].response

        asked = asyncio.create_task(read())
        await turn(worker, call())
        await drawing(media, drawn)
        second = await turn(worker, "I may not draw that.")
        response = await asked
    picture, said = response.output
    assert (picture.type, picture.status, picture.result) == ("image_generation_call", "failed", "")
    assert (picture.error.code, picture.error.message) == ("content_filter", "no alleys here")
    assert (response.status, said.content[0].text) == ("completed", "I may not draw that.")
    check_results(response.to_dict(), second)


def check_results(answer: Any, second: wire.Start) -> None:
    """The client has the code, the model the words."""
    (result,) = answer["sogni_tool_results"]
    assert (result["success"], result["error_code"], result["error"]) == (False, "content_filter", "no alleys here")
    assert result["cost_nano_usd"] == 0 and result["urls"] == []
    told = json.loads(chat_of(second).messages[-1].content)
    assert told == {"success": False, "error": "no alleys here"}
