"""One body -> one job: every field is honoured, or refused by its name, or on the written list."""

import json
from base64 import b64encode
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coordinator.api.pages import OPENAPI
from coordinator.openai.chat_request import parse
from coordinator.openai.field_table import ACCEPTED, LABELS, LIMITED, REFUSED
from coordinator.openai.fields import camel
from coordinator.openai.thinking import BUDGETS
from coordinator.request import ChatJob
from tests.coordinator.media.samples import MP3
from tests.coordinator.pictures import image_url, png, uri
from tests.thoroughness import at_most
from wire.catalog import Catalog, File, ModelSpec, Preset, Presets, Price
from wire.chat import ChatRequest, Message, Sampling, Tool
from wire.errors import ErrorCode, SupernetError
from wire.messages import Start
from worker.chat.pictures import pictures_of

THINKING_GENERAL = Preset(temperature=1.0, top_p=0.95, top_k=20, presence_penalty=1.5)
THINKING_CODING = Preset(temperature=0.6, top_p=0.95, top_k=20)
PLAIN_GENERAL = Preset(temperature=0.7, top_p=0.8, top_k=20, presence_penalty=1.5)
PLAIN_REASONING = Preset(temperature=1.0, top_p=1.0, top_k=40, presence_penalty=2.0)


def spec(model_id: str, **changes: Any) -> ModelSpec:
    fields: dict[str, Any] = {
        "id": model_id,
        "name": model_id.upper(),
        "format": "qwen-xml",
        "repository": "owner/name",
        "files": (File(name="a.gguf"),),
        "context": 65536,
        "max_output": 32768,
        "price": Price(prompt=300, completion=900),
        "licence": "Apache-2.0",
    }
    return ModelSpec(**{**fields, **changes})


PRESETS = Presets(
    thinking_general=THINKING_GENERAL,
    thinking_coding=THINKING_CODING,
    plain_general=PLAIN_GENERAL,
    plain_reasoning=PLAIN_REASONING,
)
THINKER = spec("thinker", thinking=True, presets=PRESETS)
PLAIN = spec("plain", max_output=512)
SEER = spec("seer", projector=File(name="eyes.gguf"))
CATALOG = Catalog(default="thinker", models=(THINKER, PLAIN, SEER))

TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


def job(_headers: dict[str, str] | None = None, **body: Any) -> ChatJob:
    body = {"messages": [{"role": "user", "content": "Hi"}], **body}
    return parse(json.dumps(body).encode(), CATALOG, _headers or {})


def sampling(**fields: Any) -> Sampling:
    return Sampling.model_validate(fields)


def chat_request(**fields: Any) -> ChatRequest:
    return ChatRequest.model_validate(fields)


def refused(param: str | None, **body: Any) -> SupernetError:
    with pytest.raises(SupernetError) as caught:
        job(**body)
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    assert caught.value.param == param
    return caught.value


def test_a_bare_request_gets_every_default() -> None:
    assert job() == ChatJob(
        model=THINKER,
        request=chat_request(
            messages=(Message(role="user", content="Hi"),),
            tool_choice="none",
            thinking=True,
            max_tokens=32768,
            sampling=sampling(temperature=1.0, top_p=0.95, top_k=20, presence_penalty=1.5),
        ),
        n=1,
        seed=None,
        stream=False,
        include_usage=False,
        continuous_usage=False,
        token_type="auto",
        user=None,
        metadata={},
    )


