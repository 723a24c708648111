"""Which card gets which layers, when a model is spread over several.

llama.cpp would deal by free memory alone; but of a hybrid model only every fourth layer brings a cache, and that layer
weighs as much as several others. So the plan deals, and the engine is told (`EngineSpec.split`). Pure.
"""

from collections.abc import Sequence


def deal(layers: Sequence[int], rooms: Sequence[int]) -> tuple[int, ...] | None:
    """How many of the layers (bytes each, in their order) each card gets, of the cards that have so much room.

    Every card gets at least one: it would be there for nothing. The fullest card is left with as much as can be.
    None: they do not fit.
    """
    best = _filled(layers, rooms)
    if best is None:
        return None
    enough, too_much = 0, max(rooms) + 1  # bytes that every card is left with
    while too_much - enough > 1:
        spare = (enough + too_much) // 2
        if found := _filled(layers, [room - spare for room in rooms]):
            best, enough = found, spare
        else:
            too_much = spare
    return best


def _filled(layers: Sequence[int], rooms: Sequence[int]) -> tuple[int, ...] | None:
    """Fill each card as far as it goes, one after the other: if any way of dealing fits, this one does."""
    counts, first = [], 0
    for place, room in enumerate(rooms):
        after, last = len(rooms) - place - 1, first
        while last < len(layers) - after and layers[last] <= room:
            room -= layers[last]
            last += 1
        if last == first:
            return None
        counts.append(last - first)
        first = last
    return tuple(counts) if first == len(layers) else None
