"""One job: closing a thought, ending an answer, refusing what cannot be served."""

import random
from dataclasses import replace

import numpy as np
import pytest

from wire.chat import Sampling, Tool
from wire.errors import ErrorCode
from worker.chat.answer import Answer
from worker.chat.prepared import Reading
from worker.engine.child.job import Job, Thought, refusal
from worker.engine.child.sampler import Sampler
from worker.engine.port import ReasoningLimit, Submit

OPEN, END, BREAK, CALL = 90, 91, 92, 93
CLOSE = (BREAK, END)


def limit(budget: int | None, opened: bool = True) -> ReasoningLimit:
    return ReasoningLimit(budget, OPEN, END, CLOSE, opened, CALL)


def answer(thought: Thought, drawn: list[int]) -> list[int]:
    """What comes out if the model would draw these tokens, the next one where one must not be drawn."""
    out: list[int] = []
    rest = (token for token in drawn if token not in thought.barred)
    while (token := thought.forced if thought.forced is not None else next(rest, None)) is not None:
        out.append(token)
        thought.saw(token)
    return out


def test_a_thought_is_closed_after_its_budget() -> None:
    assert answer(Thought(limit(3)), [1, 2, 3, 4, 5]) == [1, 2, 3, *CLOSE, 4, 5]


def test_a_thought_that_ends_in_time_is_left_alone() -> None:
    assert answer(Thought(limit(3)), [1, 2, END, 4, 5, 6, 7]) == [1, 2, END, 4, 5, 6, 7]


def test_a_budget_of_nothing_closes_at_once() -> None:
    assert answer(Thought(limit(0)), [1, 2]) == [*CLOSE, 1, 2]


def test_a_thought_may_begin_in_the_answer() -> None:
    assert answer(Thought(limit(2, opened=False)), [OPEN, 4, 5, 6]) == [OPEN, 4, 5, *CLOSE, 6]
    assert answer(Thought(limit(2, opened=False)), [BREAK, OPEN, 4, 5, 6]) == [BREAK, OPEN, 4, 5, *CLOSE, 6]


def test_a_tag_behind_text_opens_no_thought_so_none_is_closed_there() -> None:
    drawn = [1, OPEN, 4, 5, 6, 7]
    assert answer(Thought(limit(2, opened=False)), drawn) == drawn


def test_a_call_ends_the_thought_so_nothing_is_forced_into_it() -> None:
    assert answer(Thought(limit(3)), [1, 2, CALL, 4, 5, 6, 7]) == [1, 2, CALL, 4, 5, 6, 7]


@pytest.mark.parametrize("again", [[END], [4, END], [4, 5, END, END], [OPEN, 4, END], [END, OPEN, 4, END]])
def test_a_thought_that_was_closed_by_force_is_neither_closed_nor_opened_again(again: list[int]) -> None:
    out = answer(Thought(limit(2)), [1, 2, *again, 6])
    assert out == [1, 2, *CLOSE, *(token for token in again if token not in (OPEN, END)), 6]


@pytest.mark.parametrize("text", [4, CALL, END])
def test_behind_a_thought_and_text_no_tag_comes_any_more(text: int) -> None:
    assert answer(Thought(limit(3)), [1, END, BREAK, text, END, 5, OPEN, 6]) == [1, END, BREAK, text, 5, 6]
    assert answer(Thought(limit(3, opened=False)), [OPEN, 1, END, text, END, 5, OPEN]) == [OPEN, 1, END, text, 5]


def test_what_looked_like_a_call_in_a_thought_may_still_be_closed() -> None:
    drawn = [1, CALL, 4, END, 5]
    assert answer(Thought(limit(3)), drawn) == drawn


PIECES = {CALL: b"<tool_call>", 21: b"\n<func", 22: b"tion=find", 23: b">", 24: b"er>", END: b"</think>", BREAK: b"\n"}
CALLS = ("<function=find>", '{"name":"find"')


def thought(budget: int) -> Thought:
    return Thought(replace(limit(budget), calls=CALLS), lambda token: PIECES.get(token, b"x"))


def test_a_call_of_a_declared_tool_ends_the_thought() -> None:
    drawn = [1, CALL, 21, 22, 23, 5, 5, 5, 5]
    assert answer(thought(3), drawn) == drawn


@pytest.mark.parametrize("other", [[21, 22, 24], [21, 5], [5]])
def test_in_a_thought_what_calls_no_declared_tool_is_part_of_it(other: list[int]) -> None:
    assert answer(thought(5), [1, CALL, *other, *[6] * 9])[-len(CLOSE) - 9 :].count(END) == 1
    begun = thought(9)
    for token in (1, CALL, *other):
        begun.saw(token)
        assert begun.lasts
    begun.saw(END)
    assert not begun.lasts


def test_an_end_of_turn_before_a_call_has_its_name_is_in_the_thought() -> None:
    begun = thought(9)
    for token, lasts in ((1, True), (CALL, True), (21, True), (22, True), (23, False)):
        begun.saw(token)
        assert begun.lasts == lasts


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
]
# The reader takes keys in any order and repairs quotes; the engine sees the head only, and ends the thought there.
UNCLEAR = [b'{"arguments": {}, "name": "find"}', b"{'name': 'find', 'arguments': {}}", b"{"]


