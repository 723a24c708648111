"""What an engine does before it is ready: every kind of step once, and how long each takes.

Weights come from the disk when they are first used, a GPU's kernels are loaded (or compiled, for minutes) when a batch
first has the shape that needs them, and a build that cannot compute dies in the first batch of many rows. None of
that should happen to a request.
"""

from collections.abc import Callable, Sequence

from worker.bindings.backend import refused
from worker.bindings.llama import Feed, Model
from worker.engine.child.step_budget import WarmUpTimes

SMALL = (8, 16, 32)  # rows of the slices of which the least is chosen
_PASSES = (1, 2, 4, 8, 16, 32, 64)  # rows of the passes that are timed for drafts
_FORESEEN = 3  # guesses of the model's own head that are timed
_SAVED = 3  # states that are saved and gone back to
DEARER = 1.5  # than a row of the largest of them: then it is no saving to have fewer


def warm_up(model: Model, batch: int, longest_s: float, clock: Callable[[], float], draft_rows: int = 0) -> WarmUpTimes:
    """Put the shapes of a step through the model: a row, a row of every sequence, and prompts up to one of `batch`
    rows, or of so many as take `longest_s` on this machine. Where a step may have `draft_rows` guesses: these too.

    Raises SupernetError(MODEL_NOT_LOADED) when one of them is not computed.
    """
    most = min(batch, model.context - 1)

    def took(*counts: int) -> float:
        """Seconds of a batch with so many rows of each sequence, the first first."""
        began = clock()
        compute(model, [Feed(seq, 0, _tokens(model, count), 1) for seq, count in enumerate(counts)])
        return clock() - began

    def took_drawing(rows: int) -> float:
        """Seconds of a batch with so many rows of one sequence, all of which draw; the quicker of two."""
        feed = Feed(0, 0, _tokens(model, rows), rows)
        times = []
        for _ in range(2):
            began = clock()
            compute(model, [feed])
            times.append(clock() - began)
        return min(times)

    model.touch()
    took(1)
    took(*[1] * min(2, model.sequences))
    took(*[1] * model.sequences)
    sizes = [rows for rows in SMALL if rows < (model.copies_from or most)] or [most]
    few = sizes[-1]
    took(few)  # not counted: kernels may have been loaded
    costs = {rows: min(took(rows) for _ in range(2)) / rows for rows in sizes}
    long = most if model.copies_from else min(most, max(few, int(longest_s / costs[few])))
    long_s = [took(long) for _ in range(2 if model.offloaded else 1)][-1]
    passes = (
        tuple((rows, took_drawing(rows)) for rows in _PASSES if rows <= min(1 + draft_rows, most)) if draft_rows else ()
    )
    foreseen_s = _took_foreseeing(model, clock) if model.foresees else 0.0
    saved_s = _took_saving(model, clock) if draft_rows and model.hybrid else 0.0
    model.inside_s = 0.0
    least = next(rows for rows, cost in costs.items() if cost <= DEARER * costs[few])
    return WarmUpTimes(costs[few] if model.copies_from else long_s / long, least, long_s, passes, foreseen_s, saved_s)


def _took_foreseeing(model: Model, clock: Callable[[], float]) -> float:
    """Seconds of a guess of the model's own head; the quickest of some."""
    times = []
    for _ in range(_FORESEEN):
        _compute(model, [Feed(0, 0, _tokens(model, 2), 1)])
        model.guess({0: 0}, {0: 1})  # reads what the model has computed, too
        began = clock()
        guesses = model.guess({0: 0}, {0: 1})
        times.append(clock() - began)
        model.clear(0)
        if not guesses[0]:
            raise refused("the prediction head guesses nothing")
    return min(times)


def _took_saving(model: Model, clock: Callable[[], float]) -> float:
    """Seconds of saving a sequence's state and of going back to it; the quickest of some."""
    times = []
    for _ in range(_SAVED):
        _compute(model, [Feed(0, 0, _tokens(model, 1), 1)])
        began = clock()
        state = model.checkpoint(0)
        saved = clock()
        _compute(model, [Feed(0, 1, _tokens(model, 2), 1)])
        again = clock()
        if not model.cut(0, 1, state):
            raise refused("the model cannot go back to a state that was saved")
        times.append(saved - began + clock() - again)
        model.clear(0)
    return min(times)


def _tokens(model: Model, count: int) -> list[int]:
    """From all over the vocabulary: equal ones would all go to the same experts."""
    return [i * model.vocab.size // count for i in range(count)]


def compute(model: Model, feeds: Sequence[Feed]) -> None:
    """One decode that leaves nothing behind. Raises SupernetError(MODEL_NOT_LOADED)."""
    _compute(model, feeds)
    for feed in feeds:
        model.clear(feed.seq)


def _compute(model: Model, feeds: Sequence[Feed]) -> None:
    if code := model.decode(feeds):
        raise refused(f"the model cannot compute {sum(len(feed.tokens) for feed in feeds)} rows (code {code})")
    model.logits()
