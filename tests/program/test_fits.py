"""What the catalog's sizes are taken to mean: held against headers, against the worker's plan, and against sense."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from program.catalog import load_catalog
from program.fits import (
    GIB,
    GPU_RESERVE_BYTES,
    RAM_RESERVE_BYTES,
    Card,
    Fit,
    Place,
    Room,
    card,
    download_bytes,
    fit,
    most_slots,
    order,
    runtime_bytes,
)
from program.gguf import read
from tests.program.catalog_headers import header
from tests.worker.planning.test_plan import machine, unified
from wire.catalog import ModelSpec
from worker.planning.footprint import Eyes, Footprint, cache_bytes, footprint
from worker.planning.plan import DoesNotFit, Wishes, plan

CATALOG = load_catalog(None)
HYBRIDS = [spec for spec in CATALOG.models if spec.repository]
HEADLINE = CATALOG.models[0]


def of_header(model: Footprint) -> tuple[int, int]:
    """What a token and a job take by a header."""
    return sum(cache_bytes(values, "f16") for values in model.cache_values), sum(model.state_bytes)


@pytest.mark.parametrize("spec", HYBRIDS, ids=lambda spec: spec.id)
def test_the_catalog_says_of_cache_and_state_what_the_models_dimensions_do(spec: ModelSpec) -> None:
    assert spec.sizes is not None and spec.shape is not None
    model = footprint(header(spec))
    assert of_header(model) == (spec.sizes.token, spec.sizes.job)
    assert bool(spec.sizes.experts) == bool(spec.shape.experts) and spec.shape.layers == model.layers
    assert bool(spec.sizes.projector) == bool(spec.projector)


def test_the_catalog_says_what_is_in_the_one_file_that_is_here() -> None:
    spec = next(spec for spec in CATALOG.models if spec.package)
    found = find_spec(str(spec.package))
    assert found is not None and found.submodule_search_locations
    path = Path(found.submodule_search_locations[0]) / spec.files[0].name
    with path.open("rb") as stream:
        model = footprint(read(stream, path.stat().st_size))
    assert spec.sizes is not None and spec.sizes.files == path.stat().st_size == spec.files[0].size_bytes
    assert of_header(model) == (spec.sizes.token, spec.sizes.job)
    assert model.weights_bytes <= spec.sizes.files < 1.1 * model.weights_bytes


def planned(spec: ModelSpec, gpu: Card | None, ram_gib: int) -> Fit:
    """The worker's plan of it, with the projector that the catalog names."""
    assert spec.sizes is not None
    box = machine(*([(gpu.free + GPU_RESERVE_BYTES) / GIB] if gpu else []), ram_gib=ram_gib)
    eyes = Eyes("/eyes.gguf", spec.sizes.projector) if spec.sizes.projector and gpu else None
    try:
        made = plan(header(spec), "/m.gguf", spec, box, Wishes(), eyes)
    except DoesNotFit:
        return Fit("none", 0, 0, 0, 0)
    engine = made.engine
    whole = engine.gpu_layers == -1 and not engine.cpu_expert_layers
    place: Place = "gpu" if whole else "split" if engine.gpu_layers else "cpu"
    sees = engine.projector is not None
    return Fit(place, engine.slots, engine.context, made.total("gpu"), made.total("ram"), sees)


BOXES = ((0, 8), (0, 32), (4, 8), (8, 32), (12, 32), (16, 32), (24, 64), (32, 64), (48, 64), (80, 128), (141, 256))


@pytest.mark.parametrize("spec", HYBRIDS, ids=lambda spec: spec.id)
def test_the_estimate_is_near_the_plan_on_cards_of_every_size(spec: ModelSpec) -> None:
    for memory, ram in BOXES:
        gpu = card(memory * GIB) if memory else None
        about, exact = fit(spec, Room((gpu,) if gpu else (), ram * GIB)), planned(spec, gpu, ram)
        where = (spec.id, memory, ram, about, exact)
        assert about is not None and about.place == exact.place, where
        if exact.place == "none":
            assert about.ram_bytes > ram * GIB - RAM_RESERVE_BYTES, where
            continue
        served = about.slots * about.context, exact.slots * exact.context
        assert max(served) <= 2 * min(served), where
        for said, counted in ((about.gpu_bytes, exact.gpu_bytes), (about.ram_bytes, exact.ram_bytes)):
            assert abs(said - counted) <= max(GIB, 0.15 * counted), where


