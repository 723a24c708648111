"""The service's own examples of its documentation, word for word but for host, key and model, with the real curl."""

import asyncio
import json
import shutil
from io import BytesIO
from subprocess import PIPE
from typing import Any

import pytest
from PIL import Image

from tests.coordinator.api.platform_driver import DRAW, balanced, call, link_in, names, network, turn
from tests.coordinator.conftest import Coordinator, Start, chat_of
from tests.coordinator.media_worker import make_of, media_worker
from wire.media import GenerateImage

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")

QUICK_TEST = r"""
curl https://api.sogni.ai/v1/chat/completions \
-H "Content-Type: application/json" \
-H "Authorization: Bearer YOUR_API_KEY" \
-d '{
"model": "qwen3.6-35b-a3b-gguf-iq4xs",
"messages": [
{"role": "user", "content": "Hello! What model are you?"}
]
}'
"""
AUTOMATIC_IMAGE = r"""
curl https://api.sogni.ai/v1/chat/completions \
-H "Content-Type: application/json" \
-H "Authorization: Bearer YOUR_API_KEY" \
-d '{
"model": "qwen3.6-35b-a3b-gguf-iq4xs",
"messages": [
{
"role": "user",
"content": "Generate a cinematic image of a neon-lit alley in Tokyo during rain."
}
]
}'
"""
DEVELOPER_ROLE = r"""
curl https://api.sogni.ai/v1/chat/completions \
-H "Content-Type: application/json" \
-H "Authorization: Bearer YOUR_API_KEY" \
-d '{
"model": "qwen3.6-35b-a3b-gguf-iq4xs",
"messages": [
{
"role": "developer",
"content": "You are a careful coding assistant. Explain changes before making risky suggestions."
},
{
"role": "user",
"content": "Write a React hook called useDebouncedValue in TypeScript."
}
]
}'
"""
WISH = "Generate a cinematic image of a neon-lit alley in Tokyo during rain."


async def run(coordinator: Coordinator, example: str) -> dict[str, Any]:
    """What the example prints, typed into a shell."""
    ours = (
        ("https://api.sogni.ai", coordinator.url),
        ("YOUR_API_KEY", coordinator.key),
        ("qwen3.6-35b-a3b-gguf-iq4xs", "tiny"),
    )
    for theirs, here in ours:
        assert example.count(theirs) == 1
        example = example.replace(theirs, here)
    process = await asyncio.create_subprocess_exec("sh", "-c", example, stdout=PIPE, stderr=PIPE)
    try:
        said, error = await asyncio.wait_for(process.communicate(), 90)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, error.decode()
    answer: dict[str, Any] = json.loads(said)
    assert "error" not in answer, answer
    return answer


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
    plain = AUTOMATIC_IMAGE.replace('"messages": [', '"sogni_tools": false,\n"messages": [')
    assert plain != AUTOMATIC_IMAGE
    async with network(start_coordinator) as (coordinator, worker), media_worker(coordinator, serves=True) as media:
        printed = asyncio.create_task(run(coordinator, plain))
        start = await turn(worker, "Rain falls on the neon.")
        answer = await printed
        assert media.asked == []
    assert chat_of(start).tools == ()
    assert answer["choices"][0]["message"]["content"] == "Rain falls on the neon."
    assert "sogni_tool_results" not in answer
