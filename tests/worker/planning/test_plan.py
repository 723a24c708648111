"""worker/planning/plan.py: what is chosen on cards of every size, and that it is told in words."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from program.fits import ENOUGH_CONTEXT, ENOUGH_SLOTS, EYES_COMPUTE_BYTES, RAM_RESERVE_BYTES
from program.gguf import Header, Tensor, read
from tests.thoroughness import at_most
from tools.docs.headline import header as large_header
from wire.catalog import ModelSpec
from wire.catalog_text import parse
from wire.offers import Gpu, Hardware
from worker.engine.devices import Device
from worker.engine.port import EngineSpec
from worker.machine.description import Machine
from worker.planning.explain import Plan
from worker.planning.footprint import MIB, Eyes, footprint
from worker.planning.layout import GIB
from worker.planning.plan import PlanError, Wishes, plan

CATALOG = parse((Path(__file__).parents[3] / "models.yaml").read_text(), "models.yaml")
LARGE = CATALOG.get("qwen3.6-35b-a3b-gguf-iq4xs")  # 262144 tokens
MEDIUM = CATALOG.get("qwen3.5-35b-a3b-gguf-q4km")  # 32768 tokens
WEIGHTS_GIB = footprint(large_header()).weights_bytes / GIB  # 18.2


def machine(*gpus_gib: float, ram_gib: float = 64, cores: int = 16) -> Machine:
    cards = tuple(Gpu(name=f"{size} GB", memory_bytes=int(size * GIB), free_bytes=int(size * GIB)) for size in gpus_gib)
    devices = tuple(Device(f"CUDA{number}", "CUDA", card.name, "gpu") for number, card in enumerate(cards))
    return Machine(Hardware(gpus=cards), int(ram_gib * GIB), cores, devices=devices)


def unified(memory_gib: float, cores: int = 20) -> Machine:
    """As a GB10: the GPU's memory is the main memory."""
    size = int(memory_gib * GIB)
    gpu = Gpu(name="NVIDIA GB10", memory_bytes=size, free_bytes=size, backend="CUDA", shared=True)
    device = Device("CUDA0", "CUDA", "NVIDIA GB10", "igpu", size, size, "000f:01:00.0")
    return Machine(Hardware(memory_bytes=size, gpus=(gpu,)), size, cores, devices=(device,))


def cards_of(engine: EngineSpec) -> list[int]:
    """The numbers of the cards of `machine` that it is on."""
    return [int(address.removeprefix("CUDA")) for address in engine.devices]


def planned(
    box: Machine,
    spec: ModelSpec = MEDIUM,
    wishes: Wishes | None = None,
    header: Header | None = None,
    eyes: Eyes | None = None,
) -> Plan:
    return plan(header or large_header(), "/m.gguf", spec, box, wishes or Wishes(), eyes)


def dense(weights_gib: float = 8) -> Header:
    """The same model without experts."""
    tensors = tuple(
        replace(tensor, name=tensor.name.replace("_exps", ""), bytes=int(tensor.bytes * weights_gib / WEIGHTS_GIB))
        for tensor in large_header().tensors
    )
    return Header(large_header().metadata, {}, tensors)


def test_a_large_card_takes_everything_with_many_slots_at_full_context() -> None:
    engine = planned(machine(80)).engine
    assert (engine.gpu_layers, engine.context, engine.slots, engine.kv_type) == (-1, 32768, 32, "f16")
    assert engine.devices == ("CUDA0",) and engine.split == () and engine.path == "/m.gguf"
    assert engine.threads == 4 and engine.longest_stall_ms == 500


def test_the_longest_context_stays_where_enough_jobs_of_it_fit() -> None:
    for box, slots in ((machine(48), 5), (machine(80), 11), (machine(139), 22), (machine(24, 24), 5)):
        engine = planned(box, LARGE).engine
        assert (engine.context, engine.slots, engine.kv_type, engine.cpu_expert_layers) == (262144, slots, "f16", 0)


