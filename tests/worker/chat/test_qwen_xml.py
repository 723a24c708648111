"""How XML calls stream; what they come to is in test_answer."""

import pytest

from wire.chat import CallDelta, Tool
from worker.chat.qwen_xml import XmlCall
from worker.chat.tool_call import Sink

TOOL = Tool(
    name="get",
    parameters={
        "type": "object",
        "properties": {"text": {"type": "string"}, "maybe": {"type": ["string", "null"]}, "n": {"type": "number"}},
    },
)
HEAD = "<function=get>\n"


def begun(text: str) -> tuple[XmlCall, Sink, str]:
    """The call, and the text that it has not taken yet."""
    sink = Sink({"get": TOOL}, 0)
    call = XmlCall(sink)
    return call, sink, text[call.take(text, 0) :]


def arguments(sink: Sink) -> str:
    return "".join(part.arguments for part in sink.parts if isinstance(part, CallDelta))


def test_the_name_is_given_out_as_soon_as_it_is_complete() -> None:
    assert begun("<function=get")[1].parts == []
    assert begun("<function=get>")[1].parts == [CallDelta(index=0, name="get")]


@pytest.mark.parametrize(
    ("value", "given"),
    [
        ("<parameter=text>", '{"text": "'),
        ("<parameter=text>\nhello", '{"text": "hello'),
        ("<parameter=text>\nhello\n", '{"text": "hello'),
        ("<parameter=text>\nhello\n</parameter>", '{"text": "hello'),
        ("<parameter=text>\nhello\n</parameter>x", '{"text": "hello\\n</parameter>x'),
        ("<parameter=text>\nhello\n</parameter>\n</function>", '{"text": "hello"}'),
        ("<parameter=maybe>\nnul", '{"maybe": '),
        ("<parameter=maybe>\nnum", '{"maybe": "num'),
        ("<parameter=n>\n12", '{"n": '),
        ("<parameter=n>\n12\n</parameter>\n<parameter=", '{"n": 12'),
    ],
)
def test_what_is_certain_is_given_out(value: str, given: str) -> None:
    assert arguments(begun(HEAD + value)[1]) == given


def test_cut_arguments_stay_cut_and_ended_ones_are_closed() -> None:
    for cut, given in ((True, '{"text": "a\\n'), (False, '{"text": "a\\n"}')):
        call, sink, rest = begun(HEAD + "<parameter=text>\na\n")
        call.end(rest, 0, cut)
        assert arguments(sink) == given


def test_a_cut_number_is_left_out_and_an_ended_one_is_kept() -> None:
    for cut, given in ((True, '{"n": '), (False, '{"n": 12}')):
        call, sink, rest = begun(HEAD + "<parameter=n>\n12")
        call.end(rest, 0, cut)
        assert arguments(sink) == given


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "<parameter=text>\n" + "a\n<" * 5000,
        HEAD + "<parameter=text>\n" + "\n</parameter>" * 5000,
        HEAD + "<parameter=text>\n</parameter>" + " " * 5000,
        HEAD + "x" * 5000,
        HEAD + " " * 5000,
        HEAD + "<parameter=" + "x" * 5000,
        HEAD + "<parameter=n>\n" + "1" * 5000,
    ],
)
def test_little_is_left_to_be_read_again(text: str) -> None:
    assert len(begun(text)[2]) < 300


def test_a_name_without_end_is_refused() -> None:
    assert begun("<function=" + "x" * 300)[0].state == "refused"
    assert begun("<function=a\nb")[0].state == "refused"
    assert begun("hello")[0].state == "refused"
