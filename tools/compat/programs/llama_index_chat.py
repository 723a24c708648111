"""llama-index: its OpenAILike model, with tools."""

from typing import Any

import openai
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool, ToolMetadata
from llama_index.llms.openai_like import OpenAILike
from outcome import KEY, MODEL, SAID, URL, Reply, expect, loop, tell
from pydantic import create_model

llm = OpenAILike(model=MODEL, api_base=URL, api_key=KEY, is_chat_model=True, is_function_calling_model=True)
HELLO = [ChatMessage(role="user", content=SAID["hello"]["ask"])]
FUNCTION = SAID["tool"]["function"]
KINDS: dict[str, Any] = {"string": str, "integer": int}
FIELDS: dict[str, Any] = {
    name: (KINDS[schema["type"]], ...) for name, schema in FUNCTION["parameters"]["properties"].items()
}
TOOL = FunctionTool(
    fn=lambda **_: "",
    metadata=ToolMetadata(
        name=FUNCTION["name"], description=FUNCTION["description"], fn_schema=create_model("Arguments", **FIELDS)
    ),
)


def last(stream: Any) -> Any:
    return list(stream)[-1]


def step(ask: Any) -> Any:
    def reply(messages: list[Any]) -> Reply:
        given = [ChatMessage(**one) if isinstance(one, dict) else one for one in messages]
        response = ask([TOOL], chat_history=given, allow_parallel_tool_calls=True)
        calls = llm.get_tool_calls_from_response(response, error_on_no_tool_call=False)
        found = [(call.tool_id, call.tool_name, call.tool_kwargs) for call in calls]
        return Reply(response.message, response.message.content or "", found)

    return reply


def result(id: str, text: str) -> Any:
    return ChatMessage(role="tool", content=text, additional_kwargs={"tool_call_id": id})


def streamed(*args: Any, **more: Any) -> Any:
    return last(llm.stream_chat_with_tools(*args, **more))


def wrong_model() -> str:
    try:
        OpenAILike(model="no-such-model", api_base=URL, api_key=KEY, is_chat_model=True).chat(HELLO)
    except openai.NotFoundError as error:
        return type(error).__name__
    raise AssertionError("no error")


tell("whole answer", lambda: expect(llm.chat(HELLO).message.content, SAID["hello"]["answer"]))
tell("streamed answer", lambda: expect(last(llm.stream_chat(HELLO)).message.content, SAID["hello"]["answer"]))
tell("call, result, ..., answer", lambda: loop(step(llm.chat_with_tools), SAID["in_turn"], result))
tell("the same, streamed", lambda: loop(step(streamed), SAID["in_turn"], result))
tell("calls at once", lambda: loop(step(llm.chat_with_tools), SAID["at_once"], result))
tell("calls at once, streamed", lambda: loop(step(streamed), SAID["at_once"], result))
tell("typed error", wrong_model)
