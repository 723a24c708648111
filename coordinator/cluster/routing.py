"""Which cell gets a job, what a cell with a queue hands to others, and how many workers move to where there are few.

The cost of a cell is in seconds: what the job would wait there, and what its workers take by their own claims, less
what they are believed to have read of its prompt. Pictures are old when they are looked at, so of the other cells two
are drawn, the ones with more free slots more often, and the cheaper has it: not all edges rush to the same one.
"""

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import ceil

from coordinator.cluster.protocol.ids import ReplicaId
from coordinator.dispatch.overview import KindStock, ModelStock
from coordinator.scheduler.placement import ANSWER_TOKENS, Candidate, least_context
from coordinator.scheduler.speed_curve import SpeedCurve
from coordinator.scheduler.state import Job
from wire.media import MediaOffer
from wire.offers import ModelOffer

OWN = 1.05  # times the cost of the best other: up to there our own cell has the job
HOP_S = 0.002
DRAWN = 2
MOST_HANDBACKS = 3  # of one job: then it stays
MOST_SHED = 64  # jobs of a model in one tick
CROWDED, CROWDED_BY = 1.25, 8  # workers of a cell: more than so many times the mean, and so many, are too many
MOVED = 0.01  # of its workers that a crowded cell sends away a second

Dice = Callable[[], float]  # evenly from 0 up to 1


@dataclass(frozen=True)
class _Cell:
    """A cell with workers that can do the job: `kinds` are these."""

    replica: ReplicaId
    stock: ModelStock
    kinds: list[KindStock]

    @property
    def free(self) -> int:
        return sum(kind.free for kind in self.kinds)

    @property
    def slots(self) -> int:
        return sum(kind.slots for kind in self.kinds)


def choose(
    job: Job,
    mine: ModelStock | None,
    others: Iterable[tuple[ReplicaId, ModelStock]],
    me: ReplicaId,
    hint: tuple[ReplicaId, int] | None,
    dice: Dice,
    but: Container[ReplicaId] = (),
) -> ReplicaId | None:
    """The cell for the job; None: none serves it, now or by what was said a moment ago.

    `mine`: what our own cell has of the model, `others` the other cells; those in `but` are left out. `hint`: a cell
    that has read so many tokens of its prompt.
    """
    stocks = [*([] if mine is None else [(me, mine)]), *others]
    longest = max((_context(kind) for _, stock in stocks for kind in _fitting(job, stock)), default=0)
    context = least_context(job.prompt, job.context, longest)
    able = [_Cell(cell, stock, kinds) for cell, stock in stocks if (kinds := _fitting(job, stock, context))]
    if not able:  # a worker that has just lost its line comes back somewhere: the job waits for it
        return next((cell for cell, stock in stocks if stock.recent and cell not in but), None)
    cells = [cell for cell in able if cell.replica not in but]
    own = next((cell for cell in cells if cell.replica == me), None)
    asked = _drawn([cell for cell in cells if cell is not own], dice)
    if hint is not None:
        asked += [cell for cell in cells if cell.replica == hint[0] and cell is not own and cell not in asked]
    costs = {cell.replica: HOP_S + _cost_s(job, cell, hint) for cell in asked}
    best = min(costs, key=costs.__getitem__, default=None)
    if own is not None and (best is None or _cost_s(job, own, hint) <= OWN * costs[best]):
        return me
    return best


def shed(
    mine: ModelStock, others: Sequence[tuple[ReplicaId, ModelStock]], jobs: Iterable[Job]
) -> list[tuple[Job, ReplicaId]]:
    """Which of the jobs that wait here should go where slots are free, each with that cell. `jobs`: in their order.

    Every cell with a queue gives its share of what there is, so that together they give no more than there is.
    """
    waiting = mine.waiting + sum(stock.waiting for _, stock in others)
    room = {
        cell: ceil((stock.free - stock.waiting) * mine.waiting / waiting)
        for cell, stock in others
        if waiting and stock.free > stock.waiting
    }
    stocks, given = dict(others), list[tuple[Job, ReplicaId]]()
    for job in jobs:
        if not room or len(given) >= MOST_SHED:
            break
        if job.handbacks >= MOST_HANDBACKS:
            continue
        able = [cell for cell in room if any(kind.free for kind in _fitting(job, stocks[cell], job.prompt))]
        if able:
            to = max(able, key=room.__getitem__)
            given.append((job, to))
            room[to] -= 1
            if not room[to]:
                del room[to]
    return given


def too_many(mine: int, others: Sequence[int]) -> int:
    """How many of its workers a cell should send away this second. `others`: how many each other cell has."""
    mean = (mine + sum(others)) / (1 + len(others))
    if not others or mine <= CROWDED * mean + CROWDED_BY:
        return 0
    return ceil(MOVED * mine)


def _cost_s(job: Job, cell: _Cell, hint: tuple[ReplicaId, int] | None) -> float:
    known = hint[1] if hint is not None and hint[0] == cell.replica else 0
    waiting = cell.stock.waiting
    wait_s = 0.0 if cell.free > waiting else (waiting + 1) / max(cell.slots, 1) * cell.stock.service_s
    usable = [kind for kind in cell.kinds if kind.free] or cell.kinds
    return wait_s + min(_seconds(job, kind, known) for kind in usable)


def _drawn(cells: list[_Cell], dice: Dice) -> list[_Cell]:
    """Two different ones, by their free slots; where none is free, by all their slots."""
    drawn = list[_Cell]()
    free = any(cell.free for cell in cells)
    while cells and len(drawn) < DRAWN:
        sums = list(accumulate(cell.free if free else max(cell.slots, 1) for cell in cells))
        if not sums[-1]:
            break
        point = dice() * sums[-1]
        drawn.append(next(cell for cell, end in zip(cells, sums, strict=True) if point < end))
        cells = [cell for cell in cells if cell is not drawn[-1]]
    return drawn


def _fitting(job: Job, stock: ModelStock, context: int = 0) -> list[KindStock]:
    return [
        kind
        for kind in stock.kinds
        if kind.offering and job.work.lacks(kind.offer) is None and _context(kind) >= max(context, job.context)
    ]


def _seconds(job: Job, kind: KindStock, known: int) -> float:
    """What a worker of this kind takes for the job, at the load that they have."""
    busy = round((kind.slots - kind.free) / max(kind.workers, 1))
    speed = SpeedCurve(kind.offer.speed if isinstance(kind.offer, ModelOffer) else ())
    effort_s = kind.offer.speed if isinstance(kind.offer, MediaOffer) else 0.0
    candidate = Candidate("", busy, _context(kind), speed, cached=min(known, job.prompt), effort_s=effort_s)
    return job.work.seconds(candidate, ANSWER_TOKENS)


def _context(kind: KindStock) -> int:
    return kind.offer.context if isinstance(kind.offer, ModelOffer) else 0
