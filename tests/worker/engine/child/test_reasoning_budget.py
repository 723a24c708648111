"""Closing a thought by force: what comes out of an answer, and that its reader sees the same thoughts."""

import random
from dataclasses import replace

import pytest

from wire.chat import Sampling, Tool
from worker.chat.answer import Answer
from worker.chat.prepared import Reading
from worker.chat.prompt import _heads
from worker.engine.child.job import Job
from worker.engine.child.reasoning_budget import ReasoningBudget, State
from worker.engine.constraint import ReasoningLimit
from worker.engine.port import Submit

OPEN, END, BREAK, CALL = 90, 91, 92, 93
CLOSE = (BREAK, END)


def limit(budget: int | None, opened: bool = True) -> ReasoningLimit:
    return ReasoningLimit(budget, OPEN, END, CLOSE, opened, CALL)


def answer(thought: ReasoningBudget, drawn: list[int]) -> list[int]:
    """What comes out if the model would draw these tokens, the next one where one must not be drawn."""
    out: list[int] = []
    rest = (token for token in drawn if token not in thought.forbidden)
    while (token := thought.forced if thought.forced is not None else next(rest, None)) is not None:
        out.append(token)
        thought.accept(token)
    return out


def test_a_thought_is_closed_after_its_budget() -> None:
    assert answer(ReasoningBudget(limit(3)), [1, 2, 3, 4, 5]) == [1, 2, 3, *CLOSE, 4, 5]


def test_a_thought_that_ends_in_time_is_left_alone() -> None:
    assert answer(ReasoningBudget(limit(3)), [1, 2, END, 4, 5, 6, 7]) == [1, 2, END, 4, 5, 6, 7]


def test_a_budget_of_nothing_closes_at_once() -> None:
    assert answer(ReasoningBudget(limit(0)), [1, 2]) == [*CLOSE, 1, 2]


def test_a_thought_may_begin_in_the_answer() -> None:
    assert answer(ReasoningBudget(limit(2, opened=False)), [OPEN, 4, 5, 6]) == [OPEN, 4, 5, *CLOSE, 6]
    assert answer(ReasoningBudget(limit(2, opened=False)), [BREAK, OPEN, 4, 5, 6]) == [BREAK, OPEN, 4, 5, *CLOSE, 6]


def test_a_tag_behind_text_opens_no_thought_so_none_is_closed_there() -> None:
    drawn = [1, OPEN, 4, 5, 6, 7]
    assert answer(ReasoningBudget(limit(2, opened=False)), drawn) == drawn


def test_a_call_ends_the_thought_so_nothing_is_forced_into_it() -> None:
    assert answer(ReasoningBudget(limit(3)), [1, 2, CALL, 4, 5, 6, 7]) == [1, 2, CALL, 4, 5, 6, 7]


@pytest.mark.parametrize("again", [[END], [4, END], [4, 5, END, END], [OPEN, 4, END], [END, OPEN, 4, END]])
def test_a_thought_that_was_closed_by_force_is_neither_closed_nor_opened_again(again: list[int]) -> None:
    out = answer(ReasoningBudget(limit(2)), [1, 2, *again, 6])
    assert out == [1, 2, *CLOSE, *(token for token in again if token not in (OPEN, END)), 6]


@pytest.mark.parametrize("text", [4, CALL, END])
def test_behind_a_thought_and_text_no_tag_comes_any_more(text: int) -> None:
    assert answer(ReasoningBudget(limit(3)), [1, END, BREAK, text, END, 5, OPEN, 6]) == [1, END, BREAK, text, 5, 6]
    assert answer(ReasoningBudget(limit(3, opened=False)), [OPEN, 1, END, text, END, 5, OPEN]) == [
        OPEN,
        1,
        END,
        text,
        5,
    ]


def test_what_looked_like_a_call_in_a_thought_may_still_be_closed() -> None:
    drawn = [1, CALL, 4, END, 5]
    assert answer(ReasoningBudget(limit(3)), drawn) == drawn


PIECES = {CALL: b"<tool_call>", 21: b"\n<func", 22: b"tion=find", 23: b">", 24: b"er>", END: b"</think>", BREAK: b"\n"}
CALLS = ("<function=find>", '{"name":"find"')


def thought(budget: int) -> ReasoningBudget:
    return ReasoningBudget(replace(limit(budget), calls=CALLS), lambda token: PIECES.get(token, b"x"))


