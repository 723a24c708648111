"""Open WebUI: a tool of its own, which it calls itself, and chats."""

import json
from typing import Any

from open_webui_server import call, chat, serve
from outcome import MODEL, SAID, expect, tell

TOOL = f'''
class Tools:
    def get_weather(self, city: str, days: int) -> str:
        """
        How warm it is in a city
        :param city: the city
        :param days: how many days
        """
        return {SAID["results"]!r}[city]
'''


def whole(token: str) -> None:
    request = {"model": MODEL, "messages": [{"role": "user", "content": SAID["hello"]["ask"]}]}
    expect(call("/api/chat/completions", request, token)["choices"][0]["message"]["content"], SAID["hello"]["answer"])


def thought(token: str) -> None:
    output = chat(token, SAID["hello"]["ask"])["output"]
    expect(output[0]["content"][0]["text"], SAID["hello"]["thought"])
    expect(output[-1]["content"][0]["text"], SAID["hello"]["answer"])


def agent(token: str, task: dict[str, Any]) -> None:
    message = chat(token, task["ask"], tool_ids=["weather"])
    calls = [json.loads(item["arguments"])["city"] for item in message["output"] if item["type"] == "function_call"]
    assert calls == task["cities"], calls
    assert task["answer"] in message["content"], message["content"]


def outcomes(token: str) -> None:
    tell("list of models", lambda: expect(call("/api/models", token=token)["data"][0]["id"], MODEL))
    call("/api/v1/tools/create", {"id": "weather", "name": "w", "content": TOOL, "meta": {"description": "w"}}, token)
    tell("whole answer", lambda: whole(token))
    tell("streamed answer", lambda: expect(chat(token, SAID["hello"]["ask"])["content"], SAID["hello"]["answer"]))
    tell("thought apart", lambda: thought(token))
    tell("the same, streamed", lambda: agent(token, SAID["in_turn"]))
    tell("calls at once, streamed", lambda: agent(token, SAID["at_once"]))
    picture = {"type": "image_url", "image_url": {"url": SAID["picture"]["url"]}}
    look = SAID["look"]
    tell("a picture, streamed", lambda: expect(chat(token, look["ask"], picture)["content"], look["answer"]))


serve(outcomes)
