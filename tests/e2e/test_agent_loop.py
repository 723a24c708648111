"""An agent's loop through the unchanged openai client: call, result, second call, result, answer."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import LengthFinishReasonError, OpenAI
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion

from tools.compat import conversation as said
from tools.local_network import MODEL, Network

Message = dict[str, Any]
STEPS = 8  # an agent that has not answered by then never will


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_chat: Path) -> Iterator[OpenAI]:
    """A client of a network with the model that was trained to call functions."""
    if not tiny_chat.exists():
        pytest.skip(f"{tiny_chat.name} has not been trained yet")
    network = Network(tmp_path_factory.mktemp("trained"), tiny_chat)
    try:
        network.start_coordinator()
        network.start_worker()
        with OpenAI(base_url=network.url + "/v1", api_key=network.key, max_retries=0) as client:
            yield client
    finally:
        network.close()


def ask(client: OpenAI, stream: bool, **request: Any) -> ChatCompletion:
    """One completion; a streamed one is put together by the client's own code."""
    if not stream:
        whole: ChatCompletion = client.chat.completions.create(model=MODEL, **request)
        return whole
    state = ChatCompletionStreamState()
    options = {"stream": True, "stream_options": {"include_usage": True}}
    for chunk in client.chat.completions.create(model=MODEL, **request, **options):  # type: ignore[call-overload]
        state.handle_chunk(chunk)
    try:
        return state.get_final_completion()
    except LengthFinishReasonError as cut:  # the client parses no answer that max_tokens cut
        return cut.completion


def loop(
    client: OpenAI, stream: bool, messages: list[Message], functions: dict[str, Callable[..., str]], **request: Any
) -> tuple[list[Message], list[list[tuple[str, Any]]]]:
    """Run calls and feed their results back until the model answers: all messages, and the calls of each step."""
    steps: list[list[tuple[str, Any]]] = []
    for _ in range(STEPS):
        done = ask(client, stream, messages=messages, **request)
        answer = done.choices[0].message.model_dump(exclude_none=True)
        messages = [*messages, {key: value for key, value in answer.items() if key != "parsed"}]
        calls = done.choices[0].message.tool_calls or []
        assert done.choices[0].finish_reason == ("tool_calls" if calls else "stop")
        if not calls:
            return messages, steps
        assert len({call.id for call in calls}) == len(calls)
        steps.append([(call.function.name, json.loads(call.function.arguments)) for call in calls])  # type: ignore[union-attr]
        for call, (name, values) in zip(calls, steps[-1], strict=True):
            messages.append({"role": "tool", "tool_call_id": call.id, "content": functions[name](**values)})
    pytest.fail(f"no answer after {STEPS} steps: {steps}")


def user(text: str) -> list[Message]:
    return [{"role": "user", "content": text}]


