"""Guesses in a plan: how many, what they take, and why there are none."""

from dataclasses import replace

from program.fits import ENOUGH_SLOTS, MOST_GUESSING
from program.gguf import Header, Tensor
from tests.worker.planning.test_plan import LARGE, dense, machine, planned
from tools.docs.headline import header as large_header
from worker.planning.drafts import ROLLBACK, ROWS
from worker.planning.footprint import MIB, cache_bytes, footprint
from worker.planning.plan import Wishes


def test_a_hybrid_model_keeps_states_to_go_back_to_where_they_fit() -> None:
    found, without = planned(machine(139), LARGE), planned(machine(139), LARGE, Wishes(drafts=False))
    assert (found.engine.draft_rows, found.engine.rollback) == (ROWS, ROLLBACK)
    assert (without.engine.draft_rows, without.engine.rollback) == (0, 0)
    assert 3 * without.engine.slots / 4 <= found.engine.slots <= without.engine.slots
    states = [next(line for line in one.lines if line.what == "recurrent state") for one in (found, without)]
    each = states[1].bytes // without.engine.slots
    assert states[0].bytes == (1 + ROLLBACK) * each * found.engine.slots
    assert "3 more of each to take guesses back" in states[0].why
    saved = [sum(line.bytes for line in one.lines if line.what == "states before guesses") for one in (found, without)]
    assert saved == [MOST_GUESSING * each, 0]
    assert f"up to {ROWS} tokens guessed ahead in a step" in found.explain()
    assert "guessed" not in without.explain()


def test_slots_that_are_needed_or_were_asked_for_come_first() -> None:
    assert planned(machine(22.5), LARGE).engine.slots >= ENOUGH_SLOTS
    asked = planned(machine(24), LARGE, Wishes(slots=12)).engine
    assert asked.slots == planned(machine(24), LARGE, Wishes(slots=12, drafts=False)).engine.slots


def test_where_there_is_no_room_for_states_that_is_said() -> None:
    box = machine(cores=6)
    plain = planned(box, header=dense(4), wishes=Wishes(slots=2, context=8192, drafts=False))
    tight = replace(box, available_bytes=2**30 + plain.total("ram") + 2**20)
    found = planned(tight, header=dense(4), wishes=Wishes(slots=2, context=8192))
    assert (found.engine.draft_rows, found.engine.slots) == (0, 2)
    assert "nothing is guessed ahead: there is no memory for states to go back to" in found.notes


def test_a_model_of_attention_alone_needs_no_states() -> None:
    hybrid = dense(8)
    metadata = {key: value for key, value in hybrid.metadata.items() if ".ssm." not in key}
    found = planned(machine(24), header=replace(hybrid, metadata=metadata))
    assert (found.engine.draft_rows, found.engine.rollback) == (ROWS, 0)
    assert found.engine.batch >= found.engine.slots + found.engine.anchors + ROWS


def test_a_hybrid_that_cannot_go_back_guesses_nothing() -> None:
    hybrid = dense(8)
    renamed = {key.replace("qwen35moe", "qwen3next"): value for key, value in hybrid.metadata.items()}
    renamed["general.architecture"] = "qwen3next"
    found = planned(machine(24), header=replace(hybrid, metadata=renamed))
    assert found.engine.draft_rows == 0
    assert any("cannot take back" in note for note in found.notes)


def with_head(header: Header | None = None) -> Header:
    """The same file with its prediction layer whole."""
    header = header or large_header()
    projection = Tensor("blk.40.nextn.eh_proj.weight", 12, (1,), 10 * MIB)
    return replace(header, tensors=(*header.tensors, projection))


def test_a_prediction_head_is_loaded_with_its_cache_and_told() -> None:
    found, without = planned(machine(139), LARGE, header=with_head()), planned(machine(139), LARGE)
    assert (found.engine.head, found.engine.draft_rows, found.engine.rollback) == (True, ROWS, ROLLBACK)
    assert not without.engine.head and "prediction head" not in without.explain()
    line = next(line for line in found.lines if line.what == "prediction head")
    cells = found.engine.context * found.engine.slots
    assert line.place == "gpu"
    assert line.bytes > 460 * MIB + cells * cache_bytes(2 * 2 * 256, "f16")
    assert "by the model's own prediction head" in found.explain() and "--drafts off does without" in line.why
    assert not planned(machine(139), LARGE, Wishes(drafts=False), header=with_head()).engine.head


def test_what_a_card_has_left_for_a_head_is_on_that_card() -> None:
    two = planned(machine(24, 24), LARGE, header=with_head())
    assert two.engine.head and sum(two.engine.split) == 40 + 1 + 1
    assert planned(machine(24, 24), LARGE).engine.split


def test_a_head_in_main_memory_counts_there() -> None:
    box = machine(cores=6)
    found = planned(box, header=with_head(dense(4)))
    line = next(line for line in found.lines if line.what == "prediction head")
    assert found.engine.head and line.place == "ram"
    states = next(line for line in found.lines if line.what == "recurrent state")
    less = line.bytes + (ROLLBACK - 1) * states.bytes // (1 + ROLLBACK)  # room for one state to go back to
    tight = replace(box, available_bytes=2**30 + found.total("ram") - less)
    told = planned(tight, header=with_head(dense(4)), wishes=Wishes(slots=found.engine.slots))
    assert not told.engine.head and told.engine.rollback == 1
    assert "its prediction head guesses nothing: there is no memory for it" in told.notes


def test_a_header_that_says_so_is_no_head() -> None:
    assert large_header().number("nextn_predict_layers") == 1
    assert footprint(large_header()).head is None
    assert footprint(with_head()).head is not None
    several = {**large_header().metadata, "qwen35moe.nextn_predict_layers": 2, "qwen35moe.block_count": 42}
    assert footprint(replace(with_head(), metadata=several)).head is None
    other = {key.replace("qwen35moe", "glm4moe"): value for key, value in large_header().metadata.items()}
    other["general.architecture"] = "glm4moe"
    assert footprint(replace(with_head(), metadata=other)).head is None
