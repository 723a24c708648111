"""The eyes of a model as they are at load: opened, tried on a picture and timed; whatever is wrong costs them alone.

An engine without eyes serves text, so nothing here ends it by itself. What libmtmd dies of takes the process along: the
supervisor starts the next one without eyes (`Loading.eyes`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isqrt

import numpy as np

from wire.errors import ErrorCode, SupernetError
from wire.pictures import PATCH
from worker.bindings.encoder import Encoder, Stopped
from worker.bindings.llama import Feed, Model
from worker.bindings.picture_batch import Patch
from worker.engine.child.warm import compute
from worker.engine.port import EngineSpec

FEW_TOKENS = 64  # of the picture that is not timed on a CPU, where one of 1,024 may take minutes
# What a picture may take, so that clients are not made to wait for a slow machine while others see at once. Others had
# encodes of 10 to 80 s through one bad build or flash attention that was off, and nobody was told.
BEARABLE_S = 5.0


@dataclass(frozen=True)
class Sight:
    """What came of a model's eyes. `image_ms`: of an encode of as many tokens as a picture may have. `blind`: why there
    is no encoder, though there was to be one."""

    encoder: Encoder | None = None
    image_ms: float | None = None
    blind: str = ""


def open_eyes(model: Model, spec: EngineSpec, clock: Callable[[], float], computed: Callable[[], float]) -> Sight:
    """Load the projector, and let it see pictures before a client's come. Never raises for what a file can hold.

    `computed`: the processor time of this process, in seconds.
    """
    from worker.bindings.mtmd import Projector  # loads libmtmd, which a model without eyes does without

    try:
        projector = Projector(model, spec)
    except SupernetError as error:
        return Sight(blind=error.message)
    try:
        return Sight(projector, 1000 * look(model, projector, spec, clock, computed))
    except SupernetError as error:
        projector.close()
        return Sight(blind=error.message)


def look(
    model: Model, encoder: Encoder, spec: EngineSpec, clock: Callable[[], float], computed: Callable[[], float]
) -> float:
    """Encode pictures and have the model read one; return the seconds of one with `spec.image_tokens` tokens.

    On a GPU the first as large as that is not counted: kernels are loaded for it, or compiled, and memory is taken. A
    CPU is stopped when it has computed for too long; what others had of it meanwhile is not held against it, as a
    moment's load would decide for as long as the engine runs. Raises SupernetError.
    """

    def encode(tokens: int, go_on: Callable[[], bool] = lambda: True) -> Patch:
        side = PATCH * isqrt(tokens)
        pixels = np.random.default_rng(0).integers(0, 256, 3 * side * side, np.uint8)
        vectors, columns = encoder.encode(side, side, pixels.tobytes(), go_on)
        return Patch(vectors, 0, columns)

    most = spec.image_tokens
    seen = encode(most if model.offloaded else min(most, FEW_TOKENS))
    count = min(len(seen.vectors), spec.batch, model.context - 1)
    compute(model, [Feed(0, 0, [0] * count, 0, seen._replace(vectors=seen.vectors[:count]))])
    model.inside_s = 0.0
    began, before = clock(), computed()

    def bearable() -> bool:
        if clock() - began <= BEARABLE_S:
            return True
        return not model.offloaded and (computed() - before) / spec.threads <= BEARABLE_S

    try:
        encode(most, lambda: model.offloaded or bearable())
    except Stopped:
        raise _too_slow(most, f"more than {BEARABLE_S:.0f} s") from None
    took = clock() - began
    if not bearable():
        raise _too_slow(most, f"{took:.1f} s")
    return took


def _too_slow(tokens: int, took: str) -> SupernetError:
    text = f"a picture of {tokens:,} tokens takes {took} here, and {BEARABLE_S:.0f} s is the most that is offered"
    return SupernetError(ErrorCode.ENGINE_ERROR, text)