@pytest.mark.parametrize("free", [22.5, 23.4, 24.0])
def test_a_card_of_24_gib_serves_four_long_chats_exactly_and_whole(free: float) -> None:
    """Before, it served one chat of 262,144 tokens, in q8_0, some of the experts in main memory."""
    found = planned(machine(free), LARGE)
    engine = found.engine
    assert engine.slots >= ENOUGH_SLOTS and engine.context >= ENOUGH_CONTEXT
    assert (engine.gpu_layers, engine.cpu_expert_layers, engine.kv_type) == (-1, 0, "f16")
    assert any("of 262144 tokens, so that" in note for note in found.notes)


def test_of_contexts_that_serve_enough_jobs_the_longest_is_taken() -> None:
    assert (planned(machine(32), LARGE).engine.context, planned(machine(28), LARGE).engine.context) == (131072, 65536)


def test_fewer_jobs_come_before_less_context_than_a_program_needs() -> None:
    """A model without experts that could be moved: three jobs of 32,768 tokens, not four of 16,384."""
    found = planned(machine(11), header=dense(8)).engine
    assert (found.context, found.gpu_layers) == (32768, -1) and 1 <= found.slots < 4


def test_the_cache_becomes_q8_0_before_experts_leave_the_card() -> None:
    found = planned(machine(21.4), LARGE)
    assert (found.engine.context, found.engine.kv_type, found.engine.cpu_expert_layers) == (32768, "q8_0", 0)
    assert found.engine.slots >= 4 and any("q8_0" in note for note in found.notes)
    assert any(line.what == "unpacked cache" for line in found.lines)


def test_caches_are_shared_only_where_a_row_can_see_little_of_others() -> None:
    """In a shared cache every row attends to every cell in use, whoever's it is (llama-kv-cache.cpp, get_n_kv)."""
    for box, spec in ((machine(24), LARGE), (machine(48), LARGE), (machine(139), LARGE), (machine(80), MEDIUM)):
        engine = planned(box, spec).engine
        assert engine.slots > 1 and not engine.unified and engine.anchors == 0
    small = planned(machine(24), MEDIUM.model_copy(update={"context": 4096})).engine
    assert (small.slots, small.unified, small.anchors) == (8, True, 8)


def test_experts_go_to_main_memory_when_the_card_is_too_small() -> None:
    found = planned(machine(12))
    assert found.engine.gpu_layers == -1 and 0 < found.engine.cpu_expert_layers < 40
    assert found.engine.context == 32768 and found.engine.threads == 16
    assert found.engine.slots >= 4 and found.engine.batch == 2048, "what is moved is copied once for each batch"
    assert any("experts" in note for note in found.notes)
    assert any(line.what == "copied weights" for line in found.lines)
    fewer = planned(machine(16)).engine.cpu_expert_layers
    assert 0 < fewer < found.engine.cpu_expert_layers


def test_a_dense_model_that_is_too_large_gets_as_many_layers_as_fit() -> None:
    found = planned(machine(6), header=dense(8))
    assert 0 < found.engine.gpu_layers < 42 and found.engine.cpu_expert_layers == 0
    assert found.total("ram") > GIB
    assert any("layers fit on the GPU" in note for note in found.notes)


def test_less_context_is_better_than_fewer_layers_on_the_gpu() -> None:
    found = planned(machine(9.6), LARGE, header=dense(8))
    assert found.engine.gpu_layers == -1 and 4096 <= found.engine.context < 32768


def test_without_a_gpu_everything_is_in_main_memory_with_all_cores() -> None:
    engine = planned(machine(cores=6), header=dense(4)).engine
    assert (engine.gpu_layers, engine.slots, engine.threads, engine.devices) == (0, 2, 6, ())
    assert engine.batch == 128
    assert not engine.unified and engine.anchors == 0  # a row would attend to what ended chats have left


