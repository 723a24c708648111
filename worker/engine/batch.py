"""Which tokens go into the next decode.

Streams come first, one row each. What prompts may take is bounded while anybody streams, so that no prompt stalls them
(`pace` says by how much). Of that, half belongs to the oldest prompt, which therefore always advances; the other half
goes to the shortest ones first, so that a question of ten tokens does not wait behind a book; what nobody else wants
goes to the oldest again.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Want:
    """A job with tokens to put through the model: `backlog` of them, 1 for a stream.

    `until_cut`: a slice may not go further than this many tokens, because the state there is to be saved; 0: no cut.
    """

    seq: int
    age: int  # smaller is older
    backlog: int
    until_cut: int = 0

    @property
    def most(self) -> int:
        return min(self.backlog, self.until_cut) if self.until_cut else self.backlog


@dataclass(frozen=True, slots=True)
class Slice:
    """The next `count` tokens of a sequence; `last`: they end its backlog, so the next token can be drawn."""

    seq: int
    count: int
    last: bool


def plan(wants: Sequence[Want], batch: int, prompt_rows: int) -> list[Slice]:
    """Slices of at most `batch` rows: streams in order of their sequence, then prompts, also in that order, which get
    at most `prompt_rows`.

    Order matters to llama.cpp, which runs a separate graph for each break in ascending sequence ids.
    """
    streams = sorted((want for want in wants if want.backlog == 1), key=lambda want: want.seq)[:batch]
    prompts = sorted((want for want in wants if want.backlog > 1), key=lambda want: want.age)
    shares = _share(prompts, min(batch - len(streams), prompt_rows))
    slices = [Slice(want.seq, 1, True) for want in streams]
    for want in sorted(prompts, key=lambda want: want.seq):
        if count := shares[want.seq]:
            slices.append(Slice(want.seq, count, count == want.backlog))
    return slices


def _share(prompts: Sequence[Want], room: int) -> dict[int, int]:
    """Rows for each prompt (by sequence), the oldest of them being first in `prompts`."""
    shares = {want.seq: 0 for want in prompts}
    if not prompts:
        return shares
    oldest, *others = prompts
    reserved = min(oldest.most, (room + 1) // 2)
    room -= reserved
    for want in sorted(others, key=lambda want: (want.backlog, want.age)):
        shares[want.seq] = min(want.most, room)
        room -= shares[want.seq]
    shares[oldest.seq] = min(oldest.most, reserved + room)
    return shares
