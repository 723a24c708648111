"""Pictures in /v1/responses by the tool `image_generation`, through the real HTTP API with the official client."""

import asyncio
import json
from base64 import b64decode
from contextlib import AsyncExitStack
from hashlib import sha256
from typing import Any

import pytest

from tests.coordinator.api.platform_driver import DRAW, balanced, call, names, network, turn
from tests.coordinator.conftest import FakeWorker, Start, chat_of, make_account, make_key
from tests.coordinator.media_catalog import png
from tests.coordinator.media_worker import WIDE_CATALOG, make_of, media_worker
from wire.media import EditImage, GenerateImage

EDIT = "sogni_edit_image"
TOOL: dict[str, Any] = {"type": "image_generation"}
ASK: dict[str, Any] = {"model": "tiny", "input": "draw a neon alley", "tools": [TOOL]}


async def drawn(worker: FakeWorker) -> tuple[Any, Any]:
    """Both rounds of a model that draws."""
    first = await turn(worker, "I draw.", call())
    return first, await turn(worker, "Here it is.")


async def test_a_response_with_a_picture_in_it(start_coordinator: Start) -> None:
    async with (
        network(start_coordinator) as (coordinator, worker),
        media_worker(coordinator, "draws", serves=True) as media,
        coordinator.openai() as client,
    ):
        tool = TOOL | {"size": "128x64", "output_format": "jpeg"}
        asked = asyncio.ensure_future(client.responses.create(**ASK | {"tools": [tool]}))
        first, second = await drawn(worker)
        response = await asked
        assert names(first) == [DRAW]
        (made,) = media.asked
        make = make_of(made)
        assert isinstance(make, GenerateImage)
        assert (make.prompt, make.width, make.height, make.format) == ("a neon alley", 128, 64, "jpeg")
        said, picture, end = response.output
        assert (said.type, picture.type, end.type) == ("message", "image_generation_call", "message")
        assert picture.type == "image_generation_call" and picture.result is not None
        assert b64decode(picture.result, validate=True).startswith(b"\xff\xd8\xff")
        assert (picture.status, picture.revised_prompt, picture.size) == ("completed", "a neon alley", "128x64")
        assert response.output_text == "I draw.Here it is.", "the picture is there, so no link is"
        assert [one.type for one in response.tools] == ["image_generation"]
        told = json.loads(chat_of(second).messages[-1].content)
        assert told["success"] is True and "urls" not in told and told["handles"] == ["media:1"]
        assert response.model_extra is not None
        assert response.model_extra["sogni_tool_results"][0]["urls"][0].startswith("http")
    balanced(coordinator)


