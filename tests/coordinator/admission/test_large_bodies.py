"""Places for large bodies: a few, and not all of them for one account."""

from contextlib import AsyncExitStack

import pytest

from coordinator.admission import large_bodies
from coordinator.admission.large_bodies import PLACES, PLACES_OF_ONE, LargeBodies
from wire.errors import ErrorCode, SupernetError


async def test_a_body_that_finds_no_place_is_sent_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_bodies, "WAIT_S", 0.01)
    bodies = LargeBodies()
    async with AsyncExitStack() as taken:
        for place in range(PLACES):
            await bodies.enter(f"account {place // PLACES_OF_ONE}", taken)
        async with AsyncExitStack() as places:
            with pytest.raises(SupernetError) as refused:
                await bodies.enter("another", places)
        assert refused.value.code is ErrorCode.OVERLOADED and refused.value.retry_after_s
