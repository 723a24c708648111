"""worker/plan.py: what is chosen on cards of every size, and that it is told in words."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worker.test_footprint import large_header
from wire.catalog import ModelSpec, parse
from wire.messages import Gpu, Hardware
from worker.explain import Plan
from worker.footprint import footprint
from worker.gguf_header import Header, Tensor, read
from worker.machine import Machine
from worker.plan import GIB, RAM_RESERVE_BYTES, PlanError, Wishes, plan

CATALOG = parse((Path(__file__).parents[2] / "models.yaml").read_text(), "models.yaml")
LARGE = CATALOG.get("qwen3.6-35b-a3b-gguf-iq4xs")  # 262144 tokens
MEDIUM = CATALOG.get("qwen3.5-35b-a3b-gguf-q4km")  # 32768 tokens
WEIGHTS_GIB = footprint(large_header()).weights_bytes / GIB  # 18.2


def machine(*gpus_gib: float, ram_gib: float = 64, cores: int = 16) -> Machine:
    cards = tuple(Gpu(name=f"{size} GB", memory_bytes=int(size * GIB), free_bytes=int(size * GIB)) for size in gpus_gib)
    return Machine(Hardware(gpus=cards), int(ram_gib * GIB), cores)


def planned(box: Machine, spec: ModelSpec = MEDIUM, wishes: Wishes | None = None, header: Header | None = None) -> Plan:
    return plan(header or large_header(), "/m.gguf", spec, box, wishes or Wishes())


def dense(weights_gib: float = 8) -> Header:
    """The same model without experts."""
    tensors = tuple(
        replace(tensor, name=tensor.name.replace("_exps", ""), bytes=int(tensor.bytes * weights_gib / WEIGHTS_GIB))
        for tensor in large_header().tensors
    )
    return Header(large_header().metadata, {}, tensors)


def test_a_large_card_takes_everything_with_many_slots_at_full_context() -> None:
    engine = planned(machine(80)).engine
    assert (engine.gpu_layers, engine.context, engine.slots, engine.kv_type) == (-1, 32768, 16, "f16")
    assert engine.unified and engine.anchors == 8 and engine.devices == () and engine.path == "/m.gguf"
    assert engine.threads == 4 and engine.longest_stall_ms == 500


def test_a_card_that_just_fits_gives_slots_away_before_context() -> None:
    found = planned(machine(24))
    assert found.engine.context == 32768 and 1 <= found.engine.slots < 8
    assert found.engine.gpu_layers == -1 and found.engine.kv_type == "f16"


def test_the_cache_becomes_q8_0_before_the_context_is_cut() -> None:
    found = planned(machine(24), LARGE)
    assert (found.engine.context, found.engine.slots, found.engine.kv_type) == (262144, 1, "q8_0")
    assert any("q8_0" in note for note in found.notes) and any("one job at a time" in note for note in found.notes)


def test_many_large_caches_are_separate_and_keep_no_spare_sequences() -> None:
    engine = planned(machine(139), LARGE).engine
    assert engine.slots == 16 and not engine.unified and engine.anchors == 0


def test_experts_go_to_main_memory_when_the_card_is_too_small() -> None:
    found = planned(machine(12))
    assert found.engine.gpu_layers == -1 and 0 < found.engine.cpu_expert_layers < 40
    assert found.engine.context == 32768 and found.engine.threads == 16
    assert any("experts" in note for note in found.notes)
    fewer = planned(machine(16)).engine.cpu_expert_layers
    assert 0 < fewer < found.engine.cpu_expert_layers


def test_a_dense_model_that_is_too_large_gets_as_many_layers_as_fit() -> None:
    found = planned(machine(6), header=dense(8))
    assert 0 < found.engine.gpu_layers < 42 and found.engine.cpu_expert_layers == 0
    assert found.total("ram") > GIB
    assert any("layers fit on the GPU" in note for note in found.notes)


def test_less_context_is_better_than_fewer_layers_on_the_gpu() -> None:
    spec = LARGE.model_copy(update={"context": 262144})
    found = planned(machine(12), spec, header=dense(8))
    assert found.engine.gpu_layers == -1 and 4096 <= found.engine.context < 262144
    assert any("do not fit" in note for note in found.notes)


def test_without_a_gpu_everything_is_in_main_memory_with_all_cores() -> None:
    engine = planned(machine(cores=6), header=dense(4)).engine
    assert (engine.gpu_layers, engine.slots, engine.threads, engine.devices) == (0, 2, 6, ())
    assert engine.batch == 128
    assert engine.unified and engine.anchors == 2


def test_on_a_cpu_more_than_two_slots_have_caches_of_their_own() -> None:
    engine = planned(machine(cores=6), header=dense(4), wishes=Wishes(slots=3)).engine
    assert engine.slots == 3 and not engine.unified and engine.anchors == 0


def test_a_gpu_that_llama_cpp_cannot_use_is_not_planned_for() -> None:
    assert planned(machine(80), wishes=Wishes(gpu=False)).engine.gpu_layers == 0


def test_of_several_cards_one_is_used_when_it_is_enough_and_all_when_not() -> None:
    assert planned(machine(24, 80)).engine.devices == (1,)
    both = planned(machine(16, 16))
    assert both.engine.devices == () and both.engine.gpu_layers == -1 and both.engine.cpu_expert_layers == 0


def test_the_owner_decides_what_he_names() -> None:
    engine = planned(machine(80), wishes=Wishes(slots=3, context=8192, threads=7)).engine
    assert (engine.slots, engine.context, engine.threads) == (3, 8192, 7)
    found = planned(machine(24), LARGE, Wishes(slots=4))
    assert found.engine.slots == 1 and any("4 slots were asked for" in note for note in found.notes)


def test_more_reserve_means_fewer_slots() -> None:
    most, fewer = planned(machine(24)), planned(machine(24), wishes=Wishes(reserve_bytes=3 * GIB))
    assert fewer.engine.slots < most.engine.slots
    assert fewer.total("gpu") <= 21 * GIB


@pytest.mark.parametrize(
    ("wishes", "says"),
    [
        (Wishes(context=300_000), "knows only 262144"),
        (Wishes(context=10), "at least 256"),
        (Wishes(slots=1000), "between 1 and 128"),
        (Wishes(slots=0), "between 1 and 128"),
    ],
)
def test_a_wish_that_cannot_be_is_refused(wishes: Wishes, says: str) -> None:
    with pytest.raises(PlanError, match=says):
        planned(machine(80), wishes=wishes)


def test_what_does_not_fit_at_all_says_what_is_missing() -> None:
    with pytest.raises(PlanError) as caught:
        planned(machine(4, ram_gib=8))
    assert "weights take 18.2 GiB" in str(caught.value)
    assert "4 GB 4.0 GiB free and 8.0 GiB of main memory" in str(caught.value)


def test_the_context_is_never_more_than_the_model_knows(tiny_qwen3: Path) -> None:
    with tiny_qwen3.open("rb") as stream:
        header = read(stream, tiny_qwen3.stat().st_size)
    engine = planned(machine(ram_gib=16), LARGE, header=header).engine
    assert engine.context == header.number("context_length")
    assert engine.kv_type == "f16"


def test_unused_layers_are_counted_in_gpu_layers() -> None:
    """llama.cpp deals layers from the end: output, MTP layers, then the ones that are loaded."""
    found = planned(machine(6), header=dense(8))
    on_gpu = int(next(line.why for line in found.lines if (line.what, line.place) == ("weights", "gpu")).split()[0])
    assert found.engine.gpu_layers == on_gpu + 2


def test_the_engine_keeps_no_more_saved_states_than_the_plan_has_counted(tiny_qwen35: Path) -> None:
    with tiny_qwen35.open("rb") as stream:
        small = read(stream, tiny_qwen35.stat().st_size)
    for header, spec in ((large_header(), MEDIUM), (small, MEDIUM)):
        found = planned(machine(ram_gib=64), spec, header=header)
        counted = next(line.bytes for line in found.lines if line.what == "saved states")
        assert found.engine.saved_bytes == counted > 0


def test_the_plan_explains_every_byte() -> None:
    found = planned(machine(24))
    text = found.explain()
    for word in ("weights", "cache", "recurrent state", "compute", "runtime", "jobs at once", "GPU", "RAM", "MiB"):
        assert word in text
    value = json.loads(json.dumps(found.to_dict()))
    assert value["engine"]["slots"] == found.engine.slots
    assert value["gpu_bytes"] == sum(line["bytes"] for line in value["memory"] if line["place"] == "gpu")


@settings(max_examples=120, deadline=None)
@given(
    cards=st.lists(st.integers(2, 96), max_size=4),
    ram=st.integers(2, 128),
    spec=st.sampled_from(CATALOG.models),
    weights=st.sampled_from([0.5, 3, 8, 20]),
    moe=st.booleans(),
)
def test_a_plan_always_fits_or_is_refused(
    cards: list[int], ram: int, spec: ModelSpec, weights: float, moe: bool
) -> None:
    box = machine(*cards, ram_gib=ram)
    try:
        found = planned(box, spec, header=large_header() if moe else dense(weights))
    except PlanError as error:
        assert "does not fit" in str(error)
        return
    engine = found.engine
    used = engine.devices or range(len(cards))
    assert found.total("gpu") <= sum(box.hardware.gpus[index].free_bytes for index in used)
    assert found.total("ram") <= box.available_bytes - RAM_RESERVE_BYTES
    assert engine.slots >= 1 and 256 <= engine.context <= spec.context
    assert engine.batch >= engine.slots + engine.anchors


def test_tensors_of_the_test_are_as_large_as_they_say() -> None:
    assert all(isinstance(tensor, Tensor) for tensor in dense().tensors)
    assert footprint(dense(8)).weights_bytes / GIB == pytest.approx(8, abs=0.01)
