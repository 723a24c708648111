"""langchain-openai: ChatOpenAI with bound tools and structured output."""

from typing import Any

import openai
from langchain_core.messages import ToolMessage
from langchain_openai import ChatOpenAI
from outcome import KEY, MODEL, SAID, URL, Reply, expect, loop, tell

chat = ChatOpenAI(base_url=URL, api_key=KEY, model=MODEL, stream_usage=True)
tools = chat.bind_tools([SAID["tool"]])
HELLO = SAID["hello"]["ask"]


def streamed(runnable: Any, messages: Any) -> Any:
    total: Any = None
    for chunk in runnable.stream(messages):
        total = chunk if total is None else total + chunk
    return total


def step(ask: Any) -> Any:
    def reply(messages: list[Any]) -> Reply:
        message = ask(messages)
        return Reply(message, message.text, [(call["id"], call["name"], call["args"]) for call in message.tool_calls])

    return reply


def result(id: str, text: str) -> Any:
    return ToolMessage(text, tool_call_id=id)


def usage() -> None:
    for message in (chat.invoke(HELLO), streamed(chat, HELLO)):
        used = message.usage_metadata
        assert used["output_tokens"] > used["output_token_details"]["reasoning"] > 0, used


def schema() -> None:
    task = SAID["schema"]
    bound = chat.with_structured_output({"title": "weather", **task["schema"]}, method="json_schema", strict=True)
    assert set(bound.invoke(task["ask"])) == set(task["schema"]["required"])


def wrong_model() -> str:
    try:
        ChatOpenAI(base_url=URL, api_key=KEY, model="no-such-model").invoke(HELLO)
    except openai.NotFoundError as error:
        return type(error).__name__
    raise AssertionError("no error")


tell("whole answer", lambda: expect(chat.invoke(HELLO).text, SAID["hello"]["answer"]))
tell("streamed answer", lambda: expect(streamed(chat, HELLO).text, SAID["hello"]["answer"]))
tell("thought apart", lambda: False)  # it drops every field that OpenAI does not have
tell("usage", usage)
tell("call, result, ..., answer", lambda: loop(step(tools.invoke), SAID["in_turn"], result))
tell("the same, streamed", lambda: loop(step(lambda m: streamed(tools, m)), SAID["in_turn"], result))
tell("calls at once", lambda: loop(step(tools.invoke), SAID["at_once"], result))
tell("calls at once, streamed", lambda: loop(step(lambda m: streamed(tools, m)), SAID["at_once"], result))
tell("JSON schema", schema)
tell("typed error", wrong_model)
