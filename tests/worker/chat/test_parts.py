"""What is given out of an answer: joined, trimmed, cut at a stop string, without marks."""

from wire.chat import CallDelta, Content, Notice, Reasoning
from worker.chat.parts import Parts
from worker.chat.tool_call import MARK


def test_neighbours_of_one_kind_are_one_part() -> None:
    parts = Parts(())
    for text in (" a", "b"):
        parts.reasoning(text)
    for text in ("c", "", "d"):
        parts.content(text)
    parts.call(CallDelta(index=0, name="find"))
    for text in ("{", "}"):
        parts.call(CallDelta(index=0, arguments=text))
    parts.call(CallDelta(index=1, name="find"))
    parts.notice("odd")
    assert parts.take() == [
        Reasoning(text="ab"),
        Content(text="cd"),
        CallDelta(index=0, name="find", arguments="{}"),
        CallDelta(index=1, name="find"),
        Notice(text="odd"),
    ]
    assert parts.take() == []


def test_content_that_may_become_a_stop_string_waits_until_it_cannot() -> None:
    parts = Parts(("END",))
    parts.content("one E")
    assert parts.take() == [Content(text="one ")]
    parts.content("Nd")
    parts.content(" E")
    parts.flush_content()
    assert parts.take() == [Content(text="ENd E")]
    parts.content("two END three")
    assert parts.take() == [Content(text="two ")] and parts.stops.matched


def test_no_mark_gets_out() -> None:
    parts = Parts(())
    parts.content(f"<think>{MARK}")
    parts.call(CallDelta(index=0, arguments=f'"<think>{MARK}"'))
    parts.reasoning(f"<tool_call>{MARK}")
    assert MARK not in str(parts.take())