def test_a_single_slot_of_a_cpu_keeps_a_second_conversation_where_there_is_memory() -> None:
    model = dense(4)
    engine = planned(machine(), header=model, wishes=Wishes(slots=1, context=32768)).engine
    assert not engine.unified and (engine.slots, engine.anchors) == (1, 1)
    tight = planned(machine(ram_gib=7.5), header=model, wishes=Wishes(slots=1, context=32768)).engine
    assert (tight.slots, tight.anchors) == (1, 0)


def test_on_a_cpu_more_than_two_slots_have_caches_of_their_own() -> None:
    engine = planned(machine(cores=6), header=dense(4), wishes=Wishes(slots=3)).engine
    assert engine.slots == 3 and not engine.unified and engine.anchors == 0


def test_on_a_cpu_attention_is_plain_where_its_scores_take_little() -> None:
    def flash(context: int, **more: int) -> bool:
        return planned(
            machine(cores=6, **more), header=dense(4), wishes=Wishes(slots=1, context=context)
        ).engine.flash_attention

    assert not flash(4096)
    assert flash(131_072)


def test_memory_for_scores_costs_no_slot() -> None:
    box = machine(cores=6)
    wishes = Wishes(slots=2, context=8192, drafts=False)
    plain = planned(box, header=dense(4), wishes=wishes)
    assert not plain.engine.flash_attention
    tight = replace(box, available_bytes=RAM_RESERVE_BYTES + plain.total("ram") - 1)
    found = planned(tight, header=dense(4), wishes=wishes)
    assert found.engine.flash_attention and found.engine.slots == 2
    assert found.total("ram") < plain.total("ram")


def test_on_a_gpu_attention_is_always_flash() -> None:
    assert planned(machine(24), wishes=Wishes(slots=1, context=4096)).engine.flash_attention


def test_a_gpu_that_llama_cpp_cannot_use_is_not_planned_for() -> None:
    assert planned(machine(80), wishes=Wishes(gpu=False)).engine.gpu_layers == 0


def test_memory_that_gpu_and_cpu_share_is_given_away_once() -> None:
    """A GB10 with 24 GiB free: no 5 GiB of other things beside a card that is full."""
    box = unified(24)
    found = planned(box)
    assert found.engine.devices == ("CUDA0@000f:01:00.0",) and found.engine.gpu_layers == -1
    assert found.total("gpu") + found.total("ram") <= box.available_bytes - RAM_RESERVE_BYTES


def test_of_several_cards_as_many_are_used_as_give_more_jobs() -> None:
    assert planned(machine(24, 80)).engine.devices == ("CUDA1",), "it has room for all 32"
    both = planned(machine(16, 16))
    assert (
        both.engine.devices == ("CUDA0", "CUDA1")
        and both.engine.gpu_layers == -1
        and both.engine.cpu_expert_layers == 0
    )
    assert planned(machine(1, 24, 24), LARGE).engine.devices == ("CUDA1", "CUDA2"), "the first has no room for a layer"


def test_the_owner_decides_what_is_named() -> None:
    engine = planned(machine(80), wishes=Wishes(slots=3, context=8192, threads=7)).engine
    assert (engine.slots, engine.context, engine.threads) == (3, 8192, 7)
    found = planned(machine(24), LARGE, Wishes(slots=12)).engine
    assert (found.slots, found.context, found.kv_type) == (12, 16384, "f16"), "context is given for the slots"
    found = planned(machine(24), LARGE, Wishes(context=262144)).engine
    assert (found.slots, found.context, found.cpu_expert_layers) == (1, 262144, 0), "and slots for the context"
    both = planned(machine(24), LARGE, Wishes(slots=4, context=262144))
    assert both.engine.context == 262144 and both.engine.slots == 4 and both.engine.cpu_expert_layers > 0
    less = planned(machine(24, ram_gib=7), LARGE, Wishes(slots=4, context=262144))
    assert less.engine.slots < 4 and any("4 slots were asked for" in note for note in less.notes)