def test_what_fits_on_a_card_fits_on_a_larger_one_with_no_fewer_jobs() -> None:
    rank = ("none", "cpu", "split", "gpu")
    for spec in HYBRIDS:
        before = (0, 0)
        for memory in range(2, 145):
            found = fit(spec, Room((card(memory * GIB),), 64 * GIB))
            assert found is not None
            now = rank.index(found.place), found.slots * found.context
            assert now[0] >= before[0], (spec.id, memory)
            if now[0] == before[0] == 3:
                assert now[1] >= 0.6 * before[1], (spec.id, memory)  # a longer context costs jobs
            assert found.gpu_bytes <= card(memory * GIB).free, (spec.id, memory)
            before = now


def test_several_cards_count_together_and_shared_memory_once() -> None:
    two = fit(HEADLINE, Room((card(12 * GIB), card(12 * GIB)), 64 * GIB))
    assert two is not None and two.place == "gpu"
    box = unified(16)
    shared = fit(HEADLINE, Room((Card(16 * GIB, 16 * GIB, True),), box.available_bytes))
    assert shared is not None and shared.place == "none"
    large = fit(HEADLINE, Room((Card(120 * GIB, 118 * GIB, True),), 118 * GIB))
    assert large is not None and (large.place, large.slots) == ("gpu", 8)
    assert large.gpu_bytes + large.ram_bytes <= 117 * GIB


def test_media_need_one_card_or_twice_as_much_main_memory() -> None:
    spec = next(spec for spec in CATALOG.media if spec.id == "z_image_turbo_bf16")
    assert spec.memory_bytes is not None
    on = [fit(spec, Room((card(memory * GIB),), 64 * GIB)) for memory in (12, 24)]
    assert [found and found.place for found in on] == ["none", "gpu"]
    assert (fit(spec, Room((card(12 * GIB), card(12 * GIB)), 64 * GIB)) or Fit("gpu", 0, 0, 0, 0)).place == "none"
    assert fit(spec, Room((), 64 * GIB)) == Fit("cpu", 1, 0, 0, 2 * spec.memory_bytes)
    assert fit(spec.model_copy(update={"memory_bytes": None}), Room((), 64 * GIB)) is None


def test_an_entry_without_sizes_is_unknown_and_one_says_what_is_to_be_fetched() -> None:
    assert fit(HEADLINE.model_copy(update={"sizes": None}), Room((card(24 * GIB),), 64 * GIB)) is None
    assert HEADLINE.sizes is not None
    assert download_bytes(HEADLINE, sees=True) == HEADLINE.sizes.files + HEADLINE.sizes.projector
    assert download_bytes(HEADLINE, sees=False) == HEADLINE.sizes.files, (
        "no projector is fetched that nothing looks with"
    )
    assert download_bytes(HEADLINE.model_copy(update={"sizes": None}), True) is None
    assert [download_bytes(spec, True) for spec in CATALOG.models if spec.package] == [0]
    assert {spec.id: download_bytes(spec, False) for spec in CATALOG.media}["toy-emoji-64"] == 0
    named = tuple(file.model_copy(update={"size_bytes": 5}) for file in HEADLINE.files)
    unsized = HEADLINE.model_copy(update={"sizes": None, "files": named})
    assert (download_bytes(unsized, sees=False), download_bytes(unsized, sees=True)) == (5, None)
    assert download_bytes(unsized.model_copy(update={"repository": None}), sees=False) == 0, "a file of its owner's"


def test_the_order_is_by_place_then_by_what_is_missed_then_by_price() -> None:
    place: tuple[Place, ...] = ("gpu", "split", "cpu", "none")
    fits = [Fit(one, 1, 1, 1, 1) for one in place]
    keys = [order(HEADLINE, found, missed) for found in fits for missed in (9, 0)] + [order(HEADLINE, None, 99)]
    assert keys == sorted(keys) and len(set(keys)) == 9
    small = next(spec for spec in CATALOG.models if spec.id == "qwen3.5-0.8b-gguf-q4km")
    assert order(HEADLINE, fits[0], 0) < order(small, fits[0], 0) < order(CATALOG.media[0], fits[0], 0)
    assert order(small, fits[0], 1) < order(HEADLINE, fits[0], 0)


def test_a_large_card_has_more_slots_and_a_larger_runtime() -> None:
    assert [most_slots(memory * GIB) for memory in (0, 24, 48, 80)] == [8, 8, 16, 32]
    assert runtime_bytes(80 * GIB) > runtime_bytes(24 * GIB) > 0
    assert card(0) == Card(0, 0)
