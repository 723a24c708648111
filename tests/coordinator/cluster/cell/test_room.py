"""coordinator/cluster/cell/room.py: what a cell takes of other edges' jobs."""

from dataclasses import replace

import pytest

from coordinator.cluster.cell.room import MOST, MOST_BYTES, files_bytes, refusal
from coordinator.dispatch.dispatch import Dispatch
from tests.coordinator.cluster.samples import SPEC
from wire.errors import ErrorCode
from wire.request import UnknownRequest


def test_a_cell_with_room_takes_a_job() -> None:
    assert refusal(SPEC, Dispatch(), MOST - 1, MOST_BYTES) is None


@pytest.mark.parametrize(("jobs", "held"), [(MOST, 0), (0, MOST_BYTES - 2)])
def test_a_full_cell_says_so(jobs: int, held: int) -> None:
    spec = replace(SPEC, blobs={"a": b"123"})
    assert files_bytes(spec) == 3
    error = refusal(spec, Dispatch(), jobs, held)
    assert error is not None and error.code is ErrorCode.OVERLOADED


def test_a_job_of_a_later_version_is_refused() -> None:
    error = refusal(replace(SPEC, request=UnknownRequest(kind="dream")), Dispatch(), 0, 0)
    assert error is not None and error.code is ErrorCode.NO_WORKER
