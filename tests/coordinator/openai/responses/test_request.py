"""One body of the Responses API -> the same job as of chat completions, or a refusal that names the field."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.openai import chat_request
from coordinator.openai.fields import camel
from coordinator.openai.responses.fields import ACCEPTED, INCLUDED, LIMITED, REFUSED
from coordinator.openai.responses.request import ResponsesJob, parse
from coordinator.request import ChatJob
from tests.coordinator.openai.test_chat_request import CATALOG, GOOD, PLAIN, SLOW, THINKER, URIS, VALUES, known
from tests.coordinator.openai.test_chat_request import check as check_job
from tests.thoroughness import at_most
from wire.errors import ErrorCode, SupernetError

TOOL = {"type": "function", "name": "look", "parameters": {"type": "object"}}
OPENAI_TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


def asked(_headers: dict[str, str] | None = None, **body: Any) -> ResponsesJob:
    return parse(json.dumps({"input": "Hi", **body}).encode(), CATALOG, _headers or {})


def refused(param: str | None, **body: Any) -> SupernetError:
    with pytest.raises(SupernetError) as caught:
        asked(**body)
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    assert caught.value.param == param
    return caught.value


def chat(**body: Any) -> ChatJob:
    body = {"messages": [{"role": "user", "content": "Hi"}], **body}
    return chat_request.parse(json.dumps(body).encode(), CATALOG, {})


def test_a_bare_request_is_the_job_that_a_bare_chat_completion_is() -> None:
    assert asked().chat == chat()


@pytest.mark.parametrize(
    ("body", "same"),
    [
        ({"instructions": "Be brief."}, {"messages": [{"role": "system", "content": "Be brief."}, None]}),
        ({"input": [{"role": "developer", "content": "x"}]}, {"messages": [{"role": "developer", "content": "x"}]}),
        ({"max_output_tokens": 7}, {"max_tokens": 7}),
        ({"max_output_tokens": 10**6}, {"max_tokens": 10**6}),
        ({"temperature": 0, "top_p": 0.5, "top_k": 3}, {"temperature": 0, "top_p": 0.5, "top_k": 3}),
        ({"tools": [TOOL]}, {"tools": [OPENAI_TOOL]}),
        ({"tools": [TOOL], "tool_choice": "required"}, {"tools": [OPENAI_TOOL], "tool_choice": "required"}),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "name": "look"}},
            {"tools": [OPENAI_TOOL], "tool_choice": {"type": "function", "function": {"name": "look"}}},
        ),
        ({"tools": [TOOL], "parallel_tool_calls": False}, {"tools": [OPENAI_TOOL], "parallel_tool_calls": False}),
        ({"reasoning": {"effort": "low", "summary": "auto"}}, {"reasoning_effort": "low"}),
        ({"reasoning": {"effort": "none"}}, {"reasoning_effort": "none"}),
        ({"reasoning": {"context": "all_turns"}}, {"chat_template_kwargs": {"preserve_thinking": True}}),
        ({"reasoning": {"context": "auto"}}, {}),
        ({"text": {"format": {"type": "text"}, "verbosity": "medium"}}, {}),
        ({"text": {"format": {"type": "json_object"}}}, {"response_format": {"type": "json_object"}}),
        (
            {"text": {"format": {"type": "json_schema", "name": "a", "strict": True, "schema": {"type": "null"}}}},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "a", "strict": True, "schema": {"type": "null"}},
                }
            },
        ),
        ({"include": ["message.output_text.logprobs"]}, {"logprobs": True}),
        ({"include": ["message.output_text.logprobs"], "top_logprobs": 3}, {"logprobs": True, "top_logprobs": 3}),
        ({"top_logprobs": 3}, {"logprobs": True, "top_logprobs": 3}),
        ({"top_logprobs": 0}, {}),
        ({"stream": True}, {"stream": True}),
        ({"stream": True, "stream_options": {"include_obfuscation": False}}, {"stream": True}),
        ({"seed": 7, "stop": "x", "user": "u"}, {"seed": 7, "stop": "x", "user": "u"}),
        ({"metadata": {"a": "b"}}, {"metadata": {"a": "b"}}),
        ({"token_type": "spark", "task_profile": "coding"}, {"token_type": "spark", "task_profile": "coding"}),
        ({"chat_template_kwargs": {"enable_thinking": False}}, {"chat_template_kwargs": {"enable_thinking": False}}),
    ],
)
def test_a_field_means_what_its_like_means_in_chat_completions(body: dict[str, Any], same: dict[str, Any]) -> None:
    if None in same.get("messages", ()):
        same = {"messages": [same["messages"][0], {"role": "user", "content": "Hi"}]}
    assert asked(**body).chat == chat(**same)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"conversation": {"id": "conv_1"}}, "conversation"),
        ({"background": True}, "background"),
        ({"truncation": "middle"}, "truncation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"text": {"format": {"type": "grammar"}}}, "text.format.type"),
        ({"text": {"format": {"type": "json_schema", "name": "a"}}}, "text.format.schema"),
        ({"reasoning": {"mode": "pro"}}, "reasoning.mode"),
        ({"reasoning": {"effort": "vast"}}, "reasoning.effort"),
        ({"reasoning": {"context": "all_turns"}, "model": "plain"}, "reasoning.context"),
        ({"include": ["nothing.known"]}, "include[0]"),
        ({"include": [1]}, "include[0]"),
        ({"include": "reasoning.encrypted_content"}, "include"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"max_output_tokens": "many"}, "max_output_tokens"),
        ({"temperature": 3}, "temperature"),
        ({"top_logprobs": 21}, "top_logprobs"),
        ({"stream": True, "stream_options": {"include_obfuscation": True}}, "stream_options.include_obfuscation"),
        ({"n": 2}, "n"),
        ({"messages": [{"role": "user", "content": "Hi"}]}, "messages"),
        ({"instructions": ["x"]}, "instructions"),
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
@pytest.mark.parametrize("value", [True, False, None, "x", {"a": 1}])
def test_accepted_fields_change_nothing(name: str, value: Any) -> None:
    assert asked(**{name: value}) == asked()


def test_what_a_client_asks_for_by_habit_changes_nothing() -> None:
    assert asked(include=list(INCLUDED)) == asked()
    for habit in (
        {"text": {"verbosity": "low"}},
        {"truncation": "auto"},
        {"stream_options": {"include_obfuscation": False}},
        {"prompt_cache_retention": "24h"},
        {"max_output_tokens": -1},
        {"seed": -1},
        {"stop": ""},
        {"min_tokens": 0},
        {"best_of": 1},
        {"some_field_of_tomorrow": None},
    ):
        assert asked(**habit) == asked()


def test_a_tool_that_is_left_out_is_said_in_the_answer() -> None:
    job = asked(tools=[{"type": "web_search", "external_web_access": True}])
    assert job.chat.request == asked().chat.request
    assert job.chat.warnings == ("tools of type 'web_search' are not offered here: the model was not told of them",)


@pytest.mark.parametrize(
    "switch",
    [
        {"enable_thinking": False},
        {"thinking": {"type": "disabled"}},
        {"thinking_budget": 0},
        {"reasoning": {"enabled": False}},
        {"reasoning": {"effort": "none"}},
        {"think": False},
    ],
)
def test_a_thought_is_switched_off_in_the_words_of_every_client(switch: dict[str, Any]) -> None:
    assert asked(**switch).chat.request == asked(chat_template_kwargs={"enable_thinking": False}).chat.request


def test_a_thought_is_bounded_in_tokens() -> None:
    for body in ({"thinking_budget": 77}, {"reasoning": {"max_tokens": 77}}, {"thinking": {"budget_tokens": 77}}):
        assert asked(**body).chat.request.reasoning_budget == 77


def test_the_response_repeats_what_was_asked_resolved() -> None:
    body: dict[str, Any] = {
        "max_output_tokens": 9,
        "temperature": 0,
        "metadata": {"a": "b"},
        "user": "u",
        "instructions": "Brief.",
    }
    repeated = asked(**body, tools=[TOOL], reasoning={"effort": "low", "summary": "auto"}).repeated
    assert repeated == {
        "instructions": "Brief.",
        "max_output_tokens": 9,
        "parallel_tool_calls": True,
        "reasoning": {"effort": "low", "summary": None, "context": "current_turn"},
        "temperature": 0.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [{**TOOL, "description": "", "strict": False}],
        "top_logprobs": 0,
        "top_p": 0.95,
        "metadata": {"a": "b"},
        "user": "u",
    }


def test_the_model_is_the_default_or_the_one_that_is_named() -> None:
    assert asked().chat.model is THINKER
    assert asked(model="plain").chat.model is PLAIN


def test_a_request_as_codex_sends_it() -> None:
    """The fields of Codex 0.169's second request of a turn, its texts and schemas shortened."""
    text = {"type": "input_text", "text": "x"}
    function = {"type": "function", "name": "f", "description": "d", "strict": False, "parameters": {"type": "object"}}
    body = {
        "model": "thinker",
        "stream": True,
        "input": [
            {"type": "message", "id": "msg_1", "role": "developer", "content": [text]},
            {"type": "message", "id": "msg_2", "role": "user", "content": [text, text]},
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [],
                "content": [{"type": "reasoning_text", "text": "Look."}],
                "encrypted_content": None,
            },
            {"type": "function_call", "id": "fc_1", "name": "f", "arguments": "{}", "call_id": "call_1"},
            {"type": "function_call_output", "id": "fco_1", "call_id": "call_1", "output": "done"},
        ],
        "tools": [
            function,
            {"type": "namespace", "name": "agents", "description": "Others.", "tools": [function]},
            {"type": "web_search", "external_web_access": True},
        ],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "reasoning": {"summary": "auto"},
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "01a2",
        "client_metadata": {"session_id": "01a2", "x-codex-turn-metadata": "{}"},
    }
    job = parse(json.dumps(body).encode(), CATALOG, {})
    roles = [message.role for message in job.chat.request.messages]
    assert roles == ["system", "user", "assistant", "tool"]
    assert job.chat.request.messages[2].reasoning == "Look."
    assert [tool.name for tool in job.chat.request.tools] == ["f", "agents.f"]
    assert [tool["type"] for tool in job.repeated["tools"]] == ["function", "namespace"]
    assert job.chat.stream


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"1", b"", b"{", b"\xff", b'{"input": NaN}'])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(SupernetError):
        parse(body, CATALOG, {})


