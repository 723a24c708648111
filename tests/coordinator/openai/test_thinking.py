"""Every wording in which clients ask for a thought comes to the same request."""

from typing import Any

import pytest

from tests.coordinator.openai.test_chat_request import job, refused

OFF = job(chat_template_kwargs={"enable_thinking": False})


@pytest.mark.parametrize(
    "body",
    [
        {"enable_thinking": False},
        {"chat_template_kwargs": {"thinking": False}},
        {"thinking": {"type": "disabled"}},
        {"reasoning": {"enabled": False}},
        {"reasoning": {"effort": "none"}},
        {"reasoning_effort": "none"},
        {"chat_template_kwargs": {"reasoning_effort": "none"}},
        {"think": False},
        {"think": "none"},
        {"thinking_budget": 0},
        {"reasoning": {"max_tokens": 0}},
        {"enable_thinking": False, "thinking_budget": 500, "chat_template_kwargs": {"enable_thinking": False}},
        {"thinking": {"type": "disabled"}, "reasoning_effort": "high"},
        {"enableThinking": False},
    ],
)
def test_no_thought(body: dict[str, Any]) -> None:
    assert job(**body) == OFF != job()


@pytest.mark.parametrize(
    "body",
    [
        {"enable_thinking": True},
        {"thinking": {"type": "enabled"}},
        {"thinking": {"type": "adaptive"}},
        {"thinking": {"type": "auto"}},
        {"reasoning": {}},
        {"reasoning": {"enabled": True, "exclude": False, "summary": "auto"}},
        {"reasoning": {"effort": "high"}},
        {"think": True},
        {"thinking_budget": -1},
        {"include_reasoning": True},
    ],
)
def test_a_thought_without_a_bound_of_its_own(body: dict[str, Any]) -> None:
    assert job(**body) == job()


@pytest.mark.parametrize(
    "body",
    [
        {"thinking_budget": 2000},
        {"chat_template_kwargs": {"thinking_budget": 2000}},
        {"thinkingBudget": 2000},
        {"enable_thinking": True, "thinking_budget": 2000},
        {"thinking": {"type": "enabled", "budget_tokens": 2000}},
        {"reasoning": {"max_tokens": 2000}},
        {"reasoning": {"max_tokens": 2000}, "reasoning_effort": "low"},
        {"thinking_budget": 2000, "thinking": {"type": "enabled", "budget_tokens": 2000}},
    ],
)
def test_a_thought_of_at_most_so_many_tokens(body: dict[str, Any]) -> None:
    request = job(**body).request
    assert (request.thinking, request.reasoning_budget) == (True, 2000)


@pytest.mark.parametrize("body", [{"reasoning": {"effort": "low"}}, {"think": "low"}])
def test_an_effort_has_several_names(body: dict[str, Any]) -> None:
    assert job(**body) == job(reasoning_effort="low") != job()


@pytest.mark.parametrize(
    "body",
    [
        {"chat_template_kwargs": {"preserve_thinking": True}},
        {"chat_template_kwargs": {"clear_thinking": False}},
        {"thinking": {"type": "enabled", "clear_thinking": False}},
        {"reasoning": {"context": "all_turns"}},
    ],
)
def test_earlier_thoughts_are_kept(body: dict[str, Any]) -> None:
    assert job(**body).request.preserve_thinking
    assert not job(thinking={"clear_thinking": True}).request.preserve_thinking


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"enable_thinking": True, "thinking": {"type": "disabled"}}, "thinking.type"),
        (
            {"enable_thinking": False, "chat_template_kwargs": {"enable_thinking": True}},
            "chat_template_kwargs.enable_thinking",
        ),
        ({"thinking_budget": 1, "reasoning": {"max_tokens": 2}}, "reasoning.max_tokens"),
        ({"reasoning_effort": "low", "reasoning": {"effort": "high"}}, "reasoning.effort"),
        ({"thinking_budget": -2}, "thinking_budget"),
        ({"thinking_budget": "much"}, "thinking_budget"),
        ({"thinking": {"type": "sometimes"}}, "thinking.type"),
        ({"thinking": {"odd": 1}}, "thinking.odd"),
        ({"thinking": True}, "thinking"),
        ({"reasoning": {"odd": 1}}, "reasoning.odd"),
        ({"reasoning": {"effort": "vast"}}, "reasoning.effort"),
        ({"think": {}}, "think"),
        ({"think": "hard"}, "think"),
    ],
)
def test_what_contradicts_itself_or_means_nothing_is_named(body: dict[str, Any], param: str) -> None:
    refused(param, **body)


def test_a_model_that_cannot_think_takes_what_does_not_demand_it() -> None:
    plain = job(model="plain")
    body: dict[str, Any]
    for body in (
        {"thinking_budget": 9},
        {"thinking": {"type": "auto"}},
        {"reasoning": {"effort": "low"}},
        {"think": False},
    ):
        assert job(model="plain", **body) == plain
    for param, body in (
        ("enable_thinking", {"enable_thinking": True}),
        ("thinking.type", {"thinking": {"type": "enabled"}}),
        ("reasoning.enabled", {"reasoning": {"enabled": True}}),
    ):
        assert "cannot think" in refused(param, model="plain", **body).message
