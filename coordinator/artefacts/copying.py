"""Objects are copied from a folder to another place, while a coordinator may go on serving from the folder.

Only what a row has is copied, and only what is what its name says. The folder stays as it is, and what is at the other
place already is not copied again: whatever ends the work, it can be begun anew.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import file_digest
from pathlib import Path

from coordinator.artefacts import rows
from coordinator.artefacts.local import LocalObjects
from coordinator.artefacts.objects import Objects, ObjectsError
from coordinator.artefacts.rows import Kept
from coordinator.store.database import Database

AT_ONCE = 4  # a small object is mostly waiting for the answer, and a film is sent in parts at a time anyway


@dataclass
class Outcome:
    """What has become of the objects that rows have. `missing`, `damaged`: their files."""

    objects: int
    already_there: int
    copied: int = 0
    copied_bytes: int = 0
    ended: int = 0  # their last row went meanwhile, and with it the file
    missing: list[Path] = field(default_factory=list)
    damaged: list[Path] = field(default_factory=list)

    @property
    def done(self) -> int:
        return self.already_there + self.copied + self.ended + len(self.missing) + len(self.damaged)


async def copy_objects(
    database: Database, source: LocalObjects, target: Objects, progress: Callable[[Outcome], None]
) -> Outcome:
    """Copy what the target lacks; `progress` is told after each object. Raises ObjectsError, OSError for a file that
    cannot be read, StoreError."""
    there = {listed.sha256 async for listed in target.all()}
    needed = rows.kept(database)
    lacking = [one for one in needed if one.sha256 not in there]
    outcome = Outcome(len(needed), len(needed) - len(lacking))
    waiting = iter(lacking)

    async def work() -> None:
        for one in waiting:
            await _copy(database, one, source, target, outcome)
            progress(outcome)

    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(AT_ONCE):
                tasks.create_task(work())
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    outcome.missing.sort()
    outcome.damaged.sort()
    return outcome


async def _copy(database: Database, one: Kept, source: LocalObjects, target: Objects, outcome: Outcome) -> None:
    file = await source.place(one.sha256, one.media_type)
    try:
        if await asyncio.to_thread(_measured, file) != (one.sha256, one.size_bytes):
            outcome.damaged.append(file)
            return
        await target.put(one.sha256, file, one.media_type)
    except (FileNotFoundError, ObjectsError) as error:
        if isinstance(error, ObjectsError) and file.exists():
            raise
        if rows.without_rows(database, [one.sha256]):  # the coordinator that serves deletes what has ended
            outcome.ended += 1
        else:
            outcome.missing.append(file)
        return
    outcome.copied += 1
    outcome.copied_bytes += one.size_bytes


def _measured(file: Path) -> tuple[str, int]:
    with file.open("rb") as opened:
        return file_digest(opened, "sha256").hexdigest(), opened.tell()