# ---- any input -------------------------------------------------------------------------------------------------------

ITEM_KEYS = "type role content id status phase call_id name namespace arguments output summary encrypted_content async"
PARTS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ["input_text", "output_text", "refusal", "reasoning_text", "summary_text", "input_image"]
        )
    },
    optional={
        "image_url": URIS | VALUES,
        "text": st.text(max_size=5) | VALUES,
        "refusal": st.text(max_size=5),
        "annotations": VALUES,
    },
)
WORDS = st.text(max_size=9) | st.lists(PARTS, max_size=3)
ITEMS = st.one_of(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "developer", "user", "assistant"]), "content": WORDS},
        optional={"type": st.just("message"), "id": VALUES, "status": VALUES, "phase": VALUES},
    ),
    st.fixed_dictionaries(
        {"type": st.just("reasoning"), "summary": st.lists(PARTS, max_size=2)}, optional={"content": WORDS}
    ),
    st.fixed_dictionaries(
        {"type": st.just("function_call"), "call_id": st.just("a"), "name": st.just("f"), "arguments": st.text()},
        optional={"namespace": st.just("s")},
    ),
    st.fixed_dictionaries({"type": st.just("function_call_output"), "call_id": st.just("a"), "output": WORDS}),
    st.dictionaries(st.sampled_from(ITEM_KEYS.split()), VALUES, max_size=5),
    VALUES,
)
FUNCTIONS = st.fixed_dictionaries(
    {"type": st.just("function"), "name": st.sampled_from(["f", "g", "s.f"])},
    optional={"parameters": st.dictionaries(st.text(max_size=9), VALUES, max_size=3), "function": VALUES},
)
TOOLS = st.one_of(
    FUNCTIONS,
    st.fixed_dictionaries(
        {"type": st.just("namespace"), "name": st.just("s"), "tools": st.lists(FUNCTIONS | VALUES, max_size=3)},
        optional={"description": st.text(max_size=5)},
    ),
    st.fixed_dictionaries({"type": st.sampled_from(["web_search", "mcp", "custom", "local_shell"])}),
    VALUES,
)
SHARED = {name: GOOD[name] for name in ("model", "temperature", "top_p", "topK", "seed", "stop", "metadata")}
BODIES = st.fixed_dictionaries(
    {"input": st.text(max_size=9) | st.lists(ITEMS, min_size=1, max_size=6)},
    optional={
        **SHARED,
        "instructions": st.text(max_size=9),
        "tools": st.lists(TOOLS, max_size=4),
        "tool_choice": st.sampled_from(["auto", "none", "required", {"type": "function", "name": "f"}]) | VALUES,
        "reasoning": st.dictionaries(st.sampled_from(["effort", "summary", "context", "mode"]), VALUES, max_size=2),
        "text": st.dictionaries(st.sampled_from(["format", "verbosity"]), VALUES, max_size=2),
        "include": st.lists(st.sampled_from(["reasoning.encrypted_content", "x"]), max_size=2),
        "max_output_tokens": st.integers(1, 10**9),
    },
)
TOP = [*ACCEPTED, *LIMITED, *REFUSED]
TOP = [name for name in TOP if "." not in name]
TOP += "input instructions tools tool_choice reasoning text include stream stream_options max_output_tokens".split()
TOP += "top_logprobs metadata user safety_identifier temperature seed stop chat_template_kwargs".split()