@pytest.mark.parametrize("helper", [False, True])
async def test_the_official_client_reads_its_stream(start_coordinator: Start, helper: bool) -> None:
    async with (
        network(start_coordinator) as (coordinator, worker),
        media_worker(coordinator, "draws") as media,
        coordinator.openai() as client,
    ):

        async def model() -> None:
            await turn(worker, "I draw.", call())
            start = await media.accept()
            await media.progress(start, 1, png(color=1))
            await media.progress(start, 4)
            assert (await media.make(start)).status_code == 201
            await turn(worker, "Here it is.")

        serving = asyncio.create_task(model())
        body: Any = ASK | {"tools": [TOOL | {"partial_images": 1}]}
        events: list[Any] = []
        if helper:
            async with client.responses.stream(**body) as stream:
                events = [event async for event in stream]
        else:
            events = [event async for event in await client.responses.create(**body, stream=True)]
        await serving
    kinds = [event.type.removeprefix("response.") for event in events]
    assert kinds == [
        *("created", "in_progress", "output_item.added", "content_part.added", "output_text.delta"),
        *("output_text.done", "content_part.done", "output_item.done", "output_item.added"),
        *(f"image_generation_call.{kind}" for kind in ("in_progress", "generating", "partial_image", "completed")),
        *("output_item.done", "output_item.added", "content_part.added", "output_text.delta"),
        *("output_text.done", "content_part.done", "output_item.done", "completed"),
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    preview = next(event for event in events if event.type.endswith("partial_image"))
    assert b64decode(preview.partial_image_b64) == png(color=1)
    (item,) = (event.item for event in events if event.type == "response.output_item.done" and event.output_index == 1)
    assert b64decode(item.result).startswith(b"\x89PNG")
    assert preview.item_id == item.id
    assert events[-1].response.output[1].result == item.result


async def test_a_repeat_under_its_key_has_the_picture_again(start_coordinator: Start) -> None:
    async with network(start_coordinator) as (coordinator, worker), media_worker(coordinator, serves=True) as media:
        async with coordinator.http() as http:
            for stream in (False, True):
                key = {"idempotency-key": f"k{stream}"}
                body = ASK | {"stream": stream}
                asked = asyncio.create_task(http.post("/v1/responses", json=body, headers=key))
                await drawn(worker)
                first = await asked
                again = await http.post("/v1/responses", json=body, headers=key)
                assert again.headers["idempotent-replayed"] == "true"
                assert [line for line in again.text.splitlines() if line[:1] != ":"] == [
                    line for line in first.text.splitlines() if line[:1] != ":"
                ]
                assert first.text.count("iVBORw0KGgo") == (2 if stream else 1)
    assert len(media.asked) == 2


@pytest.mark.parametrize("serves", [(), ("films",)])
async def test_where_nobody_draws_the_answer_says_so(start_coordinator: Start, serves: tuple[str, ...]) -> None:
    async with AsyncExitStack() as stack:
        coordinator, worker = await stack.enter_async_context(network(start_coordinator))
        if serves:
            await stack.enter_async_context(media_worker(coordinator, *serves))
        async with coordinator.http() as http:
            asked = asyncio.create_task(http.post("/v1/responses", json=ASK))
            assert names(await worker.serve("no")) == []
            answer = (await asked).json()
            forced = await http.post("/v1/responses", json=ASK | {"tool_choice": TOOL})
    assert answer["tools"] == []
    assert any("'image_generation' is not offered" in warning for warning in answer["warnings"])
    assert (forced.status_code, forced.json()["error"]["param"]) == (400, "tool_choice")
    assert "no worker serves it at the moment" in forced.json()["error"]["message"]


async def test_it_may_have_to_be_called(start_coordinator: Start) -> None:
    look = {"type": "function", "name": "look", "parameters": {"type": "object"}}
    async with (
        network(start_coordinator) as (coordinator, worker),
        media_worker(coordinator, serves=True),
        coordinator.openai() as client,
    ):
        body: Any = ASK | {"tools": [TOOL, look], "tool_choice": TOOL}
        asked = asyncio.ensure_future(client.responses.create(**body))
        first, second = await drawn(worker)
        response = await asked
    assert [tool.name for tool in chat_of(first).tools] == [DRAW]
    assert (chat_of(first).tool_choice, chat_of(second).tool_choice) == ("required", "auto")
    assert response.to_dict()["tool_choice"] == TOOL


async def edited(worker: FakeWorker, handle: str = "media:1") -> Any:
    """The first round of a model that changes a picture."""
    first = await turn(worker, call(json.dumps({"prompt": "bluer", "source_image_url": handle}), EDIT))
    await turn(worker, "Here it is.")
    return first


@pytest.mark.parametrize("named", ["whole", "by its id alone", "by another server"])
async def test_a_picture_of_an_earlier_answer_can_be_changed(start_coordinator: Start, named: str) -> None:
    async with (
        network(start_coordinator, WIDE_CATALOG, 32768) as (coordinator, worker),
        media_worker(coordinator, "edits", serves=True) as media,
        coordinator.openai() as client,
    ):
        asked = asyncio.ensure_future(client.responses.create(**ASK))
        await drawn(worker)
        said, picture, end = (item.to_dict() for item in (await asked).output)
        file = b64decode(str(picture["result"]))
        if named == "by its id alone":
            picture = {name: picture[name] for name in ("type", "id")}
        elif named == "by another server":
            picture = {**picture, "id": "ig_68af"}
        talk = [{"role": "user", "content": "draw"}, said, picture, end, {"role": "user", "content": "bluer"}]
        again = asyncio.ensure_future(client.responses.create(**ASK | {"input": talk}))
        first = await edited(worker)
        response = await again
        make = make_of(media.asked[-1])
    assert isinstance(make, EditImage) and make.images == (sha256(file).hexdigest(),)
    messages = chat_of(first).messages
    assert [message.role for message in messages] == ["user", "assistant", "tool", "assistant", "user"]
    prompt = "" if named == "by its id alone" else "a neon alley"
    assert json.loads(messages[1].tool_calls[0].arguments) == {"prompt": prompt}
    assert messages[2].content.startswith("[image media:1, 64x64 PNG]\n")
    changed = next(item for item in response.output if item.type == "image_generation_call")
    assert (changed.action, changed.status) == ("edit", "completed")


@pytest.mark.parametrize("tools", [[TOOL], []])
async def test_a_picture_that_is_gone_ends_no_conversation(start_coordinator: Start, tools: Any) -> None:
    gone = {"type": "image_generation_call", "id": f"ig_{'0' * 32}_1_1_0", "revised_prompt": "a cat"}
    talk = [{"role": "user", "content": "draw"}, gone, {"role": "user", "content": "thanks"}]
    async with network(start_coordinator, WIDE_CATALOG, 32768) as (coordinator, worker), coordinator.http() as http:
        async with media_worker(coordinator, "edits"):
            asked = asyncio.create_task(http.post("/v1/responses", json=ASK | {"input": talk, "tools": tools}))
            start = await worker.serve("You are welcome.")
            answer = await asked
    assert answer.status_code == 200, answer.text
    called, output = chat_of(start).messages[1:3]
    assert (called.tool_calls[0].name, output.content) == (DRAW, "Drawn, and shown to the user.")


async def test_nobody_elses_picture_is_found_by_its_id(start_coordinator: Start) -> None:
    async with (
        network(start_coordinator, WIDE_CATALOG, 32768) as (coordinator, worker),
        media_worker(coordinator, "edits", serves=True) as media,
    ):
        async with coordinator.openai() as client:
            asked = asyncio.ensure_future(client.responses.create(**ASK))
            await drawn(worker)
            picture = next(item for item in (await asked).output if item.type == "image_generation_call")
        make_account(coordinator.config, "stranger")
        key = make_key(coordinator.config, account="stranger")
        await coordinator.running.services.accounts.refresh()
        async with coordinator.http(key) as http:
            body = ASK | {"input": [{"role": "user", "content": "bluer"}, {"type": picture.type, "id": picture.id}]}
            asking = asyncio.create_task(http.post("/v1/responses", json=body))
            first = await edited(worker)
            assert (await asking).status_code == 200
    assert len(media.asked) == 1
    assert "media:1" not in chat_of(first).messages[-1].content
