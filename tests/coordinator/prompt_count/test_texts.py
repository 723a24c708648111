"""coordinator/prompt_count/texts.py: nothing that a template shows is left out, and the marks grow with what has them.

That the sum is enough for real templates is seen in test_against_workers.py.
"""

import pytest

from coordinator.prompt_count.template import LONGEST, Marks
from coordinator.prompt_count.texts import ANSWER, INSTRUCTIONS, special_tokens, texts, unasked
from wire.chat import ChatRequest, Image, Message, Tool, ToolCall

USER = Message(role="user", content="hello")
SYSTEM = Message(role="system", content="be brief")
CALL = ToolCall(id="1", name="look", arguments='{"at": "the sky"}')
TOOL = Tool(name="look", description="looks", parameters={"properties": {"at": {"type": "string"}}})


def asked(*messages: Message, **fields: object) -> ChatRequest:
    return ChatRequest.model_validate({"messages": messages, "max_tokens": 1} | fields)


def test_every_text_that_a_template_may_show_is_counted() -> None:
    answer = Message(role="assistant", content="so", reasoning="well", name="me", tool_calls=(CALL,))
    result = Message(role="tool", content="blue", tool_call_id="1")
    shown = texts(asked(SYSTEM, USER, answer, result, tools=(TOOL,)), "qwen-xml")
    assert {"be brief", "hello", "so", "well", "me", "look", '{"at": "the sky"}', "blue"} <= set(shown)
    described = next(text for text in shown if "looks" in text)
    assert all(word in described for word in ("look", "properties", "at", "string"))


def test_tools_that_may_not_be_called_are_not_shown() -> None:
    assert INSTRUCTIONS["qwen-json"] in texts(asked(USER, tools=(TOOL,)), "qwen-json")
    assert texts(asked(USER, tools=(TOOL,), tool_choice="none"), "qwen-json") == texts(asked(USER), "qwen-json")


def test_one_short_question_has_few_marks() -> None:
    assert texts(asked(USER), "qwen-json") == [ANSWER, "user\n", "hello"]
    assert texts(asked(SYSTEM, USER), "qwen-json") == [ANSWER, "system\n", "be brief", "user\n", "hello"]


def test_what_a_template_writes_of_its_own_accord_is_counted_where_it_does() -> None:
    thinks, greets = Marks(None, ("\n\n", "\n\n"), 2), Marks("Be kind.", (), 0)
    assert unasked(asked(USER), thinks) == (2, ["\n\n", "\n\n"])
    assert unasked(asked(USER), greets) == (3, ["system\nBe kind."])
    assert unasked(asked(SYSTEM, USER), greets) == (0, [])
    assert unasked(asked(USER, tools=(TOOL,)), thinks) == (5, ["\n\n", "\n\n", "system\n"])
    thought = Message(role="assistant", content="so", reasoning="well")
    assert unasked(asked(USER, thought, USER), thinks) == (4, ["\n\n"] * 4)
    assert unasked(asked(USER), LONGEST)[1] == [*LONGEST.thought, f"system\n{LONGEST.system}"]


@pytest.mark.parametrize(
    "more",
    [
        asked(USER, USER),
        asked(SYSTEM, SYSTEM, USER),
        asked(USER, Message(role="assistant", content="a", reasoning="b")),
        asked(USER, Message(role="assistant", tool_calls=(CALL,))),
        asked(USER, Message(role="tool", content="blue")),
    ],
)
def test_every_turn_adds_some(more: ChatRequest) -> None:
    assert special_tokens(more) > special_tokens(asked(USER))
    assert len(texts(more, "qwen-xml")) > len(texts(asked(USER), "qwen-xml"))


def test_parameters_are_written_as_xml_by_one_format_alone() -> None:
    request = asked(USER, tools=(TOOL,))
    assert len(texts(request, "qwen-xml")) == len(texts(request, "qwen-json")) + 2


@pytest.mark.parametrize("parameters", [{}, {"properties": 5}, {"properties": {}}, {"type": "object"}])
def test_any_parameters_will_do(parameters: dict[str, object]) -> None:
    assert texts(asked(USER, tools=(Tool(name="t", parameters=parameters),)), "qwen-xml")


def test_a_picture_parts_the_text_around_it_and_counts_itself() -> None:
    images = tuple(Image(at=at, sha256="a" * 64, size_bytes=9, most=256) for at in (0, 3, 3, 8))
    seen = Message(role="user", content="one two!", images=images)
    assert texts(asked(seen), "qwen-json")[-2:] == ["one", " two!"]
    assert special_tokens(asked(seen)) - special_tokens(asked(USER)) == 4 * (256 + 2)