def test_more_reserve_means_fewer_slots() -> None:
    most, fewer = planned(machine(24)), planned(machine(24), wishes=Wishes(reserve_bytes=3 * GIB))
    assert fewer.engine.slots < most.engine.slots
    assert fewer.total("gpu") <= 21 * GIB


@pytest.mark.parametrize(
    ("wishes", "says"),
    [
        (Wishes(context=300_000), "knows only 262144"),
        (Wishes(threads=513), "takes 512 at most"),
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


@settings(max_examples=at_most(120), deadline=None)
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
    used = cards_of(engine)
    assert found.total("gpu") <= sum(box.hardware.gpus[index].free_bytes for index in used)
    assert found.total("ram") <= box.available_bytes - RAM_RESERVE_BYTES
    assert engine.slots >= 1 and 256 <= engine.context <= spec.context
    assert engine.batch >= engine.slots + engine.anchors


def test_tensors_of_the_test_are_as_large_as_they_say() -> None:
    assert all(isinstance(tensor, Tensor) for tensor in dense().tensors)
    assert footprint(dense(8)).weights_bytes / GIB == pytest.approx(8, abs=0.01)


EYES = Eyes("/eyes.gguf", 852 * MIB)  # of Qwen3.5-35B-A3B, in BF16


@pytest.mark.parametrize("box", [machine(24), machine(80), machine(24, 24), unified(119)])
def test_the_projector_is_on_the_card_of_the_output_and_counted_there(box: Machine) -> None:
    found = planned(box, LARGE, eyes=EYES)
    assert found.engine.projector == EYES.path and found.blind == ""
    (line,) = (line for line in found.lines if line.what == "projector")
    assert (line.place, line.bytes) == ("gpu", 852 * MIB + EYES_COMPUTE_BYTES)
    blind = planned(box, LARGE)
    assert blind.engine.projector is None and all(line.what != "projector" for line in blind.lines)
    if len(found.engine.devices) > 1:
        assert found.engine.split[-1] < blind.engine.split[-1], "the last card has fewer layers for it"


def test_sight_costs_a_card_of_24_gib_no_more_than_a_slot() -> None:
    seeing, blind = planned(machine(24), LARGE, eyes=EYES).engine, planned(machine(24), LARGE).engine
    assert (seeing.context, seeing.kv_type, seeing.cpu_expert_layers) == (blind.context, blind.kv_type, 0)
    assert ENOUGH_SLOTS <= seeing.slots < blind.slots


def test_sight_is_left_out_where_it_would_take_the_model_off_the_card_or_its_context() -> None:
    whole = planned(machine(21.4), LARGE, eyes=EYES)
    assert whole.engine.projector is None and "less of the model would fit on the GPU" in whole.blind
    assert whole.engine == planned(machine(21.4), LARGE).engine
    short = planned(machine(10.5), header=dense(8), eyes=EYES)
    assert short.engine.projector is None and "a job would get" in short.blind and short.engine.context >= 16384
    assert short.blind in short.explain() and short.to_dict()["blind"] == short.blind


def test_the_owner_may_have_it_in_any_case() -> None:
    see = Wishes(see=True)
    for box, header in ((machine(21.4), None), (machine(10), dense(8)), (machine(), None)):
        found = planned(box, wishes=see, header=header, eyes=EYES)
        assert found.engine.projector == EYES.path and found.blind == ""
    assert planned(machine(), eyes=EYES).engine.projector is None, "a CPU is slow to see"
    assert "a CPU is slow" in planned(machine(), eyes=EYES).blind


def test_without_memory_for_it_text_is_served_whatever_the_owner_wants() -> None:
    found = planned(machine(80), wishes=Wishes(see=True), eyes=Eyes("/eyes.gguf", 200 * GIB))
    assert found.engine.projector is None and "no memory for its projector" in found.blind
