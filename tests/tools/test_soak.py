"""A share of the soak in every run; all of it is `python -m tools.soak`."""

from pathlib import Path

import pytest

from tools.soak import ENDS, GROWTH_MIB, growth_mib, soak

pytestmark = pytest.mark.process

OPERATIONS = 200


@pytest.mark.parametrize("unified", [True, False])
async def test_whatever_is_ordered_every_job_ends_once_and_every_slot_is_free(tiny_qwen3: Path, unified: bool) -> None:
    rig = await soak(tiny_qwen3, OPERATIONS, seed=7, unified=unified)
    assert len(rig.ends) > OPERATIONS / 2
    assert all(rig.said[end] for end in ENDS) and rig.said["crash"]
    assert growth_mib(rig.sizes) < GROWTH_MIB
