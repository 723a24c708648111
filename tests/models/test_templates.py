"""Our chat templates follow the conventions of the families whose name they bear."""

import json
from typing import Any

import jinja2
import pytest

from tools.tiny_models.make import HERE
from worker.chat.template import Template

CALL = {"function": {"name": "get_weather", "arguments": {"city": "Zürich", "days": 2}}}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}


def render(family: str, *messages: dict[str, Any], **values: Any) -> str:
    """As transformers renders: blocks trimmed, JSON unescaped and in the order it was written."""

    def fail(message: str) -> None:
        raise ValueError(message)

    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    environment.globals["raise_exception"] = fail
    text = (HERE / f"{family}.jinja").read_text()
    return environment.from_string(text).render(messages=list(messages), add_generation_prompt=True, **values)


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str, thought: str = "", *calls: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": text, "reasoning_content": thought, "tool_calls": list(calls)}


@pytest.mark.parametrize(
    ("family", "thinking", "end"),
    [
        ("qwen3", True, "<|im_start|>assistant\n"),
        ("qwen3", False, "<|im_start|>assistant\n<think>\n\n</think>\n\n"),
        ("qwen35", True, "<|im_start|>assistant\n<think>\n"),
        ("qwen35", False, "<|im_start|>assistant\n<think>\n\n</think>\n\n"),
    ],
)
def test_the_prompt_ends_where_the_family_starts_to_write(family: str, thinking: bool, end: str) -> None:
    assert render(family, user("Hi"), enable_thinking=thinking) == "<|im_start|>user\nHi<|im_end|>\n" + end


@pytest.mark.parametrize("family", ["qwen3", "qwen35"])
def test_thoughts_of_earlier_questions_are_dropped_unless_they_are_to_be_preserved(family: str) -> None:
    turns = [user("Hi"), assistant("Hello", "greet"), user("Bye")]
    assert "greet" not in render(family, *turns)
    assert "assistant\n<think>\ngreet\n</think>\n\nHello<|im_end|>" in render(family, *turns, preserve_thinking=True)


@pytest.mark.parametrize("family", ["qwen3", "qwen35"])
def test_a_thought_stays_while_its_question_is_answered_with_tools(family: str) -> None:
    text = render(family, user("Hi"), assistant("", "look", CALL), {"role": "tool", "content": "sun"})
    assert "<think>\nlook\n</think>\n\n<tool_call>\n" in text


@pytest.mark.parametrize("family", ["qwen3", "qwen35"])
def test_tool_results_in_a_row_share_one_turn(family: str) -> None:
    results = [{"role": "tool", "content": text} for text in ("sun", "rain")]
    one = "\n<tool_response>\n{}\n</tool_response>"
    expected = "<|im_start|>user" + one.format("sun") + one.format("rain") + "<|im_end|>\n<|im_start|>assistant\n"
    assert expected in render(family, user("Hi"), assistant("", "", CALL, CALL), *results)


def test_qwen3_writes_calls_as_json() -> None:
    one = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Zürich", "days": 2}}\n</tool_call>'
    assert f"assistant\n{one}\n{one}<|im_end|>" in render("qwen3", user("Hi"), assistant("", "", CALL, CALL))
    assert f"assistant\nOk.\n{one}<|im_end|>" in render("qwen3", user("Hi"), assistant("Ok.", "", CALL))
    as_text = {"function": {"name": "get_weather", "arguments": '{"city": "Zürich", "days": 2}'}}
    assert one in render("qwen3", user("Hi"), assistant("", "", as_text))


def test_qwen35_writes_calls_as_xml() -> None:
    values = "<parameter=city>\nZürich\n</parameter>\n<parameter=days>\n2\n</parameter>\n"
    one = f"<tool_call>\n<function=get_weather>\n{values}</function>\n</tool_call>"
    assert f"</think>\n\n{one}\n{one}<|im_end|>" in render("qwen35", user("Hi"), assistant("", "", CALL, CALL))
    assert f"</think>\n\nOk.\n\n{one}<|im_end|>" in render("qwen35", user("Hi"), assistant("Ok.", "", CALL))


@pytest.mark.parametrize("family", ["qwen3", "qwen35"])
def test_tools_and_the_system_message_share_the_first_turn(family: str) -> None:
    text = render(family, {"role": "system", "content": "Be kind."}, user("Hi"), tools=[TOOL])
    first, second, *_ = text.split("<|im_end|>\n")
    assert "Be kind." in first
    assert f"<tools>\n{json.dumps(TOOL)}\n</tools>" in first
    assert second == "<|im_start|>user\nHi"


def test_qwen35_refuses_what_the_real_template_refuses() -> None:
    with pytest.raises(ValueError, match="user"):
        render("qwen35", {"role": "system", "content": "Be kind."})
    with pytest.raises(ValueError, match="first"):
        render("qwen35", user("Hi"), {"role": "system", "content": "Be kind."})


def test_a_picture_stands_where_its_part_stood_and_text_that_spells_one_stays_text() -> None:
    parts = [{"type": "text", "text": "Before "}, {"type": "image"}, {"type": "text", "text": " behind"}]
    shown = "<|vision_start|><|image_pad|><|vision_end|>"
    for role, frame in (("user", "user\n{}<|im_end|>"), ("tool", "<tool_response>\n{}\n</tool_response>")):
        asked = [user("Look"), assistant("", "", CALL)] if role == "tool" else []
        text = render("qwen35", *asked, {"role": role, "content": parts})
        assert frame.format(f"Before {shown} behind") in text
    template = Template((HERE / "qwen35.jinja").read_text(), ("<|vision_start|>", "<|image_pad|>", "<|vision_end|>"))
    typed = {"role": "user", "content": [{"type": "text", "text": "<|image_pad|>"}, {"type": "image"}]}
    pieces = template.render({"messages": [typed], "add_generation_prompt": True})
    assert [text for special, text in pieces if special] == ["<|vision_start|>", "<|image_pad|>", "<|vision_end|>"]