def test_a_call_of_a_declared_tool_ends_the_thought() -> None:
    drawn = [1, CALL, 21, 22, 23, 5, 5, 5, 5]
    assert answer(thought(3), drawn) == drawn


@pytest.mark.parametrize("other", [[21, 22, 24], [21, 5], [5]])
def test_in_a_thought_what_calls_no_declared_tool_is_part_of_it(other: list[int]) -> None:
    assert answer(thought(5), [1, CALL, *other, *[6] * 9])[-len(CLOSE) - 9 :].count(END) == 1
    begun = thought(9)
    for token in (1, CALL, *other):
        begun.accept(token)
        assert begun.open
    begun.accept(END)
    assert not begun.open


def test_an_end_of_turn_before_a_call_has_its_name_is_in_the_thought() -> None:
    begun = thought(9)
    for token, open in ((1, True), (CALL, True), (21, True), (22, True), (23, False)):
        begun.accept(token)
        assert begun.open == open


TAGS = {256: b"<think>", 257: b"</think>", 258: b"<tool_call>", 259: b"</tool_call>"}
SAID = [
    b"\n<function=find>\n",
    b"<function=rm>",
    b"\n<function=",
    b"fin>",
    b"</function>\n",
    b'{"name": "rm", "arguments": {}}',
]
SAID += [
    b'\n{"name": "find", "arguments": {"q": "x"}}\n',
    b'{ "name":"fin"',
    b', "arguments": {}}',
    b" ",
    b"say",
    b"<",
    b"\n<function=find\n<parameter=q>\n",
    b"<function=rm\n<parameter=q>\n",
]
# The reader takes keys in any order and repairs quotes; the engine sees the head only, and ends the thought there.
UNCLEAR = [b'{"arguments": {}, "name": "find"}', b"{'name': 'find', 'arguments': {}}", b"{"]


@pytest.mark.parametrize("seed", range(300))
def test_engine_and_reader_agree_on_how_long_a_thought_lasts(seed: int) -> None:
    draw = random.Random(seed)
    tools = (Tool(name="find"), Tool(name="fin"))
    calls = tuple(head for tool in tools for head in _heads(tool.name))
    engine = ReasoningBudget(
        ReasoningLimit(10**6, 256, 257, (10, 257, 10), True, 258, calls), lambda t: TAGS.get(t, bytes([t % 256]))
    )
    reading = Reading(
        "qwen-xml", in_reasoning=True, reasons=True, tools=tools, tokens=("<think>", "</think>", "<tool_call>")
    )
    reader = Answer(reading)
    clear = seed % 2 == 0
    for part in draw.choices([*([tag] for tag in TAGS), *map(list, SAID if clear else SAID + UNCLEAR)], k=9):
        for token in part:
            if token not in engine.forbidden:
                engine.accept(token)
                reader.push(TAGS.get(token, bytes([token % 256])))
        if reader._calls:
            assert not engine.open
            return
        if engine.state is not State.CALLING and reader._call is None:  # else it may be a call, or not
            thinks = reader._mode == "thought"
            assert engine.open == thinks if clear else engine.open <= thinks


def test_where_no_thought_is_wanted_neither_tag_comes() -> None:
    drawn = [OPEN, BREAK, END, 1, OPEN, CALL, END, 2]
    assert answer(ReasoningBudget(limit(None, opened=False)), drawn) == [BREAK, 1, CALL, 2]


def test_a_second_thought_has_what_the_first_has_left() -> None:
    assert answer(ReasoningBudget(limit(3)), [1, 2, END, OPEN, 3, 4]) == [1, 2, END, OPEN, 3, *CLOSE, 4]


@pytest.mark.parametrize("delivered", range(8))
def test_a_thought_goes_on_after_a_failover_as_if_nothing_had_happened(delivered: int) -> None:
    whole = answer(ReasoningBudget(limit(3)), [1, 2, 3, 4, 5, 6])
    submit = Submit("a", (1, 2, 3), 50, Sampling(), seed=1, delivered=tuple(whole[:delivered]), reasoning=limit(3))
    job = Job(submit, 50, 1, 0.0)
    assert job._reasoning
    begun = [token for token in whole[:delivered] if token not in CLOSE]
    assert whole[:delivered] + answer(job._reasoning, [1, 2, 3, 4, 5, 6][len(begun) :]) == whole
