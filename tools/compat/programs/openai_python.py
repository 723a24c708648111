"""The openai package for Python."""

import json
from typing import Any

import openai
from openai.lib.streaming.chat import ChatCompletionStreamState
from outcome import KEY, MODEL, SAID, URL, Reply, expect, loop, tell, tool_message

client = openai.OpenAI(base_url=URL, api_key=KEY)
HELLO = [{"role": "user", "content": SAID["hello"]["ask"]}]


def whole(messages: list[Any], **more: Any) -> Any:
    return client.chat.completions.create(model=MODEL, messages=messages, **more)


def streamed(messages: list[Any], **more: Any) -> Any:
    state = ChatCompletionStreamState()
    options = {"stream": True, "stream_options": {"include_usage": True}}
    for chunk in whole(messages, **options, **more):
        state.handle_chunk(chunk)
    return state.get_final_completion()


def step(ask: Any) -> Any:
    def reply(messages: list[Any]) -> Reply:
        message = ask(messages, tools=[SAID["tool"]]).choices[0].message
        calls = [
            (call.id, call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or []
        ]
        back = message.model_dump(exclude_none=True)
        return Reply(back, message.content or "", calls)

    return reply


def thought() -> None:
    message = whole(HELLO).choices[0].message
    expect(message.model_extra["reasoning_content"], SAID["hello"]["thought"])


def usage() -> None:
    for ask in (whole, streamed):
        used = ask(HELLO).usage
        assert used.completion_tokens > used.completion_tokens_details.reasoning_tokens > 0, used
        assert used.prompt_tokens + used.completion_tokens == used.total_tokens, used


def schema() -> None:
    task = SAID["schema"]
    wanted = {"type": "json_schema", "json_schema": {"name": "weather", "strict": True, "schema": task["schema"]}}
    text = whole([{"role": "user", "content": task["ask"]}], response_format=wanted).choices[0].message.content
    assert set(json.loads(text)) == set(task["schema"]["required"]), text


def picture(ask: Any) -> Any:
    """A question about a picture, and a prompt that is longer by it."""

    def check() -> None:
        task, shown = SAID["look"], SAID["picture"]
        text = {"type": "text", "text": task["ask"]}
        image = {"type": "image_url", "image_url": {"url": shown["url"], "detail": "low"}}
        done = ask([{"role": "user", "content": [text, image]}])
        expect(done.choices[0].message.content, task["answer"])
        blind = ask([{"role": "user", "content": [text]}])
        assert done.usage.prompt_tokens >= blind.usage.prompt_tokens + shown["tokens"], (done.usage, blind.usage)

    return check


def tool_picture(id: str, text: str) -> dict[str, Any]:
    image = {"type": "image_url", "image_url": {"url": SAID["picture"]["url"]}}
    return {"role": "tool", "tool_call_id": id, "content": [{"type": "text", "text": text}, image]}


def responses() -> None:
    """The same in the Responses API: a picture of the user's, and one in the output of a call."""
    url, task = SAID["picture"]["url"], SAID["look"]
    image = {"type": "input_image", "image_url": url, "detail": "auto"}
    content = [{"type": "input_text", "text": task["ask"]}, image]
    asked: Any = [{"role": "user", "content": content}]
    expect(client.responses.create(model=MODEL, input=asked).output_text, task["answer"])
    function = SAID["tool"]["function"]
    tools: Any = [{"type": "function", "strict": False, **function}]
    items: Any = [{"role": "user", "content": SAID["map"]["ask"]}]
    first = client.responses.create(model=MODEL, input=items, tools=tools)
    items += [item.model_dump(exclude_none=True) for item in first.output]
    call = next(item for item in first.output if item.type == "function_call")
    words = SAID["results"][json.loads(call.arguments)["city"]]
    output = [{"type": "input_text", "text": words}, image]
    items.append({"type": "function_call_output", "call_id": call.call_id, "output": output})
    expect(client.responses.create(model=MODEL, input=items, tools=tools).output_text, SAID["map"]["answer"])


def wrong_model() -> str:
    try:
        client.chat.completions.create(model="no-such-model", messages=HELLO)
    except openai.NotFoundError as error:
        assert error.code == "model_not_found" and error.request_id, error
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
tell("list of models", lambda: expect(next(iter(client.models.list())).id, MODEL))
if "picture" in SAID:
    tell("a picture", picture(whole))
    tell("a picture, streamed", picture(streamed))
    tell("a picture from a tool", lambda: loop(step(whole), SAID["map"], tool_picture))
    tell("pictures in /v1/responses", responses)
