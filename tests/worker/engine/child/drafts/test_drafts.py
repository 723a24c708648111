"""Which guesses go into a step: a machine that is made up, and streams that copy or do not."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

import pytest

from worker.engine.child.drafts.drafts import MOST_EVEN, MOST_STREAMS, RETRY, Drafts
from worker.engine.child.drafts.foresight import Foresight
from worker.engine.child.drafts.guesser import FORGIVEN, MOST, MOST_BEHIND, Guesser
from worker.engine.child.drafts.lengths import GoingBack
from worker.engine.child.drafts.step_cost import StepCost
from worker.engine.port import Source

FILE = [number * number % 9973 for number in range(400)]


@dataclass
class Writer:
    """A stream: it copies a file that stands in its prompt, or says what nobody can guess."""

    copies: bool
    tokens: list[int]
    guesser: Guesser | None = None
    guess_source: Source = "lookup"
    room: int = 8192
    most_guesses: int = 1000
    written: int = 0
    to_come: list[int] = field(default_factory=list)

    def next(self, draw: random.Random) -> int:
        token = self.ahead(draw, 0)
        self.written += 1
        del self.to_come[0]
        return token

    def ahead(self, draw: random.Random, at: int) -> int:
        """The token that comes behind so many others."""
        while len(self.to_come) <= at:
            place = (self.written + len(self.to_come) + 1) % len(FILE)
            self.to_come.append(FILE[place] if self.copies else draw.choice(FILE[:3]))
        return self.to_come[at]


def writer(copies: bool) -> Writer:
    return Writer(copies, [*FILE, *FILE[:1]])


@dataclass
class Machine:
    """Steps of streams; `row`: what a row costs more than the first, as a part of it. `seconds` that all steps took.
    `head`: what a guess of the model's head costs, as a part of a step, None: it has none; `sees`: how often one of a
    stream that nobody else can guess comes true. `saved`: what it is to save a state and go back to it, as a part of a
    step; `longest`: how many times a step without guesses one may take."""

    row: float
    even: bool = False
    rollback: int | None = None
    believed: float | None = None
    head: float | None = None
    sees: float = 0.0
    saved: float = 99.0
    longest: float = inf
    seconds: float = 0.0
    steps: int = 0
    drafted: int = 0

    def __post_init__(self) -> None:
        row = self.row if self.believed is None else self.believed
        costs = StepCost({rows: 1 + row * (rows - 1) for rows in (1, 2, 4, 8, 16, 32)})
        self.now = 0.0
        foresight = None if self.head is None else Foresight(self.predict, self.head, lambda: self.now)
        back = None if self.rollback is None else GoingBack(self.rollback, self.saved)
        self.drafts = Drafts(MOST, back, self.even, costs, self.longest, foresight)
        self.draw = random.Random(3)
        self.streams: dict[int, Writer] = {}

    def predict(self, last: Mapping[int, int], counts: Mapping[int, int]) -> dict[int, list[int]]:
        self.now += max(counts.values()) * (self.head or 0.0)
        assert all(self.streams[seq].tokens[-1] == token for seq, token in last.items())
        return {seq: [self.foreseen(self.streams[seq], at) for at in range(counts[seq])] for seq in last}

    def foreseen(self, one: Writer, at: int) -> int:
        return one.ahead(self.draw, at) if self.draw.random() < self.sees else -1

    def step(self, streams: dict[int, Writer]) -> None:
        self.streams, begun = streams, self.now
        chosen = self.drafts.choose(streams)
        foreseeing, self.now = self.now - begun, 0.0
        passes = self.drafts.passes([len(chosen.get(seq, ())) for seq in streams])
        took = sum(1 + self.row * (rows - 1) for rows in passes)
        self.drafts.record(passes, took)
        took += foreseeing
        self.seconds, self.steps = self.seconds + took, self.steps + 1
        for seq, one in streams.items():
            guess = chosen.get(seq, ())
            self.drafted += len(guess)
            right = 0
            for guessed in (*guess, None):
                one.tokens.append(one.next(self.draw))
                if one.tokens[-1] != guessed:
                    break
                right += 1
            self.go_back(one, len(guess), right)

    def go_back(self, one: Writer, guessed: int, right: int) -> None:
        """From guesses that did not come true, which may have to be computed again up to there."""
        if self.rollback is None or guessed <= self.rollback:
            return
        self.seconds += self.saved
        if guessed - right > self.rollback:
            self.seconds += 1 + self.row * (right + 1)
            one.tokens.append(one.next(self.draw))

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
        for saved in (0.0, 0.5, 99.0) if even else (0.0,):
            speed = Machine(row, even, 3 if even else None, saved=saved).speed(writer(False), company)
            assert speed > 1 - FORGIVEN - MOST_BEHIND / 600, (company.keys(), saved)


def test_where_a_row_costs_what_a_step_costs_guesses_are_tried_now_and_then_and_no_more() -> None:
    machine = Machine(row=1.0)
    assert machine.speed(writer(True), {1: writer(True)}, 2 * RETRY) > 0.99
    assert 0 < machine.drafted <= MOST * (machine.steps // RETRY)


def test_rows_that_were_thought_too_dear_are_tried_again() -> None:
    machine = Machine(row=0.1, believed=2.0)
    assert machine.speed(writer(True), {}, 400) < machine.speed(writer(True), {}, 400)
    assert machine.speed(writer(True), {}, 400) > 4


def test_what_is_copied_is_guessed_further_than_a_state_goes_back_where_saving_it_is_cheap() -> None:
    speeds = [Machine(0.05, True, 3, saved=saved).speed(writer(True), {}) for saved in (0.1, 2.0, 99.0)]
    assert speeds[0] > 10 and speeds[0] > speeds[1] > 1.5 * speeds[2]


def test_a_step_with_guesses_takes_no_longer_than_streams_may_stand_still() -> None:
    for even in (False, True):
        machine = Machine(0.5, even, 3 if even else None, saved=0.1, longest=9.0)
        streams = {0: writer(True)}
        found = []
        for _ in range(300):
            found += [1 + len(guess) for guess in machine.drafts.choose(streams).values()]
            machine.step(streams)
        assert 8 < max(found) and 1 + 0.5 * (max(found) - 1) <= 9.0
    machine = Machine(0.5, longest=0.1)
    machine.speed(writer(True), {}, 100)
    assert machine.drafted > 0, "where a token takes longer than that anyway"


def test_a_state_that_is_dear_to_save_is_guessed_no_further_than_it_goes_back() -> None:
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
        assert sum(map(len, machine.drafts.choose(streams).values())) <= MOST
        machine.step(streams)
    assert Machine(row=0.05).drafts.choose({0: Writer(True, list(FILE), most_guesses=0)}) == {}


def foreseeing(head: float, sees: float, row: float = 0.05) -> Machine:
    return Machine(row, even=True, rollback=3, head=head, sees=sees)


def test_a_head_that_is_right_makes_what_nobody_copies_quicker() -> None:
    assert foreseeing(head=0.05, sees=0.9).speed(writer(False), {}) > 2
    assert foreseeing(head=0.2, sees=0.9).speed(writer(False), {}) > 1.5
    assert foreseeing(head=0.05, sees=0.9).speed(writer(False), {1: writer(False), 2: writer(False)}) > 2


@pytest.mark.parametrize("head", [0.01, 0.3, 2.0])
@pytest.mark.parametrize("sees", [0.0, 0.3, 0.7])
@pytest.mark.parametrize("row", [0.05, 1.0])
def test_a_head_makes_nothing_slower_however_dear_or_wrong_it_is(head: float, sees: float, row: float) -> None:
    for company in ({}, {1: writer(False), 2: writer(False)}, {1: writer(True), 2: writer(True)}):
        speed = foreseeing(head, sees, row).speed(writer(False), company)
        assert speed > 1 - FORGIVEN - MOST_BEHIND / 600, company.keys()


def test_what_stands_in_the_text_is_not_asked_of_the_head() -> None:
    machine = foreseeing(head=0.1, sees=0.5)
    one = writer(True)
    machine.speed(one, {}, 400)
    sources = set()
    for _ in range(20):
        machine.step({0: one})
        sources.add(one.guess_source)
    assert sources == {"lookup"}
    other = writer(False)
    machine.step({0: other})
    assert other.guess_source == "mtp"


def test_a_head_that_turns_out_dearer_than_it_was_measured_is_left_alone() -> None:
    machine = foreseeing(head=0.01, sees=0.6)
    machine.head = 1.5
    other = writer(False)
    machine.speed(other, {}, 200)
    drafted = machine.drafted
    machine.speed(other, {}, 200)
    assert machine.drafted - drafted < 20


def test_a_stream_that_the_head_cannot_guess_goes_without() -> None:
    machine = foreseeing(head=0.01, sees=0.9)
    machine.drafts._foresight._predict = lambda last, counts: {seq: [] for seq in last}  # type: ignore[union-attr]
    machine.streams = {0: writer(False)}
    assert machine.drafts.choose(machine.streams) == {}
