"""litellm: the gateway's library, through its openai provider."""

import json
from typing import Any

import litellm
from outcome import KEY, MODEL, SAID, URL, Reply, expect, loop, tell, tool_message

HELLO = [{"role": "user", "content": SAID["hello"]["ask"]}]


def whole(messages: list[Any], model: str = MODEL, **more: Any) -> Any:
    return litellm.completion(model=f"openai/{model}", api_base=URL, api_key=KEY, messages=messages, **more)


def streamed(messages: list[Any], **more: Any) -> Any:
    chunks = list(whole(messages, stream=True, stream_options={"include_usage": True}, **more))
    return litellm.stream_chunk_builder(chunks, messages=messages)


def step(ask: Any) -> Any:
    def reply(messages: list[Any]) -> Reply:
        message = ask(messages, tools=[SAID["tool"]]).choices[0].message
        calls = [
            (call.id, call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or []
        ]
        return Reply(message.model_dump(exclude_none=True), message.content or "", calls)

    return reply


def thought() -> None:
    for ask in (whole, streamed):
        expect(ask(HELLO).choices[0].message.reasoning_content, SAID["hello"]["thought"])


def usage() -> None:
    for ask in (whole, streamed):
        used = ask(HELLO).usage
        assert used.completion_tokens > used.completion_tokens_details.reasoning_tokens > 0, used


def schema() -> None:
    task = SAID["schema"]
    wanted = {"type": "json_schema", "json_schema": {"name": "weather", "strict": True, "schema": task["schema"]}}
    text = whole([{"role": "user", "content": task["ask"]}], response_format=wanted).choices[0].message.content
    assert set(json.loads(text)) == set(task["schema"]["required"]), text


def wrong_model() -> str:
    try:
        whole(HELLO, model="no-such-model")
    except litellm.NotFoundError as error:
        return type(error).__name__
    raise AssertionError("no error")


tell("whole answer", lambda: expect(whole(HELLO).choices[0].message.content, SAID["hello"]["answer"]))
tell("streamed answer", lambda: expect(streamed(HELLO).choices[0].message.content, SAID["hello"]["answer"]))
tell("thought apart", thought)
tell("usage", usage)
tell("call, result, ..., answer", lambda: loop(step(whole), SAID["in_turn"], tool_message))
tell("the same, streamed", lambda: loop(step(streamed), SAID["in_turn"], tool_message))
tell("calls at once", lambda: loop(step(whole), SAID["at_once"], tool_message))
tell("calls at once, streamed", lambda: loop(step(streamed), SAID["at_once"], tool_message))
tell("JSON schema", schema)
tell("typed error", wrong_model)
