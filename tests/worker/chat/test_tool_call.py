"""What both call formats put into."""

import pytest

from wire.chat import CallDelta, Content, Notice, Tool
from worker.chat.tool_call import MOST_NOTICES, Sink, begins


def test_a_declared_name_opens_the_call_and_another_one_refuses_it() -> None:
    sink = Sink({"get": Tool(name="get")}, index=3)
    assert not sink.name("rm")
    assert (sink.named, sink.parts) == (False, [])
    assert "'rm'" in sink.refusal
    assert sink.name("get")
    assert sink.parts == [CallDelta(index=3, name="get")]


def test_each_malformation_is_told_once_and_not_for_ever() -> None:
    sink = Sink({}, index=0)
    for n in range(100):
        sink.untidy("again")
        sink.untidy(f"{n}")
    assert len(sink.parts) == MOST_NOTICES
    assert len({part.text for part in sink.parts if isinstance(part, Notice)}) == MOST_NOTICES


def test_stray_text_is_content() -> None:
    sink = Sink({}, index=0)
    sink.stray("a")
    sink.stray("b")
    assert [part.text for part in sink.parts if isinstance(part, Content)] == ["a", "b"]
    assert len(sink.parts) == 3


@pytest.mark.parametrize(("text", "begun"), [("x", True), ("x<", True), ("x<a", True), ("x<a>", False), ("x<b", False)])
def test_a_tag_that_is_not_all_there(text: str, begun: bool) -> None:
    assert begins(text, 1, "<a>") == begun
