"""How JSON calls stream; what they come to is in test_answer."""

from wire.chat import CallDelta, Tool
from worker.chat.qwen_json import JsonCall
from worker.chat.tool_call import Sink


def begun(text: str) -> tuple[JsonCall, Sink]:
    sink = Sink({"get": Tool(name="get")}, 0)
    call = JsonCall(sink)
    assert call.take(text, 0) == len(text)
    return call, sink


def arguments(sink: Sink) -> str:
    return "".join(part.arguments for part in sink.parts if isinstance(part, CallDelta))


def test_the_name_is_given_out_as_soon_as_it_is_complete() -> None:
    assert begun('{"name": "ge')[1].parts == []
    assert begun('{"name": "get"')[1].parts == [CallDelta(index=0, name="get")]


def test_arguments_are_given_out_as_they_come() -> None:
    assert arguments(begun('{"name": "get", "arguments": {"a": "hel')[1]) == '{"a": "hel'


def test_arguments_wait_for_the_name() -> None:
    call, sink = begun('{"arguments": {"a": 1}, "na')
    assert sink.parts == []
    call.take('me": "get"', 0)
    assert arguments(sink) == '{"a": 1}'


def test_cut_arguments_stay_cut_and_ended_ones_are_closed() -> None:
    text = '{"name": "get", "arguments": {"a": ["x'
    call, sink = begun(text)
    call.end("", 0, cut=True)
    assert arguments(sink) == '{"a": ["x'
    call, sink = begun(text)
    call.end("", 0, cut=False)
    assert arguments(sink) == '{"a": ["x"]}'


def test_the_first_arguments_count() -> None:
    call, sink = begun('{"name": "get", "arguments": {"a": 1}, "parameters": {"a": 2}}</tool_call>')
    assert arguments(sink) == '{"a": 1}'
    assert call.state == "done"


def test_an_undeclared_name_refuses_the_call_at_once() -> None:
    sink = Sink({"get": Tool(name="get")}, 0)
    call = JsonCall(sink)
    text = '{"name": "rm", "arguments": {}}'
    assert call.take(text, 0) == text.index(",")
    assert (call.state, sink.parts) == ("refused", [])


def test_a_name_that_is_no_text_is_no_name() -> None:
    deep = '{"name": ' + "[" * 5000 + "]" * 5000
    sink = Sink({"get": Tool(name="get")}, 0)
    call = JsonCall(sink)
    call.take(deep, 0)
    assert call.state == "refused"
