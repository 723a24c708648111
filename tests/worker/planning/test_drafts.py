"""Guesses in a plan: how many, what they take, and why there are none."""

from dataclasses import replace

from tests.worker.planning.test_plan import LARGE, dense, machine, planned
from worker.planning.drafts import ROLLBACK, ROWS
from worker.planning.plan import ENOUGH_SLOTS, Wishes


def test_a_hybrid_model_keeps_states_to_go_back_to_where_they_fit() -> None:
    found, without = planned(machine(139), LARGE), planned(machine(139), LARGE, Wishes(drafts=False))
    assert (found.engine.draft_rows, found.engine.rollback) == (ROWS, ROLLBACK)
    assert (without.engine.draft_rows, without.engine.rollback) == (0, 0)
    assert 3 * without.engine.slots / 4 <= found.engine.slots <= without.engine.slots
    states = [next(line for line in one.lines if line.what == "recurrent state") for one in (found, without)]
    each = states[1].bytes // without.engine.slots
    assert states[0].bytes == (1 + ROLLBACK) * each * found.engine.slots
    assert "3 more of each to take guesses back" in states[0].why
    assert "up to 32 tokens guessed ahead in a step" in found.explain()
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