@pytest.mark.parametrize("seed", range(300))
def test_engine_and_reader_agree_on_how_long_a_thought_lasts(seed: int) -> None:
    draw = random.Random(seed)
    tools = (Tool(name="find"), Tool(name="fin"))
    calls = ("<function=find>", '{"name":"find"', "<function=fin>", '{"name":"fin"')
    engine = Thought(
        ReasoningLimit(10**6, 256, 257, (10, 257, 10), True, 258, calls), lambda t: TAGS.get(t, bytes([t % 256]))
    )
    reading = Reading(
        "qwen-xml", in_reasoning=True, reasons=True, tools=tools, tokens=("<think>", "</think>", "<tool_call>")
    )
    reader = Answer(reading)
    clear = seed % 2 == 0
    for part in draw.choices([*([tag] for tag in TAGS), *map(list, SAID if clear else SAID + UNCLEAR)], k=9):
        for token in part:
            if token not in engine.barred:
                engine.saw(token)
                reader.push(TAGS.get(token, bytes([token % 256])))
        if reader._calls:
            assert not engine.lasts
            return
        if engine.lasts == engine.inside and reader._call is None:  # else it may be a call, or not
            thinks = reader._mode == "thought"
            assert engine.inside == thinks if clear else engine.inside <= thinks


def test_where_no_thought_is_wanted_neither_tag_comes() -> None:
    drawn = [OPEN, BREAK, END, 1, OPEN, CALL, END, 2]
    assert answer(Thought(limit(None, opened=False)), drawn) == [BREAK, 1, CALL, 2]


def test_a_second_thought_has_what_the_first_has_left() -> None:
    assert answer(Thought(limit(3)), [1, 2, END, OPEN, 3, 4]) == [1, 2, END, OPEN, 3, *CLOSE, 4]


@pytest.mark.parametrize("delivered", range(8))
def test_a_thought_goes_on_after_a_failover_as_if_nothing_had_happened(delivered: int) -> None:
    whole = answer(Thought(limit(3)), [1, 2, 3, 4, 5, 6])
    job = Job(submit(delivered=tuple(whole[:delivered]), reasoning=limit(3)), 50, 1, 0.0)
    assert job._thought
    begun = [token for token in whole[:delivered] if token not in CLOSE]
    assert whole[:delivered] + answer(job._thought, [1, 2, 3, 4, 5, 6][len(begun) :]) == whole


def test_the_draws_of_an_answer_are_those_of_its_seed_in_their_order() -> None:
    row = np.zeros(1000, np.float32)
    job = Job(submit(delivered=(7, 8), seed=3), 50, 1, 0.0)
    drawn = [token for _ in range(20) for token in job.draw(row.copy(), frozenset())]
    reference = Sampler(Sampling(), 3, ())
    assert [token.token for token in drawn] == [reference.draw(row, index) for index in range(2, 22)]


def submit(**changes: object) -> Submit:
    fields: dict[str, object] = {"job": "a", "prompt": (1, 2, 3), "max_tokens": 5, "sampling": Sampling(), "seed": 1}
    return Submit(**(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "code", "reason"),
    [
        ({"prompt": ()}, ErrorCode.INVALID_REQUEST, "a prompt"),
        ({"max_tokens": 0}, ErrorCode.INVALID_REQUEST, "max_tokens"),
        ({"prompt": (1, 100)}, ErrorCode.INVALID_REQUEST, "prompt has a token outside 0 to 99"),
        ({"prompt": (-1,)}, ErrorCode.INVALID_REQUEST, "prompt has a token"),
        ({"delivered": (100,)}, ErrorCode.INVALID_REQUEST, "delivered has a token"),
        ({"sampling": Sampling(logit_bias=((100, 1.0),))}, ErrorCode.INVALID_REQUEST, "logit_bias has a token"),
        ({"reasoning": ReasoningLimit(1, 1, 2, (), True)}, ErrorCode.INVALID_REQUEST, "close"),
        ({"reasoning": ReasoningLimit(1, 1, 2, (100,), True)}, ErrorCode.INVALID_REQUEST, "close"),
        ({"prompt": (1,) * 64}, ErrorCode.CONTEXT_LENGTH_EXCEEDED, "64 tokens"),
    ],
)
def test_what_cannot_be_served_is_refused_with_a_reason(
    changes: dict[str, object], code: ErrorCode, reason: str
) -> None:
    error = refusal(submit(**changes), vocab=100, context=64)
    assert error
    assert error.code is code
    assert reason in error.message


def test_what_can_be_served_is_not_refused() -> None:
    bias = Sampling(logit_bias=((0, 1.0), (99, -1.0)))
    assert refusal(submit(prompt=(0, 99) * 31 + (1,), sampling=bias, reasoning=limit(1)), vocab=100, context=64) is None


def test_the_way_to_the_next_cut_is_counted_from_what_the_cache_holds() -> None:
    job = Job(submit(prompt=tuple(range(50))), 5, 1, 0.0)
    job.cuts = (10, 40)
    seen = []
    for job.fed in (0, 9, 10, 39, 40):
        seen.append(job.until_cut)
    assert seen == [10, 1, 30, 1, 0]
