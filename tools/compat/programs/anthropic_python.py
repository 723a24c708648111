"""The anthropic package for Python."""

import json
from typing import Any

import anthropic
from outcome import KEY, MODEL, SAID, URL, Reply, expect, loop, tell

client = anthropic.Anthropic(base_url=URL.removesuffix("/v1"), api_key=KEY)
HELLO = [{"role": "user", "content": SAID["hello"]["ask"]}]
FUNCTION = SAID["tool"]["function"]
TOOL = {"name": FUNCTION["name"], "description": FUNCTION["description"], "input_schema": FUNCTION["parameters"]}


def wishes(messages: list[Any], **more: Any) -> dict[str, Any]:
    return {"model": MODEL, "max_tokens": 4000, "thinking": {"type": "adaptive"}, "messages": messages, **more}


def whole(messages: list[Any], **more: Any) -> Any:
    return client.messages.create(**wishes(messages, **more))


def streamed(messages: list[Any], **more: Any) -> Any:
    with client.messages.stream(**wishes(messages, **more)) as stream:
        return stream.get_final_message()


def text(message: Any, kind: str = "text") -> str:
    return "".join(
        getattr(block, "text" if kind == "text" else kind) for block in message.content if block.type == kind
    )


def step(ask: Any) -> Any:
    def reply(messages: list[Any]) -> Reply:
        message = ask(messages, tools=[TOOL])
        calls = [(block.id, block.name, block.input) for block in message.content if block.type == "tool_use"]
        assert message.stop_reason == ("tool_use" if calls else "end_turn"), message.stop_reason
        return Reply({"role": "assistant", "content": message.content}, text(message), calls)

    return reply


def result(id: str, words: str) -> Any:
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": words}]}


def usage() -> None:
    for ask in (whole, streamed):
        used = ask(HELLO).usage
        assert used.output_tokens > 0 and used.input_tokens + used.cache_read_input_tokens > 0, used


def schema() -> None:
    task = SAID["schema"]
    format = {"type": "json_schema", "schema": task["schema"]}
    found = text(whole([{"role": "user", "content": task["ask"]}], output_config={"format": format}))
    assert set(json.loads(found)) == set(task["schema"]["required"]), found


def wrong_model() -> str:
    try:
        client.messages.create(**{**wishes(HELLO), "model": "claude-opus-4-8"})
    except anthropic.NotFoundError as error:
        assert "ANTHROPIC_MODEL" in error.message and error.request_id, error
        return type(error).__name__
    raise AssertionError("no error")


tell("whole answer", lambda: expect(text(whole(HELLO)), SAID["hello"]["answer"]))
tell("streamed answer", lambda: expect(text(streamed(HELLO)), SAID["hello"]["answer"]))
tell("thought apart", lambda: expect(text(whole(HELLO), "thinking"), SAID["hello"]["thought"]))
tell("usage", usage)
tell("call, result, ..., answer", lambda: loop(step(whole), SAID["in_turn"], result))
tell("the same, streamed", lambda: loop(step(streamed), SAID["in_turn"], result))
tell("calls at once", lambda: loop(step(whole), SAID["at_once"], result))
tell("calls at once, streamed", lambda: loop(step(streamed), SAID["at_once"], result))
tell("JSON schema", schema)
tell("typed error", wrong_model)
if "picture" in SAID:
    IMAGE = {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": SAID["picture"]["url"].partition(",")[2]},
    }

    def picture(ask: Any) -> Any:
        def check() -> None:
            task = SAID["look"]
            content = [IMAGE, {"type": "text", "text": task["ask"]}]
            expect(text(ask([{"role": "user", "content": content}])), task["answer"])

        return check

    def shown(id: str, words: str) -> Any:
        content = [{"type": "text", "text": words}, IMAGE]
        return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": content}]}

    tell("a picture", picture(whole))
    tell("a picture, streamed", picture(streamed))
    tell("a picture from a tool", lambda: loop(step(whole), SAID["map"], shown))