SCRIPTED = {"get_weather": said.get_weather}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_one_call_after_another_leads_to_the_answer(scripted: OpenAI, stream: bool) -> None:
    messages, steps = loop(scripted, stream, user(said.IN_TURN), SCRIPTED, tools=[said.WEATHER])
    assert steps == [[("get_weather", said.arguments(city))] for city in ("Paris", "Rome")]
    spoken = [message for message in messages if message["role"] == "assistant"]
    assert [message["reasoning_content"] for message in spoken] == ["Paris first.", "Then Rome.", "24 less 18."]
    assert not spoken[0].get("content")
    assert spoken[1]["content"].strip() == said.BETWEEN
    assert spoken[2]["content"] == said.IN_TURN_ANSWER


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_three_calls_at_once_come_apart_and_their_results_are_used(scripted: OpenAI, stream: bool) -> None:
    messages, steps = loop(scripted, stream, user(said.AT_ONCE), SCRIPTED, tools=[said.WEATHER])
    assert steps == [[("get_weather", said.arguments(city)) for city in ("Oslo", "Cairo", "Lima")]]
    assert messages[-1]["content"] == said.AT_ONCE_ANSWER


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_conversation_goes_on_with_the_answers_sent_back_as_they_came(scripted: OpenAI, stream: bool) -> None:
    messages, _ = loop(scripted, stream, user(said.IN_TURN), SCRIPTED, tools=[said.WEATHER])
    messages, steps = loop(scripted, stream, messages + user(said.AT_ONCE), SCRIPTED, tools=[said.WEATHER])
    assert len(steps[0]) == 3 and messages[-1]["content"] == said.AT_ONCE_ANSWER


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_thought_is_no_content_and_is_counted(scripted: OpenAI, stream: bool) -> None:
    done = ask(scripted, stream, messages=user(said.HELLO))
    message = done.choices[0].message
    assert (message.content, message.model_extra or {}) == (
        said.HELLO_ANSWER,
        (message.model_extra or {}) | {"reasoning_content": said.HELLO_THOUGHT},
    )
    assert done.usage and done.usage.completion_tokens_details
    thought, total = done.usage.completion_tokens_details.reasoning_tokens, done.usage.completion_tokens
    assert thought is not None and len(said.HELLO_THOUGHT) < thought < total


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_the_trained_model_calls_answers_and_calls_again(trained: OpenAI, stream: bool) -> None:
    tools: dict[str, Callable[..., str]] = {
        "get_weather": lambda city: "fog, 3 degrees" if city == "Warsaw" else "sun, 20 degrees",
        "get_time": lambda city: "12:34",
    }
    declared = [_about_a_city("get_weather", "Weather of a city"), _about_a_city("get_time", "Time in a city")]
    asked = user("What is the weather like in Warsaw?")
    messages, steps = loop(trained, stream, asked, tools, tools=declared, max_tokens=300)
    assert steps == [[("get_weather", {"city": "Warsaw"})]]
    assert "fog, 3 degrees" in messages[-1]["content"]
    messages += user("What time is it in Oslo?")
    messages, steps = loop(trained, stream, messages, tools, tools=declared, max_tokens=300)
    assert steps == [[("get_time", {"city": "Oslo"})]]
    assert "12:34" in messages[-1]["content"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_of_a_demanded_call_that_is_cut_a_client_sees_the_call_or_nothing(trained: OpenAI, stream: bool) -> None:
    asked: Message = {
        "messages": user("What is the weather like in Warsaw?"),
        "tools": [_about_a_city("get_weather", "Weather of a city")],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "extra_body": {"chat_template_kwargs": {"enable_thinking": False}},
    }
    named = []
    for most in range(1, 100):
        choice = ask(trained, stream, **asked, max_tokens=most).choices[0]
        calls = [call.function for call in choice.message.tool_calls or []]  # type: ignore[union-attr]
        assert not choice.message.content
        assert [call.name for call in calls] in ([], ["get_weather"])
        named.append(bool(calls))
        if choice.finish_reason == "tool_calls":
            assert json.loads(calls[0].arguments) == {"city": "Warsaw"}
            break
        assert choice.finish_reason == "length"
    assert choice.finish_reason == "tool_calls"
    assert named == sorted(named) and not named[0] and named[-2], "nothing, then the call as far as it came"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_thought_that_is_closed_by_force_leaves_no_tag_in_the_answer(trained: OpenAI, stream: bool) -> None:
    """At this heat the trained model goes on behind the forced `</think>`, and about once in ten closes again."""
    asked: Message = {"messages": user("What is the weather in Oslo and Berlin?"), "max_tokens": 68, "temperature": 2}
    asked |= {"tools": [_about_a_city("get_weather", "Weather of a city")], "top_p": 1, "extra_body": {"top_k": 0}}
    for seed in range(60):
        message = ask(trained, stream, **asked, seed=seed).choices[0].message
        thought = (message.model_extra or {}).get("reasoning_content", "")
        assert thought
        assert not any(tag in f"{thought}{message.content}" for tag in ("<think>", "</think>"))


def _about_a_city(name: str, about: str) -> Message:
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return {"type": "function", "function": {"name": name, "description": about, "parameters": parameters}}
