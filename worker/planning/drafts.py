"""How many tokens a step may guess ahead, and what a hybrid model needs to take wrong guesses back."""

from dataclasses import replace
from itertools import product

from worker.engine.port import EngineSpec
from worker.machine.description import Machine
from worker.planning.footprint import Footprint
from worker.planning.layout import Shape, split

# Guesses of a step: with the token before them they fill a tile of a CPU's flash attention, 64 rows of one sequence,
# so that a row of 64 costs 0.7 to 0.8 of one of 32 (docs/benchmarks.md); 63 more rows of logits are 63 MB with 248k
# tokens of vocabulary. The states that a hybrid model goes back to by itself are 63 MiB each of Qwen3.6-35B-A3B, and
# every step copies parts of them, so there are few, and fewer before there are none. For longer guesses a state is
# saved in main memory.
ROWS, ROLLBACK = 63, 3


def going_back(
    model: Footprint, shape: Shape, engine: EngineSpec, machine: Machine, reserve_bytes: int, least_slots: int
) -> EngineSpec:
    """Return the engine of a hybrid model with guesses, if states to go back to have room beside all else, or in the
    place of a quarter of its slots at most, and so that `least_slots` are left. Its prediction head, if its file brings
    one, comes first: with one state it guesses more than the text alone with three."""
    if not model.goes_back or not any(model.state_bytes):
        return engine
    least = max(min(least_slots, engine.slots), -(-3 * engine.slots // 4))
    heads = (True, False) if model.head else (False,)
    slotted = range(engine.slots, least - 1, -1)
    for head, back, slots in product(heads, range(ROLLBACK, 0, -1), slotted):
        batch = max(engine.batch, slots + engine.anchors + ROWS)
        tried = replace(engine, slots=slots, draft_rows=ROWS, rollback=back, head=head, batch=batch)
        if (dealt := split(model, tried, shape, machine, reserve_bytes)) is not None:
            return replace(tried, split=dealt if len(dealt) > 1 else ())
    return engine


def why_none(model: Footprint) -> str:
    """Return why nothing is guessed ahead by a model whose owner would have it."""
    if not model.goes_back:
        return "nothing is guessed ahead: llama.cpp cannot take back what such a model has read"
    return "nothing is guessed ahead: there is no memory for states to go back to"
