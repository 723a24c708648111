"""Objects of a folder are copied to a bucket of a real S3 server."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from coordinator.artefact import Artefact
from coordinator.artefacts import rows
from coordinator.artefacts.artefacts import Artefacts
from coordinator.artefacts.copying import Outcome, copy_objects
from coordinator.artefacts.local import LocalObjects
from coordinator.artefacts.objects import Listed, Objects, ObjectsError
from coordinator.artefacts.places import in_bucket, in_folder
from coordinator.clock import now_ms
from coordinator.store.store import Store
from tests.coordinator.artefacts.files import of_every_type, png

pytestmark = pytest.mark.process


def to_bucket(store: Store, name: str) -> Objects:
    return in_bucket(f"s3://media/{name}", store.database)


async def copied(store: Store, folder: Path, target: Objects) -> Outcome:
    told: list[int] = []
    outcome = await copy_objects(
        store.database, in_folder(folder, store.database), target, lambda at: told.append(at.done)
    )
    assert told == list(range(outcome.already_there + 1, outcome.objects + 1))
    return outcome


def lying(folder: Path) -> dict[Path, tuple[bytes, int]]:
    return {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.rglob("*") if file.is_file()}


async def kept(artefacts: Artefacts, account: str) -> list[Artefact]:
    """One of every type."""
    return [await artefacts.keep(account, data, media_type) for media_type, data in of_every_type().items()]


async def test_all_that_rows_have_is_in_the_bucket_as_if_it_had_been_put_there(
    env: None, store: Store, artefacts: Artefacts, folder: Path, account: str, stranger: str
) -> None:
    made = await kept(artefacts, account)
    same = png()
    assert len({(await artefacts.keep(who, same, "image/png")).sha256 for who in (account, stranger)}) == 1
    nobodys = folder / "nobodys"
    nobodys.write_bytes(b"an object without a row")
    await artefacts.objects.put("ab" * 32, nobodys, "image/png")
    before, target = lying(folder), to_bucket(store, "all")
    outcome = await copied(store, folder, target)
    assert (outcome.objects, outcome.copied, outcome.already_there) == (len(made) + 1, len(made) + 1, 0)
    assert outcome.copied_bytes == sum(one.size_bytes for one in rows.kept(store.database))
    assert "ab" * 32 not in {listed.sha256 async for listed in target.all()}
    async with httpx.AsyncClient() as http:
        for one in made:
            assert await target.read(one.sha256) == await artefacts.objects.read(one.sha256)
            link = await target.place(one.sha256, one.media_type)
            shown = await http.get(str(link))
            assert shown.headers["content-type"] == one.media_type
            assert shown.headers["content-disposition"].startswith('inline; filename="supernet-')
    again = await copied(store, folder, target)
    assert (again.copied, again.already_there) == (0, len(made) + 1)
    assert lying(folder) == before


async def test_what_is_missing_or_damaged_is_named_and_the_rest_is_copied(
    env: None, store: Store, artefacts: Artefacts, folder: Path, account: str
) -> None:
    made, target, source = await kept(artefacts, account), to_bucket(store, "lost"), in_folder(folder, store.database)
    lost, longer, other = [await source.place(one.sha256, one.media_type) for one in made[:3]]
    away = folder / "away"
    shutil.move(lost, away)
    longer.write_bytes(longer.read_bytes() + b"x")
    right = other.read_bytes()
    other.write_bytes(b"x" * len(right))
    outcome = await copied(store, folder, target)
    assert (outcome.missing, outcome.damaged) == ([lost], sorted([longer, other]))
    assert outcome.copied == len(made) - 3
    assert {listed.sha256 async for listed in target.all()} == {one.sha256 for one in made[3:]}
    shutil.move(away, lost)
    other.write_bytes(right)
    again = await copied(store, folder, target)
    assert (again.copied, again.missing, again.damaged) == (2, [], [longer])


class Ending:
    """A target during whose first step everything that the account has ends, as the coordinator beside has it."""

    def __init__(self, target: Objects, store: Store, account: str, source: LocalObjects) -> None:
        self._target, self._store, self._account, self._source = target, store, account, source
        self.puts = 0

    async def all(self) -> AsyncIterator[Listed]:
        async for listed in self._target.all():
            yield listed

    async def put(self, sha256: str, file: Path, media_type: str) -> None:
        if not self.puts:
            self.puts += 1
            rows.end_all(self._store.database, self._account, now_ms())
            for name in rows.expire(self._store.database, now_ms()):
                await self._source.delete(name)
        await self._target.put(sha256, file, media_type)

    async def place(self, sha256: str, media_type: str) -> Path | str:
        raise AssertionError("nothing is read here")

    async def read(self, sha256: str) -> bytes:
        raise AssertionError("nothing is read here")

    async def delete(self, sha256: str) -> None:
        raise AssertionError("nothing is deleted here")


async def test_what_ends_meanwhile_is_not_missed(
    env: None, store: Store, artefacts: Artefacts, folder: Path, account: str
) -> None:
    made = await kept(artefacts, account)
    ending = Ending(to_bucket(store, "ended"), store, account, in_folder(folder, store.database))
    outcome = await copied(store, folder, ending)
    assert (outcome.ended + outcome.copied, outcome.missing, outcome.damaged) == (len(made), [], [])
    assert outcome.ended > 0


async def test_a_bucket_that_refuses_ends_it_and_the_next_run_goes_on(
    env: None, store: Store, artefacts: Artefacts, folder: Path, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await kept(artefacts, account)
    with monkeypatch.context() as wrong:
        wrong.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
        refusing = to_bucket(store, "again")
        with pytest.raises(ObjectsError):
            await copied(store, folder, refusing)
    assert (await copied(store, folder, to_bucket(store, "again"))).copied == len(made)