def test_a_full_request_arrives_whole() -> None:
    full = job(
        model="thinker",
        messages=[{"role": "developer", "content": "D"}, {"role": "user", "content": "Hi"}],
        max_completion_tokens=100,
        temperature=0,
        top_p=0.5,
        top_k=7,
        min_p=0.1,
        frequency_penalty=-2,
        presence_penalty=2,
        repetition_penalty=1.1,
        stop=["a", "b"],
        seed=42,
        n=4,
        logprobs=True,
        top_logprobs=20,
        logit_bias={"7": -100, "3": 1.5},
        response_format={"type": "json_object"},
        tools=[TOOL],
        tool_choice="required",
        parallel_tool_calls=False,
        stream=True,
        stream_options={"include_usage": True, "continuous_usage_stats": True, "include_obfuscation": False},
        task_profile="general",
        chat_template_kwargs={"enable_thinking": False, "preserve_thinking": True},
        token_type="spark",
        user="u",
        metadata={"k": "v"},
        ignore_eos=True,
    )
    assert full.request == chat_request(
        messages=(Message(role="system", content="D"), Message(role="user", content="Hi")),
        tools=(Tool(name="look", parameters={"type": "object"}),),
        tool_choice="required",
        parallel_tool_calls=False,
        json_schema={},
        thinking=False,
        preserve_thinking=True,
        max_tokens=100,
        stop=("a", "b"),
        ignore_eos=True,
        sampling=sampling(
            temperature=0,
            top_p=0.5,
            top_k=7,
            min_p=0.1,
            frequency_penalty=-2,
            presence_penalty=2,
            repetition_penalty=1.1,
            logit_bias=((3, 1.5), (7, -100.0)),
            top_logprobs=20,
        ),
    )
    assert (full.n, full.seed, full.stream, full.include_usage, full.continuous_usage) == (4, 42, True, True, True)
    assert (full.token_type, full.user, full.metadata) == ("spark", "u", {"k": "v"})


CAMEL: dict[str, Any] = {
    "maxTokens": 9,
    "topP": 0.5,
    "topK": 3,
    "minP": 0.1,
    "frequencyPenalty": 1,
    "presencePenalty": 1,
    "repetitionPenalty": 1.5,
    "topLogprobs": 2,
    "logitBias": {"1": 1},
    "responseFormat": {"type": "json_object"},
    "toolChoice": "none",
    "parallelToolCalls": False,
    "streamOptions": {"includeUsage": True},
    "taskProfile": "coding",
    "chatTemplateKwargs": {"enableThinking": False},
    "tokenType": "sogni",
    "ignoreEos": True,
    "safetyIdentifier": "s",
}


def test_camel_case_says_the_same_as_snake_case() -> None:
    same: dict[str, Any] = {
        **{name: value for name, value in CAMEL.items() if name not in ("streamOptions", "chatTemplateKwargs")},
        "stream_options": {"include_usage": True},
        "chat_template_kwargs": {"enable_thinking": False},
    }
    snake = {next((s for s in SNAKE if camel(s) == name), name): value for name, value in same.items()}
    assert not any(name != name.lower() for name in snake)
    extra: dict[str, Any] = {"stream": True, "logprobs": True, "tools": [TOOL]}
    assert job(**CAMEL, **extra) == job(**snake, **extra) != job(**extra)