def outcome(body: bytes) -> ResponsesJob | SupernetError:
    try:
        return parse(body, CATALOG, {})
    except SupernetError as error:
        return error


def check(result: ResponsesJob | SupernetError) -> None:
    """A refusal with a reason, or a job that crosses the wire unchanged and whose answer can be written as JSON."""
    if isinstance(result, SupernetError):
        check_job(result)
    else:
        check_job(result.chat)
        json.dumps(result.repeated, allow_nan=False)
        assert set(result.names) == {tool.name for tool in result.chat.request.tools}


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


@settings(max_examples=at_most(200), deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet='[]{}":,0truefalsn\\u', max_size=80).map(str.encode))
def test_any_bytes_are_a_job_or_a_refusal(body: bytes) -> None:
    assert isinstance(outcome(body), SupernetError | ResponsesJob)


KNOWN = known("/v1/responses") | {*REFUSED, *map(camel, REFUSED)}


@settings(max_examples=at_most(150), deadline=None)
@given(st.text(min_size=1, max_size=20).filter(lambda name: name not in KNOWN))
def test_any_unknown_field_is_refused_by_name(name: str) -> None:
    error = outcome(json.dumps({"input": "Hi", name: 1}).encode())
    assert isinstance(error, SupernetError)
    assert error.param == name
