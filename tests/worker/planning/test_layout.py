"""worker/planning/layout.py: where the bytes are, on each card and in main memory."""

from dataclasses import replace

import pytest

from program.fits import LARGE_RUNTIME_BYTES, RUNTIME_BYTES
from tests.worker.planning.test_plan import LARGE, MEDIUM, cards_of, machine, planned
from tools.docs.headline import header as large_header
from wire.catalog import ModelSpec
from worker.engine.port import EngineSpec
from worker.planning.footprint import MIB, cache_bytes, compute_bytes, footprint
from worker.planning.layout import GIB, Shape, lines, split
from worker.planning.plan import Wishes


@pytest.mark.parametrize(
    "cards", [(24, 24, 24, 24), (12, 12, 12), (12, 24), (16, 16), (24, 24), (8, 8, 8), (10, 48), (24, 1, 24)]
)
@pytest.mark.parametrize("spec", [LARGE, MEDIUM], ids=["262144", "32768"])
def test_each_card_has_room_for_the_layers_that_it_gets(cards: tuple[float, ...], spec: ModelSpec) -> None:
    """4x24 was planned with 13 caches of 262,144 tokens, 25.5 of 23.5 GiB on one card; 3x12 with 11.6 of 11.6.

    Summed up here anew, layer by layer, from what llama.cpp puts where: a layer's weights, cache and state on its card;
    runtime and compute buffer on each.
    """
    box = machine(*(size * 0.975 for size in cards))
    engine = planned(box, spec).engine
    model = footprint(large_header())
    used = cards_of(engine)
    counts = engine.split or (model.layers + 2,)
    assert sum(counts) == model.layers + model.unused_layers + 1, "with the output and the prediction layer"
    taken, layer = dict.fromkeys(used, 0), 0
    for index, count in zip(used, counts, strict=True):
        for _ in range(count):
            if layer < model.layers:
                moved = model.expert_bytes[layer] if layer < engine.cpu_expert_layers else 0
                taken[index] += model.layer_bytes[layer] - moved + engine.slots * model.state_bytes[layer]
                cells = engine.slots * engine.context
                taken[index] += cells * cache_bytes(model.cache_values[layer], engine.kv_type)
            layer += 1
    taken[index] += model.output_bytes
    compute = compute_bytes(model, engine.batch, engine.context, engine.slots)
    for index in used:
        assert taken[index] + RUNTIME_BYTES + compute + 512 * MIB <= box.hardware.gpus[index].free_bytes


def test_a_large_card_leaves_more_to_cuda_itself() -> None:
    runtime = [
        next(line.bytes for line in planned(box).lines if line.what == "runtime")
        for box in (machine(24), machine(48), machine(16, 16))
    ]
    assert runtime == [RUNTIME_BYTES, LARGE_RUNTIME_BYTES, 2 * RUNTIME_BYTES]


def test_windows_keeps_a_tenth_of_the_card() -> None:
    """What is over its budget it moves to main memory without an error: ten times as slow."""
    plain, wsl = (planned(replace(machine(24), wsl=on), LARGE) for on in (False, True))
    assert wsl.total("gpu") <= 24 * 0.9 * GIB < plain.total("gpu")
    wished = planned(replace(machine(24), wsl=True), LARGE, Wishes(reserve_bytes=4 * GIB))
    assert wished.total("gpu") <= 20 * GIB


def test_weights_that_are_copied_to_the_gpu_need_a_place_there() -> None:
    """ggml copies a layer's experts, or a layer, to the card for a batch of many rows: into the compute buffer."""
    model, box = footprint(large_header()), machine(24)
    spec = EngineSpec("", slots=4, context=32768, unified=False)
    for shape, copied in (
        (Shape(32768, "f16", (0,), 40), 0),
        (Shape(32768, "f16", (0,), 40, cpu_experts=2), 400 * MIB),
        (Shape(32768, "f16", (0,), 20), 450 * MIB),
    ):
        found = {(line.what, line.place): line.bytes for line in lines(model, spec, shape, box)}
        assert found.get(("copied weights", "gpu"), 0) == copied


def test_every_layer_is_somewhere_once() -> None:
    model, box = footprint(large_header()), machine(24)
    spec = EngineSpec("", slots=4, context=32768, unified=False)
    for on_gpu, experts in ((40, 0), (40, 7), (40, 40), (25, 0), (0, 0)):
        shape = Shape(32768, "f16", (0,) if on_gpu else (), on_gpu, experts)
        found = lines(model, spec, shape, box)
        assert sum(line.bytes for line in found if line.what == "weights") == model.weights_bytes
        cache = 4 * 32768 * 20 * 1024
        assert sum(line.bytes for line in found if line.what == "cache") == cache


def test_there_is_room_in_both_places_or_none() -> None:
    model = footprint(large_header())
    spec = EngineSpec("", slots=4, context=32768, unified=False, saved_bytes=2 * GIB)
    shape = Shape(32768, "f16", (0,), 40)
    assert split(model, spec, shape, machine(24), 0) == (42,)
    assert split(model, spec, shape, machine(21), 0) is None
    assert split(model, spec, shape, machine(24, ram_gib=3), 0) is None
    assert split(model, spec, Shape(32768, "f16"), machine(24), 0) == ()