SNAKE = [
    *("max_tokens", "top_p", "top_k", "min_p", "frequency_penalty", "presence_penalty", "repetition_penalty"),
    *("top_logprobs", "logit_bias", "response_format", "tool_choice", "parallel_tool_calls", "task_profile"),
    *("token_type", "ignore_eos", "safety_identifier"),
]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"odd": 1}, "odd"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "9"}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "max_completion_tokens"),
        ({"max_tokens": 5, "maxTokens": 6}, "max_tokens"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"top_k": 257}, "top_k"),
        ({"top_k": -2}, "top_k"),
        ({"min_p": 1.1}, "min_p"),
        ({"presence_penalty": 3}, "presence_penalty"),
        ({"frequency_penalty": -3}, "frequency_penalty"),
        ({"repetition_penalty": 0}, "repetition_penalty"),
        ({"repetition_penalty": 5e-324}, "repetition_penalty"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"stop": "a" * 65}, "stop"),
        ({"stop": [1]}, "stop"),
        ({"stop": {}}, "stop"),
        ({"seed": -(2**63) - 1}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"n": 0}, "n"),
        ({"n": 5}, "n"),
        ({"logprobs": 5}, "logprobs"),
        ({"top_logprobs": 5}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"logit_bias": []}, "logit_bias"),
        ({"logit_bias": {"a": 1}}, "logit_bias"),
        ({"logit_bias": {"-1": 1}}, "logit_bias"),
        ({"logit_bias": {"²": 1}}, "logit_bias"),
        ({"logit_bias": {"2147483648": 1}}, "logit_bias"),
        ({"logit_bias": {"1": 101}}, "logit_bias"),
        ({"logit_bias": {"1": None}}, "logit_bias"),
        ({"logit_bias": {"1": True}}, "logit_bias"),
        ({"logit_bias": {str(i): 1 for i in range(301)}}, "logit_bias"),
        ({"stream": "yes"}, "stream"),
        ({"stream": True, "stream_options": {"odd": True}}, "stream_options.odd"),
        ({"stream": True, "stream_options": {"continuous_usage_stats": True}}, "stream_options.continuous_usage_stats"),
        ({"stream": True, "stream_options": {"include_obfuscation": True}}, "stream_options.include_obfuscation"),
        ({"task_profile": "poetry"}, "task_profile"),
        ({"chat_template_kwargs": {"odd": 1}}, "chat_template_kwargs.odd"),
        ({"chat_template_kwargs": {"enable_thinking": "no"}}, "chat_template_kwargs.enable_thinking"),
        ({"reasoning_effort": "huge"}, "reasoning_effort"),
        ({"token_type": "euro"}, "token_type"),
        ({"user": 7}, "user"),
        ({"user": "u" * 513}, "user"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"k": 1}}, "metadata"),
        ({"metadata": {"k" * 65: "v"}}, "metadata"),
        ({"metadata": {"k": "v" * 513}}, "metadata"),
        ({"metadata": {str(i): "v" for i in range(17)}}, "metadata"),
        ({"model": 1}, "model"),
        ({"model": ""}, "model"),
        ({"ignore_eos": 1}, "ignore_eos"),
        ({"parallel_tool_calls": "no"}, "parallel_tool_calls"),
        ({"tools": [TOOL], "tool_choice": "sometimes"}, "tool_choice"),
        ({"response_format": "json"}, "response_format"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"billing_mode": "subscription"}, "billing_mode"),
        ({"sogni_tools": "some-tools"}, "sogni_tools"),
        ({"safe_content_filter": True}, "safe_content_filter"),
        ({"sogni_tools": False, "media_references": [{"kind": "image"}]}, "media_references"),
    ],
)
def test_a_field_that_cannot_be_honoured_is_named(body: dict[str, Any], param: str) -> None:
    error = refused(param, **body)
    assert f"'{param}'" in error.message


@pytest.mark.parametrize("name", REFUSED)
def test_refused_fields_say_what_to_do_instead(name: str) -> None:
    error = refused(name, **{name: "value"})
    assert REFUSED[name] in error.message
    assert job(**{name: None}) == job()


BROUGHT = {"input_audio": {"data": b64encode(MP3).decode()}, "file": {"file_data": uri()}}


