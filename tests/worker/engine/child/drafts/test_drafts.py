"""Which guesses go into a step: a machine that is made up, and streams that copy or do not."""

import random
from dataclasses import dataclass

import pytest

from worker.engine.child.drafts.drafts import MOST_EVEN, MOST_STREAMS, RETRY, Drafts
from worker.engine.child.drafts.guesser import FORGIVEN, MOST_BEHIND, Guesser
from worker.engine.child.drafts.step_cost import StepCost

FILE = [number * number % 9973 for number in range(400)]


@dataclass
class Writer:
    """A stream: it copies a file that stands in its prompt, or says what nobody can guess."""

    copies: bool
    tokens: list[int]
    guesser: Guesser | None = None
    room: int = 8192
    most_guesses: int = 1000
    written: int = 0

    def next(self, draw: random.Random) -> int:
        self.written += 1
        return FILE[self.written % len(FILE)] if self.copies else draw.choice(FILE[:3])


def writer(copies: bool) -> Writer:
    return Writer(copies, [*FILE, *FILE[:1]])


@dataclass
class Machine:
    """Steps of streams; `row`: what a row costs more than the first, as a part of it. `seconds` that all steps took."""

    row: float
    even: bool = False
    rollback: int | None = None
    believed: float | None = None
    seconds: float = 0.0
    steps: int = 0
    drafted: int = 0

    def __post_init__(self) -> None:
        row = self.row if self.believed is None else self.believed
        costs = StepCost({rows: 1 + row * (rows - 1) for rows in (1, 2, 4, 8, 16, 32)})
        self.drafts = Drafts(32, self.rollback, self.even, costs)
        self.draw = random.Random(3)

    def step(self, streams: dict[int, Writer]) -> None:
        chosen = self.drafts.choose(streams)
        passes = self.drafts.passes([len(chosen.get(seq, ())) for seq in streams])
        took = sum(1 + self.row * (rows - 1) for rows in passes)
        self.drafts.record(passes, took)
        self.seconds, self.steps = self.seconds + took, self.steps + 1
        for seq, one in streams.items():
            guess = chosen.get(seq, ())
            self.drafted += len(guess)
            for guessed in (*guess, None):
                one.tokens.append(one.next(self.draw))
                if one.tokens[-1] != guessed:
                    break

    def speed(self, one: Writer, others: dict[int, Writer], tokens: int = 600) -> float:
        """Tokens of one stream in the time of a step without guesses."""
        streams = {0: one, **others}
        begun, before = one.written, self.seconds
        while one.written < begun + tokens:
            self.step(streams)
        return (one.written - begun) * (1 + self.row * (len(streams) - 1)) / (self.seconds - before)


def test_a_copy_is_quicker_by_what_a_row_costs_less() -> None:
    assert Machine(row=0.05).speed(writer(True), {}) > 8
    assert Machine(row=0.5).speed(writer(True), {}) > 1.6


@pytest.mark.parametrize("row", [0.01, 0.2, 1.0])
@pytest.mark.parametrize("even", [False, True])
def test_what_cannot_be_guessed_is_no_slower(row: float, even: bool) -> None:
    for company in ({}, {1: writer(False), 2: writer(False)}, {1: writer(True), 2: writer(True)}):
        speed = Machine(row, even, 3 if even else None).speed(writer(False), company)
        assert speed > 1 - FORGIVEN - MOST_BEHIND / 600, company.keys()


def test_where_a_row_costs_what_a_step_costs_guesses_are_tried_now_and_then_and_no_more() -> None:
    machine = Machine(row=1.0)
    assert machine.speed(writer(True), {1: writer(True)}, 2 * RETRY) > 0.99
    assert 0 < machine.drafted <= 32 * (machine.steps // RETRY)


def test_rows_that_were_thought_too_dear_are_tried_again() -> None:
    machine = Machine(row=0.1, believed=2.0)
    assert machine.speed(writer(True), {}, 400) < machine.speed(writer(True), {}, 400)
    assert machine.speed(writer(True), {}, 400) > 4


def test_a_state_that_goes_back_three_tokens_is_guessed_no_further() -> None:
    machine = Machine(row=0.05, even=True, rollback=3)
    streams = {0: writer(True), 1: writer(False), 2: writer(True)}
    for _ in range(200):
        lengths = {len(guess) for guess in machine.drafts.choose(streams).values()}
        assert lengths <= {1, 2, 3} and len(lengths) <= 1
        machine.step(streams)
    assert machine.drafted > 0
    assert machine.drafts.passes([3, 0, 3]) == [1, 8] and machine.drafts.passes([0, 0]) == [2]


def test_among_many_streams_nothing_is_looked_for() -> None:
    for even, most in ((False, MOST_STREAMS), (True, MOST_EVEN)):
        streams = {seq: writer(True) for seq in range(most + 1)}
        assert Machine(row=0.001, even=even).drafts.choose(streams) == {}
        assert all(one.guesser is None for one in streams.values())
        del streams[0]
        Machine(row=0.001, even=even).drafts.choose(streams)
        assert all(one.guesser for one in streams.values())


def test_no_step_has_more_guesses_than_it_may() -> None:
    machine = Machine(row=0.001)
    streams = {seq: writer(True) for seq in range(8)}
    for _ in range(100):
        assert sum(map(len, machine.drafts.choose(streams).values())) <= 32
        machine.step(streams)
    assert Machine(row=0.05).drafts.choose({0: Writer(True, list(FILE), most_guesses=0)}) == {}
