"""One body of the Messages API -> the same job as of chat completions, or a refusal that names the field."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.anthropic.fields import ACCEPTED, LIMITED, REFUSED
from coordinator.anthropic.request import parse
from coordinator.openai import chat_request
from coordinator.request import ChatJob, PlatformWish
from tests.coordinator.openai.test_chat_request import CATALOG, GOOD, PLAIN, SLOW, THINKER, VALUES
from tests.coordinator.openai.test_chat_request import check as check_job
from tests.coordinator.pictures import image, png
from wire.errors import ErrorCode, SupernetError

SCHEMA = {"type": "object", "properties": {"title": {"type": "string"}}}
TOOL = {"name": "look", "input_schema": {"type": "object"}}
OPENAI_TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
ON = {"type": "adaptive"}
KEEP_ALL = {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}


def asked(_headers: dict[str, str] | None = None, **body: Any) -> ChatJob:
    body = {"messages": [{"role": "user", "content": "Hi"}], **body}
    return parse(json.dumps(body).encode(), CATALOG, _headers or {})


def refused(param: str | None, **body: Any) -> SupernetError:
    with pytest.raises(SupernetError) as caught:
        asked(**body)
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    assert caught.value.param == param
    return caught.value


def chat(thinks: bool = False, **body: Any) -> ChatJob:
    body = {
        "messages": [{"role": "user", "content": "Hi"}],
        "chat_template_kwargs": {"enable_thinking": thinks},
        **body,
    }
    return chat_request.parse(json.dumps(body).encode(), CATALOG, {})


def test_a_bare_request_is_a_bare_chat_completion_that_does_not_think() -> None:
    assert asked() == chat()


@pytest.mark.parametrize(
    ("body", "same"),
    [
        ({"max_tokens": 7}, {"max_tokens": 7}),
        ({"max_tokens": 10**6}, {"max_tokens": 10**6}),
        ({"temperature": 0, "top_p": 0.5, "top_k": 3}, {"temperature": 0, "top_p": 0.5, "top_k": 3}),
        ({"stop_sequences": ["a", "b"]}, {"stop": ["a", "b"]}),
        ({"stream": True}, {"stream": True}),
        ({"metadata": {"user_id": "u"}}, {"user": "u"}),
        ({"tools": [TOOL]}, {"tools": [OPENAI_TOOL]}),
        ({"tools": [TOOL], "tool_choice": {"type": "any"}}, {"tools": [OPENAI_TOOL], "tool_choice": "required"}),
        (
            {"tools": [TOOL], "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
            {"tools": [OPENAI_TOOL], "parallel_tool_calls": False},
        ),
        ({"thinking": ON}, {"thinks": True}),
        ({"thinking": ON, "output_config": {"effort": "low"}}, {"thinks": True, "reasoning_effort": "low"}),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}, {}),
        ({"output_config": {"effort": "high"}}, {}),
        ({"context_management": KEEP_ALL}, {"preserve": True}),
        ({"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}}, {}),
        *(
            (
                where,
                {"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA, "strict": True}}},
            )
            for where in (
                {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
                {"output_format": {"type": "json_schema", "schema": SCHEMA}},
            )
        ),
        ({"seed": 7, "token_type": "spark"}, {"seed": 7, "token_type": "spark"}),
    ],
)
def test_a_field_means_what_its_like_means_in_chat_completions(body: dict[str, Any], same: dict[str, Any]) -> None:
    kwargs = {"enable_thinking": same.pop("thinks", False), "preserve_thinking": same.pop("preserve", False)}
    like = chat(**same, chat_template_kwargs=kwargs)
    assert asked(**body) == replace(like, platform=PlatformWish())  # of platform tools this API says nothing


def test_a_budget_bounds_the_thought_whatever_the_effort() -> None:
    enabled = {"type": "enabled", "budget_tokens": 2048}
    request = asked(thinking=enabled, output_config={"effort": "low"}).request
    assert (request.thinking, request.reasoning_budget) == (True, 2048)
    assert asked(thinking={**enabled, "budget_tokens": 10**9}).request.reasoning_budget == THINKER.max_output


def test_a_model_that_cannot_think_takes_what_clients_always_send() -> None:
    request = asked(model="plain", thinking=ON, context_management=KEEP_ALL).request
    assert not request.thinking and not request.preserve_thinking


def test_an_unknown_model_says_which_there_are_and_where_claude_code_takes_its_model_from() -> None:
    with pytest.raises(SupernetError) as caught:
        asked(model="claude-opus-4-8")
    assert caught.value.code is ErrorCode.MODEL_NOT_FOUND
    for said in ("thinker", "plain", "ANTHROPIC_MODEL", "ANTHROPIC_DEFAULT_HAIKU_MODEL"):
        assert said in caught.value.message
    assert asked().model is THINKER
    assert asked(model="plain").model is PLAIN


def test_a_tool_that_is_left_out_is_a_warning() -> None:
    assert asked(tools=[TOOL, {"type": "web_search_20250305", "name": "w"}]).warnings == (
        "tools of type 'web_search_20250305' are not offered here: the model was not told of them",
    )


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": []}, "messages"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"temperature": 3}, "temperature"),
        ({"stop_sequences": ["x"] * 5}, "stop_sequences"),
        ({"thinking": {}}, "thinking.type"),
        ({"thinking": {"type": "sometimes"}}, "thinking.type"),
        ({"thinking": {"type": "enabled", "budget_tokens": 0}}, "thinking.budget_tokens"),
        ({"output_config": {"effort": "vast"}}, "output_config.effort"),
        ({"output_config": {"format": {"type": "text"}}}, "output_config.format.type"),
        (
            {
                "output_format": {"type": "json_schema", "schema": {}},
                "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
            },
            "output_format",
        ),
        (
            {"output_config": {"format": {"type": "json_schema", "schema": {"not": {}}}}},
            "output_config.format.schema",
        ),
        ({"context_management": "x"}, "context_management"),
        ({"context_management": {"edits": "x"}}, "context_management"),
        ({"metadata": {"user_id": 7}}, "metadata.user_id"),
        ({"system": [{"type": "image"}]}, "system[0].type"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_what_cannot_be_honoured_is_named(body: dict[str, Any], param: str) -> None:
    assert f"'{param}'" in refused(param, **body).message


@pytest.mark.parametrize("name", REFUSED)
def test_refused_fields_say_what_to_do_instead(name: str) -> None:
    assert REFUSED[name] in refused(name, **{name: "value"}).message
    assert asked(**{name: None}) == asked()


@pytest.mark.parametrize("name", [name for name in LIMITED if "." not in name])
def test_limited_fields_let_the_harmless_values_through(name: str) -> None:
    values, why = LIMITED[name]
    for value in values:
        assert asked(**{name: value}) == asked()
    assert why in refused(name, **{name: "something else"}).message


@pytest.mark.parametrize("name", [name for name in ACCEPTED if "." not in name])
@pytest.mark.parametrize("value", [True, None, "x", {"a": 1}])
def test_accepted_fields_change_nothing(name: str, value: Any) -> None:
    assert asked(**{name: value}) == asked()


def test_a_request_as_claude_code_sends_it() -> None:
    """The fields of Claude Code 2.1.197, its texts and schemas shortened."""
    cached = {"cache_control": {"type": "ephemeral"}}
    body = {
        "model": "thinker",
        "max_tokens": 32000,
        "stream": True,
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.197.d7d;"},
            {"type": "text", "text": "You are an agent.", **cached},
        ],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "<system-reminder>"}, {"type": "text", "text": "x"}]},
            {"role": "system", "content": "Available agent types"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Look.", "signature": ""},
                    {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"file_path": "word.txt"}},
                ],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "1\tx", **cached}],
            },
        ],
        "tools": [{"name": "Read", "description": "Reads.", "input_schema": {"type": "object"}}],
        "metadata": {"user_id": "{}"},
        "thinking": {"type": "adaptive"},
        "context_management": KEEP_ALL,
        "output_config": {"effort": "high"},
    }
    request = parse(json.dumps(body).encode(), CATALOG, {}).request
    assert [message.role for message in request.messages] == ["system", "user", "system", "assistant", "tool"]
    assert (request.messages[0].content, request.messages[3].reasoning) == ("You are an agent.", "Look.")
    assert request.thinking and request.preserve_thinking and request.reasoning_budget is None


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"1", b"", b"{", b"\xff", b'{"messages": NaN}'])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(SupernetError):
        parse(body, CATALOG, {})


# ---- any input -------------------------------------------------------------------------------------------------------

KEYS = "type text thinking signature data id name input tool_use_id content is_error source cache_control".split()
TYPES = ["text", "thinking", "redacted_thinking", "tool_use", "tool_result", "image"]
SOURCES = st.one_of(
    st.sampled_from(
        [image()["source"], image(png(1))["source"], image(b"%PDF")["source"], {"type": "url", "url": "x"}]
    ),
    VALUES,
)
IMAGES = st.builds(lambda source: {"type": "image", "source": source}, SOURCES)
BLOCKS = st.one_of(
    IMAGES,
    st.builds(lambda blocks: {"type": "tool_result", "tool_use_id": "a", "content": blocks}, st.lists(IMAGES)),
    st.fixed_dictionaries({"type": st.sampled_from(TYPES)}, optional={key: VALUES for key in KEYS[1:]}),
    st.fixed_dictionaries({"type": st.just("text"), "text": st.text(max_size=9)}),
    st.fixed_dictionaries({"type": st.just("tool_use"), "id": st.just("a"), "name": st.just("f"), "input": VALUES}),
    st.fixed_dictionaries({"type": st.just("tool_result"), "tool_use_id": st.just("a"), "content": VALUES}),
    VALUES,
)
MESSAGES = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "assistant", "system"]),
        "content": st.text(max_size=9) | st.lists(BLOCKS, max_size=4),
    }
)
TOOLS = st.one_of(
    st.fixed_dictionaries({"name": st.sampled_from(["f", "g"]), "input_schema": st.just({}) | VALUES}),
    st.fixed_dictionaries({"type": st.sampled_from(["custom", "web_search_20250305", "bash_20250124"])}),
    VALUES,
)
BODIES = st.fixed_dictionaries(
    {"messages": st.lists(MESSAGES, min_size=1, max_size=5)},
    optional={
        **{name: GOOD[name] for name in ("model", "temperature", "top_p", "topK", "seed", "max_tokens")},
        "system": st.text(max_size=9) | st.lists(BLOCKS, max_size=3),
        "tools": st.lists(TOOLS, max_size=4),
        "tool_choice": st.fixed_dictionaries({"type": st.sampled_from(["auto", "any", "none", "tool"])}) | VALUES,
        "thinking": st.fixed_dictionaries({"type": st.sampled_from(["enabled", "adaptive", "disabled"])}) | VALUES,
        "output_config": st.dictionaries(st.sampled_from(["effort", "format"]), VALUES, max_size=2),
        "context_management": VALUES,
        "metadata": VALUES,
    },
)
TOP = [name for name in [*ACCEPTED, *LIMITED, *REFUSED] if "." not in name and "[" not in name]
TOP += "messages system tools tool_choice thinking output_config output_format context_management max_tokens".split()
TOP += "metadata stop_sequences stream temperature top_k model".split()


def outcome(body: bytes) -> ChatJob | SupernetError:
    try:
        return parse(body, CATALOG, {})
    except SupernetError as error:
        return error


def check(result: ChatJob | SupernetError) -> None:
    """A refusal with a reason, or a job that crosses the wire unchanged."""
    check_job(result)


@SLOW
@given(VALUES | st.dictionaries(st.sampled_from(TOP), VALUES))
def test_any_json_is_a_job_or_a_refusal(value: Any) -> None:
    check(outcome(json.dumps(value).encode()))


@SLOW
@given(BODIES)
def test_a_plausible_body_is_a_job_or_a_refusal(body: dict[str, Any]) -> None:
    check(outcome(json.dumps(body).encode()))


@SLOW
@given(BODIES, st.sampled_from(TOP), VALUES)
def test_one_field_of_any_value_in_a_plausible_body_is_a_job_or_a_refusal(
    body: dict[str, Any], name: str, value: Any
) -> None:
    check(outcome(json.dumps({**body, name: value}).encode()))


def test_metadata_may_hold_the_callers_own_labels() -> None:
    assert asked(metadata={"user_id": "u", "trace": {"id": 1}}) == asked(metadata={"user_id": "u"})
    assert asked(metadata={"user_id": "u"}) != asked(metadata={"trace": "x"}) == asked()
    for user in (7, "x" * 513):
        refused("metadata.user_id", metadata={"user_id": user})
    refused("metadata", metadata="u")


def test_an_effort_may_be_the_models_own() -> None:
    assert asked(output_config={"effort": "auto"}) == asked()


def test_what_anthropics_newest_clients_send_is_taken_or_refused_with_a_reason() -> None:
    harmless: dict[str, Any] = {
        "billing_policy": {"type": "billing_policy", "bill_to": "self"},
        "fallbacks": "default",
        "fallback_credit_token": "x",
        "output_config": {"task_budget": {"type": "tokens", "total": 9}},
    }
    assert asked(**harmless) == asked()
    for name in ("thread", "compaction"):
        assert "Here: " in refused(name, **{name: {"type": "create"}}).message
    refused("billing_policy", billing_policy={"type": "billing_policy", "bill_to": "user_profile"})


def test_a_thought_between_tools_comes_behind_a_result_alone() -> None:
    thinking = {"type": "between_tools", "block_binding": {}}
    after = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "r"}]}
    for messages, thinks in (([after], True), ([after, {"role": "user", "content": "x"}], False)):
        assert asked(messages=messages, thinking=thinking).request.thinking is thinks