def with_accepted(path: str) -> dict[str, Any]:
    """A body that has the field at `path` and whatever must be around it."""
    call = {"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    of_text = path.endswith(("cache_control", "annotations", "citations"))
    sealed = path.startswith("messages[].content[].") and not of_text
    part = {"type": "thinking", "thinking": "x"} if sealed else {"type": "text", "text": "x"}
    messages = [{"role": "assistant", "content": [part], "tool_calls": [call]}]
    if (kind := path.removeprefix("messages[].content[].").partition(".")[0]) in BROUGHT:
        messages = [{"role": "user", "content": [{"type": kind, kind: dict(BROUGHT[kind])}]}]
    body: dict[str, Any] = {
        "messages": messages,
        "reasoning": {},
        "tools": [json.loads(json.dumps(TOOL))],
        "response_format": {"type": "json_schema", "json_schema": {"schema": {}}},
    }
    if path.startswith("media_references"):
        body |= {"messages": [{"role": "user", "content": "x"}], "media_references": [{"url": uri()}]}
    if path:
        *steps, name = path.replace("[]", ".0").split(".")
        place: Any = body
        for step in steps:
            place = place[int(step)] if step.isdigit() else place[step]
        place[name] = True
    return body


@pytest.mark.parametrize("path", ACCEPTED)
def test_every_field_of_the_accepted_list_is_let_through_and_changes_nothing(path: str) -> None:
    without = with_accepted(path)
    *steps, name = path.replace("[]", ".0").split(".")
    place: Any = without
    for step in steps:
        place = place[int(step)] if step.isdigit() else place[step]
    del place[name]
    assert job(**with_accepted(path)) == job(**without)


@pytest.mark.parametrize("name", [name for name in LABELS if "." not in name])
def test_labels_change_nothing_that_a_worker_is_asked(name: str) -> None:
    value: Any = {"k": "v"} if name == "metadata" else "x"
    assert job(**{name: value}).request == job().request


@pytest.mark.parametrize("name", [name for name in LIMITED if "." not in name])
def test_limited_fields_let_the_harmless_values_through_and_say_why_others_are_not(name: str) -> None:
    values, why = LIMITED[name]
    for value in values:
        assert job(**{name: value}) == job()
    assert why in refused(name, **{name: "something else"}).message


def test_the_model_is_the_default_or_the_one_that_is_named() -> None:
    assert job().model is THINKER
    assert job(model="plain").model is PLAIN
    with pytest.raises(SupernetError) as caught:
        job(model="gpt-4o")
    assert caught.value.code is ErrorCode.MODEL_NOT_FOUND


def test_more_tokens_than_the_model_gives_are_lowered_to_what_it_gives() -> None:
    assert job(model="plain", max_tokens=32000).request.max_tokens == 512
    assert job(model="plain", max_tokens=100).request.max_tokens == 100
    assert job(max_tokens=100, max_completion_tokens=100).request.max_tokens == 100


@pytest.mark.parametrize(
    ("body", "preset"),
    [
        ({}, THINKING_GENERAL),
        ({"task_profile": "coding"}, THINKING_CODING),
        ({"task_profile": "reasoning"}, THINKING_GENERAL),
        ({"chat_template_kwargs": {"enable_thinking": False}}, PLAIN_GENERAL),
        ({"chat_template_kwargs": {"enable_thinking": False}, "task_profile": "reasoning"}, PLAIN_REASONING),
        ({"reasoning_effort": "none", "task_profile": "reasoning"}, PLAIN_REASONING),
        ({"messages": [{"role": "developer", "content": "D"}]}, THINKING_CODING),
        ({"messages": [{"role": "developer", "content": "D"}], "task_profile": "general"}, THINKING_GENERAL),
    ],
)
def test_the_profile_and_thinking_choose_the_preset(body: dict[str, Any], preset: Preset) -> None:
    assert job(**body).request.sampling == sampling(**preset.model_dump())


def test_explicit_sampling_wins_over_the_preset_even_when_it_is_zero() -> None:
    chosen = job(temperature=0, top_k=0, presence_penalty=0).request.sampling
    assert (chosen.temperature, chosen.top_k, chosen.presence_penalty) == (0, 0, 0)
    assert chosen.top_p == 0.95


def test_a_model_without_presets_has_the_neutral_sampling() -> None:
    assert job(model="plain").request.sampling == sampling()


def test_the_ends_of_top_p_and_top_k_have_a_meaning() -> None:
    assert job(top_p=0).request.sampling.top_p == 1e-6
    assert job(top_p=1).request.sampling.top_p == 1
    assert job(top_k=-1).request.sampling.top_k == 0


def test_an_effort_bounds_the_thought() -> None:
    for effort, budget in BUDGETS.items():
        request = job(reasoning_effort=effort).request
        assert (request.thinking, request.reasoning_budget) == (effort != "none", budget)


def test_enable_thinking_wins_over_an_effort() -> None:
    off = job(reasoning_effort="low", chat_template_kwargs={"enable_thinking": False}).request
    assert (off.thinking, off.reasoning_budget) == (False, None)
    on = job(reasoning_effort="none", chat_template_kwargs={"enable_thinking": True}).request
    assert (on.thinking, on.reasoning_budget) == (True, None)


def test_a_model_that_cannot_think_takes_any_effort_but_no_order_to_think() -> None:
    request = job(model="plain", reasoning_effort="low").request
    assert (request.thinking, request.reasoning_budget) == (False, None)
    assert not job(model="plain", chat_template_kwargs={"enable_thinking": False}).request.thinking
    for name in ("enable_thinking", "preserve_thinking"):
        refused(f"chat_template_kwargs.{name}", model="plain", chat_template_kwargs={name: True})


def test_a_seed_of_minus_one_is_a_random_one() -> None:
    assert job(seed=-1).seed is None
    assert job(seed=0).seed == 0
    assert job(seed=2**63 - 1).seed == 2**63 - 1


def test_any_other_negative_seed_is_a_seed_of_its_own() -> None:
    seeds = [job(seed=seed).seed for seed in (-2, -3, -(2**63), -(2**31))]
    assert all(seed is not None and 0 <= seed < 2**63 for seed in seeds)
    assert len(set(seeds)) == len(seeds)


def test_minus_one_is_the_models_own_limit() -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        limits: list[dict[str, Any]] = [{name: limit} for limit in (-1, 0, -2)]
        assert job(**limits[0]) == job()
        refused(name, **limits[1])
        refused(name, **limits[2])


def test_as_many_tokens_at_least_as_at_most_are_all_of_them() -> None:
    assert job(min_tokens=0) == job(min_tokens=1) == job()
    assert job(min_tokens=9, max_tokens=9) == job(ignore_eos=True, max_tokens=9)
    assert job(min_tokens=9, max_tokens=9, ignore_eos=True).request.ignore_eos
    asked = job(min_tokens=5, max_tokens=9)
    assert asked.request == job(max_tokens=9).request
    assert "'min_tokens' is not held" in asked.warnings[0]
    refused("min_tokens", min_tokens=-1)


def test_the_penalty_on_repetitions_has_two_names() -> None:
    assert job(repeat_penalty=1.1) == job(repetition_penalty=1.1) == job(repeat_penalty=1.1, repetition_penalty=1.1)
    refused("repeat_penalty", repeat_penalty=1.1, repetition_penalty=1.2)


def test_usage_of_a_stream_may_be_asked_for_where_there_is_none() -> None:
    for options in ({}, {"include_usage": True}, {"include_usage": True, "continuous_usage_stats": True}):
        assert job(stream_options=options) == job()


def test_logprobs_without_a_number_ask_for_the_chosen_tokens_only() -> None:
    assert job().request.sampling.top_logprobs is None
    assert job(logprobs=False).request.sampling.top_logprobs is None
    assert job(logprobs=True).request.sampling.top_logprobs == 0
    assert job(top_logprobs=0) == job(logprobs=False, top_logprobs=0) == job()
    assert job(logprobs=True, top_logprobs=5).request.sampling.top_logprobs == 5


def test_a_stop_may_be_one_string() -> None:
    assert job(stop="a").request.stop == ("a",)


def test_an_empty_stop_stops_nothing() -> None:
    assert job(stop="") == job(stop=[]) == job(stop=[""]) == job()
    assert job(stop=["", "a"]).request.stop == ("a",)
    assert job(stop=[]).request.stop == ()


def test_the_token_type_comes_from_the_body_then_from_the_header() -> None:
    header = {"x-token-type": "sogni"}
    assert job().token_type == "auto"
    assert job(header).token_type == "sogni"
    assert job({"X-Token-Type": "spark"}).token_type == "spark"
    assert job(header, token_type="spark").token_type == "spark"
    with pytest.raises(SupernetError) as caught:
        job({"X-Token-Type": "gold"})
    assert caught.value.param == "X-Token-Type"


def test_the_end_user_has_two_names() -> None:
    assert job(safety_identifier="s").user == "s"
    assert job(safety_identifier="s", user="u").user == "u"


def test_null_everywhere_is_the_same_as_nothing() -> None:
    names = [*SNAKE, *(name for name in [*REFUSED, *LIMITED, *ACCEPTED] if "." not in name)]
    names += ["stop", "seed", "n", "stream", "stream_options", "tools", "user", "metadata", "model", "temperature"]
    assert job(**dict.fromkeys(names)) == job()


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"1", b"true"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(SupernetError, match="expected an object"):
        parse(body, CATALOG, {})


def test_no_error_quotes_what_a_message_says() -> None:
    for content in ({"secret": 1}, [{"type": "text", "text": ["secret"]}], [["secret"]]):
        with pytest.raises(SupernetError) as caught:
            job(messages=[{"role": "user", "content": content}])
        assert "secret" not in caught.value.message


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
NAMES = [*SNAKE, *CAMEL, *REFUSED, *(name for name in [*LIMITED, *ACCEPTED] if "." not in name)]
NAMES += ["stop", "seed", "n", "stream", "stream_options", "tools", "user", "metadata", "temperature", "logprobs"]
NAMES += ["max_completion_tokens", "reasoning_effort", "chat_template_kwargs"]
URIS = st.sampled_from([uri(), uri(png(1)), uri(png(2)), "https://x/a.png", "data:image/png;base64,AAAA", ""])
PARTS = st.one_of(
    st.text(max_size=5).map(lambda words: {"type": "text", "text": words}),
    st.builds(lambda url: {"type": "image_url", "image_url": url}, URIS | VALUES),
    st.builds(lambda url, detail: image_url(url, detail=detail), URIS, st.sampled_from([None, "low", "high"])),
)
MESSAGES = st.one_of(
    st.fixed_dictionaries({"role": st.sampled_from(["system", "developer", "user"]), "content": st.text(max_size=9)}),
    st.fixed_dictionaries({"role": st.just("user"), "content": st.lists(PARTS, max_size=5)}),
    st.fixed_dictionaries({"role": st.just("tool"), "tool_call_id": st.just("a"), "content": st.lists(PARTS)}),
    st.fixed_dictionaries(
        {"role": st.just("assistant")},
        optional={
            "content": st.none() | st.text(max_size=9),
            "reasoning_content": st.none() | st.text(max_size=9),
            "tool_calls": st.just([{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{"}}]),
        },
    ),
    st.fixed_dictionaries({"role": st.just("tool"), "content": st.text(max_size=9), "tool_call_id": st.just("a")}),
)
SCHEMAS = st.dictionaries(st.text(max_size=9), VALUES, max_size=3)
TOOLS = st.fixed_dictionaries({"name": st.just("f"), "parameters": SCHEMAS}, optional={"strict": st.booleans()})
GOOD: dict[str, st.SearchStrategy[Any]] = {
    "model": st.sampled_from(["plain", "thinker", "seer"]),
    "temperature": st.floats(0, 2),
    "top_p": st.floats(0, 1),
    "topK": st.integers(-1, 256),
    "repetition_penalty": st.floats(0.1, 2),
    "max_tokens": st.integers(1, 10**9),
    "seed": st.integers(-1, 2**63 - 1),
    "stop": st.text(min_size=1, max_size=64) | st.lists(st.text(min_size=1, max_size=64), max_size=4),
    "logit_bias": st.dictionaries(st.integers(0, 2**31 - 1).map(str), st.floats(-100, 100), max_size=3),
    "tools": TOOLS.map(lambda function: [{"type": "function", "function": function}]),
    "response_format": SCHEMAS.map(lambda schema: {"type": "json_schema", "json_schema": {"schema": schema}}),
    "reasoning_effort": st.sampled_from(list(BUDGETS)),
    "metadata": st.dictionaries(st.text(max_size=64), st.text(max_size=99), max_size=4),
}
BODIES = st.fixed_dictionaries({"messages": st.lists(MESSAGES, min_size=1, max_size=3)}, optional=GOOD)


def outcome(body: bytes) -> ChatJob | SupernetError:
    try:
        return parse(body, CATALOG, {})
    except SupernetError as error:
        return error


def check(result: ChatJob | SupernetError) -> None:
    """A refusal that names a reason, or a request that goes over the wire and back without a change."""
    if isinstance(result, SupernetError):
        assert result.code in (ErrorCode.INVALID_REQUEST, ErrorCode.MODEL_NOT_FOUND)
        assert result.message
        return
    assert not result.blobs or result.model.projector
    start = Start(job="j", attempt=1, model=result.model.id, request=result.request, seed=result.seed or 0)
    assert Start.model_validate_json(start.model_dump_json(exclude_none=True)) == start
    images = pictures_of(result.request)  # as the worker sees them: in the text, in their order
    assert {image.sha256: image.size_bytes for image in images} == {
        sha256(file).hexdigest(): len(file) for file in result.blobs.values()
    }
    assert set(result.blobs) == {image.sha256 for image in images}
    assert len(result.pictures) == len(images)


SLOW = settings(max_examples=at_most(200), suppress_health_check=[HealthCheck.too_slow], deadline=None)


@SLOW
@given(VALUES | st.dictionaries(st.sampled_from([*NAMES, "messages", "model"]), VALUES))
def test_any_json_is_a_job_or_a_refusal(value: Any) -> None:
    check(outcome(json.dumps(value).encode()))


@SLOW
@given(BODIES)
def test_a_plausible_body_is_a_job_that_crosses_the_wire_unchanged(body: dict[str, Any]) -> None:
    check(outcome(json.dumps(body).encode()))


@SLOW
@given(BODIES, st.sampled_from(NAMES), VALUES)
def test_one_field_of_any_value_in_a_plausible_body_is_a_job_or_a_refusal(
    body: dict[str, Any], name: str, value: Any
) -> None:
    check(outcome(json.dumps({**body, name: value}).encode()))


@settings(max_examples=at_most(200), deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet='[]{}":,0truefalsn\\u', max_size=80).map(str.encode))
def test_any_bytes_are_a_job_or_a_refusal(body: bytes) -> None:
    assert isinstance(outcome(body), SupernetError | ChatJob)


def known(path: str) -> set[str]:
    """Every field that a reader of requests asks for, in both spellings: the document is made by watching it. The words
    in our code are among the texts that Hypothesis tries."""
    schemas = json.loads(OPENAPI)["components"]["schemas"]
    post = json.loads(OPENAPI)["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    names = schemas[post["$ref"].rpartition("/")[2]]["properties"]
    return {*names, *map(camel, names)}


KNOWN = known("/v1/chat/completions") | {*REFUSED, *map(camel, REFUSED)}


@settings(max_examples=at_most(150), deadline=None)
@given(st.text(min_size=1, max_size=20).filter(lambda name: name not in KNOWN))
def test_any_unknown_field_is_refused_by_name(name: str) -> None:
    error = outcome(json.dumps({"messages": [{"role": "user", "content": "Hi"}], name: 1}).encode())
    assert isinstance(error, SupernetError)
    assert error.param == name


HARMLESS: dict[str, Any] = {
    "plugins": [],
    "priority": 0,
    "detokenize": True,
    "return_token_ids": False,
    "continue_final_message": False,
    "add_generation_prompt": True,
    "timings_per_token": True,
    "reasoning_effort": "default",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_switches_that_ask_for_what_is_done_anyway_are_taken(name: str) -> None:
    assert job(**{name: HARMLESS[name]}) == job()


@pytest.mark.parametrize("name", ["plugins", "priority", "detokenize", "return_token_ids"])
def test_the_same_switches_are_refused_where_they_ask_for_more(name: str) -> None:
    refused(name, **{name: {"plugins": [{"id": "web"}], "priority": 1}.get(name, not HARMLESS[name])})


def test_usage_in_a_stream_has_openrouters_name_too() -> None:
    assert job(stream=True, usage={"include": True}).include_usage
    assert not job(stream=True, usage={"include": True}, stream_options={"include_usage": False}).include_usage
    assert job(stream=True, usage={"include": True}, stream_options={"continuous_usage_stats": True}).continuous_usage
    assert job(usage={"include": True}) == job()


def test_an_answer_goes_on_with_the_assistants_message_by_any_switch() -> None:
    begun = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]
    switches: dict[str, Any] = {"continue_final_message": True, "add_generation_prompt": False}
    assert job(messages=begun, **switches).request == job(messages=begun).request
    refused("continue_final_message", continue_final_message=True)
    refused("add_generation_prompt", messages=begun, add_generation_prompt=False)
