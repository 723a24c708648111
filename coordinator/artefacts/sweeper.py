"""The regular work on artefacts: what has expired goes, and objects that nobody has."""

import asyncio
import logging

from coordinator.artefacts import rows
from coordinator.artefacts.artefacts import Artefacts
from coordinator.artefacts.objects import ObjectsError
from coordinator.clock import now_ms
from wire.errors import SupernetError

log = logging.getLogger("supernet.artefacts")

EVERY_S = 60.0
ORPHANS_EVERY = 24 * 60  # turns: to list a large bucket takes minutes, and costs money
YOUNG_MS = 3_600_000  # an object without a row that is younger may be about to get one
AT_ONCE = 500


class Sweeper:
    """Runs beside the server."""

    def __init__(self, artefacts: Artefacts) -> None:
        self._artefacts = artefacts

    async def run(self) -> None:
        """Sweep every EVERY_S seconds, and for orphans at the start and once a day, until cancelled. What fails is
        tried again."""
        turn = 0
        while True:
            try:
                await self.once(orphans=turn % ORPHANS_EVERY == 0)
                turn += 1
            except (ObjectsError, SupernetError) as error:
                log.error("the sweeper of artefacts failed: %s", error)
            await asyncio.sleep(EVERY_S)

    async def once(self, *, orphans: bool) -> None:
        while freed := await self._artefacts.run(rows.expire, now_ms()):
            for name in freed:
                await self._artefacts.release(name)
        self._artefacts.counted.kept = await self._artefacts.run(rows.total, now_ms())
        if orphans:
            await self._orphans()

    async def _orphans(self) -> None:
        old, gone = now_ms() - YOUNG_MS, 0
        names: list[str] = []
        async for listed in self._artefacts.objects.all():
            if listed.since_ms <= old:
                names.append(listed.sha256)
            if len(names) == AT_ONCE:
                gone += await self._release(names)
                names = []
        gone += await self._release(names)
        if gone:
            log.warning("%d objects that no artefact had were deleted", gone)

    async def _release(self, names: list[str]) -> int:
        orphans = await self._artefacts.run(rows.without_rows, names)
        for name in orphans:
            await self._artefacts.release(name)
        return len(orphans)
