"""Which tokens go into the next decode.

A stream is a job whose answer has begun: it needs one row, and has it before all else. The rest of the rows go to
prompts. How many there may be is decided by `step_budget`: few beside streams, which a long step would stall, and few
while several prompts are read, so that some answers begin before all prompts are done.

The oldest prompt goes first: read one after the other prompts cost no more than side by side, and most answers begin
sooner. But where another prompt is at most half as long, half of the rows go to the shortest ones, so that a question
of ten tokens does not wait behind a book. Rows that the others leave over go to the oldest prompt.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass

from worker.engine.child.step_budget import Room

LEAST = 16  # rows of a slice that ends nothing: a sequence more in a batch costs as much as some rows
# Rows of a long prompt's last slice: llama.cpp's flash attention on a CPU goes by tiles of 64 rows of one sequence, and
# row by row where there are fewer (plain attention, see plan.SCORES_BYTES, does not mind). A tile, full or not, takes
# as long as about 17 rows by themselves, so few are left alone: at depth 1,000, 40 rows behind a slice of 128 take
# 113 ms less if 24 of the slice are left for them, 7 rows 57 ms more.
TAIL = 64
LEFT_ALONE = 16


@dataclass(frozen=True, slots=True)
class Want:
    """A job with tokens to put through the model: `backlog` of them, 1 for a stream.

    `until_cut`: most tokens of its next slice, because the state behind them is to be saved, or because a picture
    begins or ends there; 0: no such limit.
    """

    seq: int
    age: int  # smaller is older
    backlog: int
    until_cut: int = 0

    @property
    def most(self) -> int:
        """Tokens of its next slice, at most."""
        return min(self.backlog, self.until_cut) if self.until_cut else self.backlog


@dataclass(frozen=True, slots=True)
class Slice:
    """The next `count` tokens of a sequence; `last`: they end its backlog, so the next token can be drawn. `guess`:
    tokens that may follow, so that more than one can be."""

    seq: int
    count: int
    last: bool
    guess: tuple[int, ...] = ()


def plan(wants: Sequence[Want], batch: int, room: Room) -> list[Slice]:
    """Slices of at most `batch` rows: streams in the order of their sequences, then prompts, also in that order, which
    get at most what there is `room` for.

    Order matters to llama.cpp, which runs a separate graph for each break in ascending sequence ids.
    """
    streams = sorted((want for want in wants if want.backlog == 1), key=lambda want: want.seq)[:batch]
    prompts = sorted((want for want in wants if want.backlog > 1), key=lambda want: want.age)
    shares = _share(prompts, room, batch - len(streams))
    slices = [Slice(want.seq, 1, True) for want in streams]
    for want in sorted(prompts, key=lambda want: want.seq):
        if count := shares[want.seq]:
            slices.append(Slice(want.seq, count, count == want.backlog))
    return slices


def prompts_first(slices: Sequence[Slice], reading: Set[int]) -> list[list[Slice]]:
    """The decodes of a step on a CPU with a cache for each sequence: one for the prompts that are `reading` (by
    sequence), then one for the streams.

    There llama.cpp computes in one pass as many tokens of each sequence as of the others, so one decode of both is
    two passes in any case, and an answer that begins behind the first would wait for the second (measured: 31 rows
    beside 3 streams take 384 ms together, and 336 + 46 apart).
    """
    prompts = [part for part in slices if part.seq in reading]
    streams = [part for part in slices if part.seq not in reading]
    return [part for part in (prompts, streams) if part]


def pictures_first(decodes: Sequence[Sequence[Slice]], seeing: Set[int]) -> list[list[Slice]]:
    """These decodes with the slices of pictures in decodes of their own: one has tokens or pictures, never both.

    `seeing`: sequences whose next rows are a picture's. They go first: nothing is drawn from them, so what a GPU has to
    do next is on its way before anybody waits.
    """
    split = ([[p for p in one if p.seq in seeing], [p for p in one if p.seq not in seeing]] for one in decodes)
    return [part for parts in split for part in parts if part]


def guesses_last(slices: Sequence[Slice], together: bool) -> list[list[Slice]]:
    """The decodes of a step of streams where a pass has as many rows of one sequence as of the others: those without
    guesses go first, then those with guesses, which all have as many.

    Unless they may be `together`, each run of neighbours has a decode of its own, as it has a pass in any case: a pass
    may move the states of other sequences, and with them what is needed to go back (llama-memory-recurrent.cpp,
    find_slot), so each has gone back before the next is computed.
    """
    decodes = [[part for part in slices if not part.guess]]
    last = -1
    for part in slices:
        if part.guess:
            if last < 0 or (not together and part.seq != last + 1):
                decodes.append([])
            decodes[-1].append(part)
            last = part.seq
    return [one for one in decodes if one]


def _share(prompts: Sequence[Want], allowed: Room, most: int) -> dict[int, int]:
    """Rows for each prompt (by sequence), the oldest of them being first in `prompts`. Never more than `most`."""
    shares = {want.seq: 0 for want in prompts}
    room = min(allowed.rows, most)
    if not prompts:
        return shares
    oldest, *others = prompts
    overtaken = any(2 * want.backlog <= oldest.backlog for want in others)
    if not overtaken and room < oldest.most == oldest.backlog <= min(allowed.ending, most):
        room = oldest.most
    reserved = min(oldest.most, (room + 1) // 2 if overtaken else room)
    room -= reserved
    for place, want in enumerate(sorted(others, key=lambda want: (want.backlog, want.age))):
        # the shortest has its half however small that is: it would stand still for as long as the oldest is read
        if room >= min(want.most, LEAST) or (overtaken and place == 0):
            shares[want.seq] = min(want.most, room)
            room -= shares[want.seq]
    share = min(oldest.most, reserved + room)
    rest = oldest.most - share
    shares[oldest.seq] = share - TAIL + rest if LEFT_ALONE < rest < TAIL and share >= 2 * TAIL else share
    return shares
