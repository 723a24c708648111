"""Messages as templates expect them."""

from typing import Any

from wire.chat import ChatRequest, Image, Message, Tool, ToolCall
from worker.chat.history import conversation, flat_conversation, shown, tool_definitions

CALL = ToolCall(id="c", name="get", arguments='{"a": "x", "b": [1]}')


def ask(*messages: Message) -> ChatRequest:
    return ChatRequest(messages=messages, max_tokens=1)


def test_fields_of_each_role() -> None:
    entries = conversation(
        ask(
            Message(role="user", content="q", name="Ann"),
            Message(role="assistant", content="a", reasoning="r", tool_calls=(CALL,)),
            Message(role="tool", content="t", tool_call_id="c"),
        )
    )
    function = {"name": "get", "arguments": {"a": "x", "b": [1]}}
    assert entries == [
        {"role": "user", "content": "q", "name": "Ann"},
        {
            "role": "assistant",
            "content": "a",
            "reasoning_content": "r",
            "tool_calls": [{"id": "c", "type": "function", "function": function}],
        },
        {"role": "tool", "content": "t", "tool_call_id": "c"},
    ]


def test_an_empty_system_message_is_left_out() -> None:
    assert conversation(ask(Message(role="system"), Message(role="user"))) == [{"role": "user", "content": ""}]


def test_only_an_assistant_s_text_is_searched_for_a_thought() -> None:
    text = "<think>a</think>b"
    user, assistant, known = conversation(
        ask(
            Message(role="user", content=text),
            Message(role="assistant", content=text),
            Message(role="assistant", content=text, reasoning="r"),
        )
    )
    assert user["content"] == text
    assert (assistant["content"], assistant["reasoning_content"]) == ("b", "a")
    assert (known["content"], known["reasoning_content"]) == (text, "r")


def test_surrogates_are_cleaned_out_of_every_depth() -> None:
    call = ToolCall(id="c", name="get", arguments='{"\\ud800": ["\\udfff", {"a": "\\ud83d\\ude00"}]}')
    (entry,) = conversation(ask(Message(role="assistant", tool_calls=(call,))))
    assert entry["tool_calls"][0]["function"]["arguments"] == {"\ufffd": ["\ufffd", {"a": "😀"}]}
    parameters: dict[str, Any] = {"enum": ["\ud800"]}
    tool = Tool.model_construct(name="t", description="", parameters=parameters)
    assert tool_definitions((tool,))[0]["function"]["parameters"] == {"enum": ["\ufffd"]}


def test_results_in_a_row_share_a_turn_of_the_user_and_a_user_s_own_words_do_not_join_it() -> None:
    result = Message(role="tool", content="r")
    user = Message(role="user", content="u")
    entries = flat_conversation(ask(result, result, user, result), [], "qwen-json")
    one = "<tool_response>\nr\n</tool_response>"
    assert entries == [
        {"role": "user", "content": f"{one}\n{one}"},
        {"role": "user", "content": "u"},
        {"role": "user", "content": one},
    ]


def test_calls_are_written_as_the_model_writes_them() -> None:
    request = ask(Message(role="assistant", content="Wait.", tool_calls=(CALL,)))
    (json_entry,) = flat_conversation(request, [], "qwen-json")
    assert json_entry["content"] == (
        'Wait.\n<tool_call>\n{"name": "get", "arguments": {"a": "x", "b": [1]}}\n</tool_call>'
    )
    (xml_entry,) = flat_conversation(request, [], "qwen-xml")
    assert xml_entry["content"] == (
        "Wait.\n<tool_call>\n<function=get>\n<parameter=a>\nx\n</parameter>\n<parameter=b>\n[1]\n</parameter>\n"
        "</function>\n</tool_call>"
    )


def test_results_stand_in_the_order_of_their_calls() -> None:
    calls = tuple(ToolCall(id=name, name="get", arguments="{}") for name in "abc")

    def result(name: str) -> Message:
        return Message(role="tool", content=name, tool_call_id=name)

    told = ask(
        Message(role="assistant", tool_calls=calls),
        *map(result, "cxab"),
        Message(role="user", content="and?"),
        Message(role="assistant", tool_calls=calls[:1]),
        result("a"),
    )
    assert [entry["content"] for entry in conversation(told)] == ["", "a", "b", "c", "x", "and?", "", "a"]


def test_a_system_message_among_results_comes_behind_them() -> None:
    """A model knows a result by its place behind the calls; a client asks only when all results are there, so that
    nothing moves from one request to the next."""
    calls = tuple(ToolCall(id=name, name="get", arguments="{}") for name in "ab")
    results = {name: Message(role="tool", content=name, tool_call_id=name) for name in "ab"}
    reminder = Message(role="system", content="s")
    told = ask(Message(role="assistant", tool_calls=calls), results["b"], reminder, results["a"], reminder)
    assert [entry["content"] for entry in conversation(told)] == ["", "a", "b", "s", "s"]


def test_system_messages_go_to_the_front_only_where_they_can_stand_nowhere_else() -> None:
    system, user = Message(role="system", content="s"), Message(role="user", content="u")
    told = ask(system, system, user, system)
    assert [entry["content"] for entry in conversation(told)] == ["s\n\ns", "u", "s"]
    assert [entry["content"] for entry in conversation(told, in_place=False)] == ["s\n\ns\n\ns", "u"]


def image(at: int, name: str) -> Image:
    return Image(at=at, sha256=name * 64, size_bytes=1, most=256)


SEEN = ask(
    Message(role="user", content="What is", images=(image(5, "a"), image(7, "b"))),
    Message(role="assistant", content="I look.", tool_calls=(CALL, CALL.model_copy(update={"id": "d"}))),
    Message(role="tool", content="no", tool_call_id="d", images=(image(0, "c"),)),
    Message(role="tool", tool_call_id="c", images=(image(0, "d"),)),
    Message(role="system", content="Be brief."),
)
PICTURE = {"type": "image"}


def words(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def test_pictures_are_parts_and_move_with_their_message() -> None:
    entries = conversation(SEEN)
    assert [entry["content"] for entry in entries] == [
        [words("What "), PICTURE, words("is"), PICTURE],
        "I look.",
        [PICTURE],
        [PICTURE, words("no")],
        "Be brief.",
    ]
    for in_place in (True, False):
        assert [one.sha256[0] for one in shown(SEEN, in_place)] == ["a", "b", "d", "c"]


def test_results_with_pictures_for_a_template_that_knows_no_tools() -> None:
    entries = flat_conversation(SEEN, [], "qwen-json")
    assert entries[2] == {
        "role": "user",
        "content": [
            words("<tool_response>\n"),
            PICTURE,
            words("\n</tool_response>\n<tool_response>\n"),
            PICTURE,
            words("no\n</tool_response>"),
        ],
    }
    assert entries[0]["content"][1] == PICTURE
