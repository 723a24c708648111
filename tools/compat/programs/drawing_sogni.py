"""The service's own SDK for Python where something is drawn: hosted chat, and chat over its socket."""

import asyncio
from functools import partial
from typing import Any

from drawn import ENDS, linked, made
from outcome import KEY, MODEL, SAID, SOCKET, URL, expect, tell
from sogni_client import SogniClient

DRAW = SAID["draw"]
MODES = (True, "creative-tools", "creative-agent", "rich")


async def asked(task: dict[str, Any], more: dict[str, Any]) -> Any:
    client = await SogniClient.create(api_key=KEY, rest_endpoint=URL.removesuffix("/v1"), disable_socket=True)
    async with client:
        messages = [{"role": "user", "content": task["ask"]}]
        return await client.chat.hosted.create({"model": MODEL, "messages": messages, **more})


def hosted(task: dict[str, Any], **more: Any) -> Any:
    return asyncio.run(asked(task, more))


def whole(task: dict[str, Any], media_type: str = "image/png", **more: Any) -> None:
    done = hosted(task, **more)
    (choice,) = done["choices"]
    assert choice["finish_reason"] in ENDS, choice
    assert not choice["message"].get("tool_calls"), choice
    made(done["sogni_tool_results"], linked(choice["message"]["content"], task["answer"], media_type))


def not_wanted() -> None:
    done = hosted(SAID["plain"], sogniTools=False)
    content = done["choices"][0]["message"]["content"]
    expect(content, SAID["plain"]["answer"])
    assert "](http" not in content, content
    assert "sogni_tool_results" not in done, done


def left_to_the_client() -> None:
    (choice,) = hosted(DRAW, sogniToolExecution=False)["choices"]
    assert choice["finish_reason"] == "tool_calls", choice
    assert [call["function"]["name"] for call in choice["message"]["tool_calls"]] == ["sogni_generate_image"]


async def over_the_socket(**more: Any) -> Any:
    endpoints = {"rest_endpoint": URL.removesuffix("/v1"), "socket_endpoint": SOCKET}
    async with await SogniClient.create(api_key=KEY, app_id="compat-python-draws", **endpoints) as client:
        messages = [{"role": "user", "content": DRAW["ask"]}]
        answer = await client.chat.completions.create(
            {"model": MODEL, "messages": messages, "sogniTools": True, **more}
        )
        if not more.get("stream"):
            return answer
        said = ""
        async for chunk in answer:
            assert not chunk.get("tool_calls"), chunk
            said += chunk["content"]
        assert said == answer.final_result["content"]
        return answer.final_result


def drawn_over_the_socket(**more: Any) -> None:
    result = asyncio.run(over_the_socket(**more))
    assert result["finishReason"] in ENDS, result
    linked(result["content"], DRAW["answer"])


tell("chat: whole", lambda: whole(DRAW))
for mode in MODES:
    words = str(mode).lower() if mode is True else mode
    tell(f"chat: sogni_tools {words}", partial(whole, DRAW, sogniTools=mode, sogniToolExecution=True))
tell("chat: not wanted", not_wanted)
tell("chat: calls left to the client", left_to_the_client)
tell("socket: whole", lambda: drawn_over_the_socket(sogniToolExecution=True))
tell("socket: streamed", lambda: drawn_over_the_socket(stream=True))
if "film" in SAID:
    references = [{"kind": "image", "url": SAID["picture"]}]
    tell("chat: a picture changed", lambda: whole(SAID["change"], mediaReferences=references))
    tell("chat: a film", lambda: whole(SAID["film"], "video/mp4"))
