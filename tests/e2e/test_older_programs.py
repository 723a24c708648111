"""A worker of an older commit serves a coordinator of this one, and the reverse."""

import asyncio
import json
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.wire.older_programs import COMMIT, kinds, misunderstood
from tools.local_network import Network
from tools.older_programs import MixedNetwork, checkout
from tools.record_frames.relay import Relay
from tools.record_frames.run import record


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        return checkout(COMMIT, tmp_path_factory.mktemp("older"))
    except (OSError, subprocess.CalledProcessError) as error:
        said = error.stderr.decode().strip() if isinstance(error, subprocess.CalledProcessError) else error
        pytest.skip(f"no older programs to run: {said}. A full clone has them (git fetch --unshallow)")


def complaints(relay: Relay) -> Counter[str]:
    """Frames that were not understood; the relay has each end hear one such."""
    frames = [*relay.to_coordinator, *relay.to_worker]
    return Counter(frame["message"] for frame in map(json.loads, frames) if frame["type"] == "error")


def test_the_older_programs_understand_every_frame_of_a_run(tmp_path: Path, tiny_chat: Path) -> None:
    relay = asyncio.run(record(Network(tmp_path, tiny_chat)))
    for direction, texts in (("to_coordinator", relay.to_coordinator), ("to_worker", relay.to_worker)):
        frames = [frame for frame in map(json.loads, texts) if frame["type"] in kinds(direction)]
        assert {frame["type"] for frame in frames} == kinds(direction)
        for frame in frames:
            assert not misunderstood(direction, frame), frame
    assert complaints(relay).total() == 2


@pytest.mark.parametrize("program", ["worker", "coordinator"])
def test_one_older_program_takes_part_in_all_that_a_run_has(
    program: str, older: Path, tmp_path: Path, tiny_chat: Path
) -> None:
    """Answers stream, calls and probabilities arrive, a client's leaving frees the slot; broken lines, dead workers and
    workers that leave cost no token."""
    relay = asyncio.run(record(MixedNetwork(tmp_path, tiny_chat, trees={program: older})))
    assert complaints(relay).total() == 2
