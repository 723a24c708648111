"""The model of the proof: it is what its script makes, and a fault in any tensor's product shows in its numbers."""

from pathlib import Path

import numpy as np
import pytest

from tools import proof_model
from worker.bindings import proof_child
from worker.bindings.proof import MOST_OFF, NUMBERS


def test_the_files_are_those_that_the_script_makes(tmp_path: Path) -> None:
    proof_model.write(tmp_path)
    for shipped in (proof_child.MODEL, NUMBERS):
        assert (tmp_path / shipped.name).read_bytes() == shipped.read_bytes()


def test_the_right_numbers_are_far_from_the_bound_and_one_row_is_as_right_as_many() -> None:
    assert proof_child.distance() < MOST_OFF / 2
    assert proof_child.distance(repacked=False) < MOST_OFF / 2


def test_a_fault_in_any_product_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = proof_model.tensors(np.random.default_rng(proof_model.SEED))
    for name, tensor in made.items():
        if isinstance(tensor, proof_model.Quantised):
            damaged = proof_model.Quantised(tensor.kind, np.roll(tensor.blocks, 1, axis=-2))  # rows of weights mixed up
            proof_model.write_model(tmp_path / "damaged.gguf", made | {name: damaged})
            monkeypatch.setattr(proof_child, "MODEL", tmp_path / "damaged.gguf")
            assert proof_child.distance() > MOST_OFF, name
