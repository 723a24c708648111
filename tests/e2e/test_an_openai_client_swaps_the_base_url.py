"""The unchanged openai client against real processes and a real model that was trained to answer."""

import json
from typing import Any

import pytest
from openai import AuthenticationError, BadRequestError, NotFoundError, OpenAI
from openai.types.chat.chat_completion import Choice

from tools.local_network import MODEL, Network
from worker.bindings.vocab import Vocab

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    },
}
HELLO: Any = [{"role": "user", "content": "Hello!"}]


@pytest.fixture
def network(standing: Network) -> Network:
    return standing


def test_a_plain_chat(client: OpenAI) -> None:
    done = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=64)
    assert done.choices[0].message.content
    assert done.choices[0].finish_reason in ("stop", "length")
    assert done.usage is not None and done.usage.completion_tokens > 0
    assert done.usage.total_tokens == done.usage.prompt_tokens + done.usage.completion_tokens


def test_a_stream_adds_up_to_the_plain_answer(client: OpenAI) -> None:
    plain = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=64)
    stream = client.chat.completions.create(
        model=MODEL,
        messages=HELLO,
        max_tokens=64,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == plain.choices[0].message.content
    assert len([c for c in chunks if c.choices and c.choices[0].delta.content]) > 1, "token by token"
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == plain.choices[0].finish_reason
    assert chunks[-1].usage is not None and chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == plain.usage.completion_tokens  # type: ignore[union-attr]


def test_a_thought_arrives_apart_from_the_answer(client: OpenAI) -> None:
    done = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=128)
    message = done.choices[0].message
    thought = (message.model_extra or {}).get("reasoning_content")
    assert thought
    assert "<think>" not in (message.content or "") and "</think>" not in (message.content or "")
    details = done.usage.completion_tokens_details  # type: ignore[union-attr]
    assert details is not None and details.reasoning_tokens
    without = client.chat.completions.create(
        model=MODEL,
        messages=HELLO,
        max_tokens=128,
        extra_body={"chat_template_kwargs": {"enable_thinking": False}},
    )
    assert not (without.choices[0].message.model_extra or {}).get("reasoning_content")


@pytest.mark.parametrize("thinking", [True, False])
@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "get_weather"}}])
def test_a_forced_call_validates_against_its_schema(client: OpenAI, choice: Any, thinking: bool) -> None:
    done = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Tell me something."}],
        tools=[WEATHER],
        tool_choice=choice,
        max_tokens=400,
        extra_body={"chat_template_kwargs": {"enable_thinking": thinking}},
    )
    assert done.choices[0].finish_reason == "tool_calls", done
    call = (done.choices[0].message.tool_calls or [])[0]
    assert call.type == "function" and call.function.name == "get_weather"
    arguments = json.loads(call.function.arguments)
    assert set(arguments) == {"city", "unit"} and arguments["unit"] in ("celsius", "fahrenheit")
    assert isinstance(arguments["city"], str)


@pytest.mark.parametrize("thinking", [True, False])
def test_an_answer_by_a_schema_is_valid_and_only_the_limit_cuts_it(client: OpenAI, thinking: bool) -> None:
    schema = {
        "type": "object",
        "properties": {"sky": {"enum": ["blue", "grey"]}, "degrees": {"type": "integer", "minimum": 0, "maximum": 9}},
        "required": ["sky", "degrees"],
        "additionalProperties": False,
    }

    def ask(max_tokens: int) -> Choice:
        done = client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "What is the weather like?"}],
            response_format={"type": "json_schema", "json_schema": {"name": "w", "schema": schema, "strict": True}},
            max_tokens=max_tokens,
            extra_body={"chat_template_kwargs": {"enable_thinking": thinking}},
        )
        return done.choices[0]

    whole = ask(400)
    assert whole.finish_reason == "stop"
    answer = json.loads(whole.message.content or "")
    assert set(answer) == {"sky", "degrees"} and answer["sky"] in ("blue", "grey") and 0 <= answer["degrees"] <= 9
    assert ask(3).finish_reason == "length"


def test_a_thought_that_would_take_all_is_closed_so_that_an_answer_comes(client: OpenAI, network: Network) -> None:
    close = Vocab(str(network.model_file)).special["</think>"]
    done = client.chat.completions.create(
        model=MODEL,
        messages=HELLO,
        max_tokens=96,
        logit_bias={str(close): -100},  # the model itself never ends its thought
    )
    assert done.usage is not None and done.usage.completion_tokens_details is not None
    assert 32 <= (done.usage.completion_tokens_details.reasoning_tokens or 0) <= 40, (
        "96 less the 64 kept for the answer"
    )
    assert (done.choices[0].message.model_extra or {})["reasoning_content"]
    assert done.choices[0].message.content


def test_a_system_prompt_that_another_chat_has_just_read_is_told_as_cached(client: OpenAI) -> None:
    """The first still streams from its slot, so the second takes its beginning over into another."""
    system: Any = {"role": "system", "content": "Answer in one short sentence, and mind your manners. " * 20}
    first, second = ([system, {"role": "user", "content": text}] for text in ("Hello!", "Who are you?"))
    with client.chat.completions.create(model=MODEL, messages=first, max_tokens=1000, stream=True) as stream:
        next(stream)  # says who speaks, and may come while the prompt is still being read
        next(stream)
        done = client.chat.completions.create(model=MODEL, messages=second, max_tokens=8)
    details = done.usage.prompt_tokens_details  # type: ignore[union-attr]
    assert details is not None and details.cached_tokens is not None
    assert done.usage.prompt_tokens - 40 < details.cached_tokens < done.usage.prompt_tokens  # type: ignore[union-attr]


def test_models_are_listed_and_retrieved(client: OpenAI) -> None:
    listed = list(client.models.list())
    assert [model.id for model in listed] == [MODEL]
    one = client.models.retrieve(MODEL)
    assert (one.model_extra or {})["workers_online"] == 1


def test_errors_are_of_the_types_that_clients_catch(client: OpenAI, network: Network) -> None:
    with pytest.raises(NotFoundError) as unknown:
        client.chat.completions.create(model="gpt-9", messages=HELLO)
    assert unknown.value.code == "model_not_found"
    with pytest.raises(BadRequestError) as wrong:
        client.chat.completions.create(model=MODEL, messages=HELLO, temperature=9)
    assert wrong.value.param == "temperature"
    with pytest.raises(BadRequestError) as long:
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "word " * 20000}])
    assert long.value.code == "context_length_exceeded"
    with pytest.raises(AuthenticationError):
        OpenAI(base_url=network.url + "/v1", api_key="sk-wrong", max_retries=0).models.list()
