"""A plugin of pytest: tests that were written for the CPU are run again with all layers on a GPU."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from worker.bindings.llama import Model
from worker.engine.port import EngineSpec

GPU = "Vulkan0"
_LOOP = (
    "a_prefix_is_taken_from_a_job_that_still_runs",
    "the_next_turn_of_a_conversation_computes_only_what_is_new",
    "idle_prefixes_make_room_for_jobs_that_were_promised_their_context",
    "cancel_in_prefill_frees_the_slot_within_a_step",
    "cancel_ends_a_stream_and_a_waiting_job",
    "a_job_that_cannot_be_computed_fails_alone",
    "all_tokens_of_a_step_travel_in_one_event",
)  # what depends on where a model is: with all of them it would be half an hour, at 50 tokens of a prompt in a second
_HEAD = (
    "what_was_refused_leaves_nothing_behind",
    "a_text_in_pieces_is_guessed_as_one_that_came_at_once",
    "all_sequences_are_guessed_at_once_each_as_by_itself",
)
AGAIN = [
    "tests/worker/bindings/test_llama.py",
    *(f"tests/worker/bindings/test_head.py::test_{name}" for name in _HEAD),
    "tests/worker/engine/child/test_nan_guard.py",
    *(f"tests/worker/engine/child/test_loop.py::test_{name}" for name in _LOOP),
]
CLOSE = 0.05  # of logits with a deviation of 4: other kernels for other numbers of rows, which round differently

load = Model.__init__


def _offloaded(self: Model, spec: EngineSpec, *progress: Any) -> None:
    load(self, spec if spec.gpu_layers else replace(spec, gpu_layers=-1, devices=(GPU,)), *progress)


@pytest.fixture(autouse=True)
def _on_the_gpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of this folder say themselves where their layers go."""
    if Path(__file__).parent not in request.path.parents:
        monkeypatch.setattr(Model, "__init__", _offloaded)
        monkeypatch.setattr(request.module, "CLOSE", CLOSE, raising=False)
