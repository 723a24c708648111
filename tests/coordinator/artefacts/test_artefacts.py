"""Artefacts from the first byte to the last row."""

import asyncio
from hashlib import sha256
from pathlib import Path

import pytest

from coordinator.artefact import Artefact
from coordinator.artefacts import artefacts as room
from coordinator.artefacts import rows
from coordinator.artefacts.artefacts import Artefacts
from coordinator.artefacts.objects import ObjectsError
from coordinator.artefacts.rows import Room
from coordinator.artefacts.staging import Sent
from coordinator.artefacts.sweeper import Sweeper
from coordinator.clock import DAY_MS
from coordinator.store.store import Store
from tests.coordinator.artefacts.conftest import cut_off
from tests.coordinator.artefacts.files import WORDS, jpeg, mp4, of_every_type, png
from wire.errors import ErrorCode, SupernetError


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def make(artefacts: Artefacts, account: str, data: bytes, job: str, media_type: str = "image/png") -> Artefact:
    """As the handler of uploads does."""
    with artefacts.staging.place() as path:
        path.write_bytes(data)
        sent = Sent(path, sha256(data).hexdigest(), len(data))
        async with artefacts.verified(sent, media_type, account, "made") as verified:
            return await artefacts.add(verified, account, "made", job)


async def code_of(work: object) -> ErrorCode:
    with pytest.raises(SupernetError) as refused:
        await work  # type: ignore[misc]
    return refused.value.code


async def test_what_is_kept_is_read_again_without_its_words(artefacts: Artefacts, account: str, folder: Path) -> None:
    for media_type, data in of_every_type().items():
        kept = await artefacts.keep(account, data, media_type)
        read = await artefacts.read(account, artefacts.link(kept))
        assert read == await artefacts.read(account, kept.id)
        assert (kept.media_type, kept.sha256, kept.size_bytes) == (media_type, sha256(read).hexdigest(), len(read))
        assert WORDS.encode() not in read
        assert kept.expires_ms - kept.made_ms == 30 * DAY_MS
    assert len(files(folder)) == 7
    assert artefacts.counted.stored == 7


async def test_the_same_file_again_is_the_same_artefact(artefacts: Artefacts, account: str, stranger: str) -> None:
    data = png()
    kept = await artefacts.keep(account, data, "image/png")
    assert await artefacts.keep(account, data, "image/png") == kept
    other = await artefacts.keep(stranger, data, "image/png")
    assert other.id != kept.id and other.sha256 == kept.sha256


async def test_one_object_for_two_rows_goes_with_the_last(
    artefacts: Artefacts, account: str, stranger: str, folder: Path
) -> None:
    data = png()
    mine, theirs = [await artefacts.keep(who, data, "image/png") for who in (account, stranger)]
    assert len(files(folder)) == 1
    await artefacts.delete(account, mine.id)
    assert await code_of(artefacts.read(account, mine.id)) is ErrorCode.NOT_FOUND
    assert await artefacts.read(stranger, theirs.id)
    await artefacts.delete(stranger, artefacts.link(theirs))
    assert files(folder) == []


async def test_nobody_reads_or_deletes_by_account_what_is_not_theirs(
    artefacts: Artefacts, account: str, stranger: str
) -> None:
    kept = await artefacts.keep(account, png(), "image/png")
    for name in (kept.id, artefacts.link(kept), "https://evil.example/m/" + kept.id + ".png", "../" + kept.id, "x"):
        assert await code_of(artefacts.read(stranger, name)) is ErrorCode.NOT_FOUND
        assert await code_of(artefacts.delete(stranger, name)) is ErrorCode.NOT_FOUND
    assert await artefacts.read(account, kept.id)
    assert (await artefacts.find(kept.id)).account == account  # who has the link may


async def test_what_is_damaged_leaves_nothing(artefacts: Artefacts, account: str, folder: Path) -> None:
    for data, media_type in ((b"<html>", "image/png"), (png()[:-9], "image/png"), (mp4()[:99], "video/mp4")):
        assert await code_of(artefacts.keep(account, data, media_type)) is ErrorCode.INVALID_MEDIA
    assert await artefacts.page(account, None, 9) == [] and files(folder) == []


async def test_what_is_too_large_is_not_looked_at(
    artefacts: Artefacts, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = await artefacts.keep(account, jpeg(), "image/jpeg")
    monkeypatch.setitem(room.INPUT_BYTES, "image", 100)
    assert await code_of(artefacts.keep(account, png(), "image/png")) is ErrorCode.REQUEST_TOO_LARGE
    assert await code_of(artefacts.read(account, kept.id, 10)) is ErrorCode.REQUEST_TOO_LARGE


async def test_an_account_without_room_is_told_and_keeps_what_it_has(
    artefacts: Artefacts, account: str, stranger: str, folder: Path
) -> None:
    artefacts.room = Room(count=1)
    await artefacts.check_room(account)
    kept = await artefacts.keep(account, png(), "image/png")
    assert await code_of(artefacts.check_room(account)) is ErrorCode.MEDIA_QUOTA
    assert await code_of(artefacts.keep(account, png(), "image/png")) is ErrorCode.MEDIA_QUOTA
    assert len(files(folder)) == 1
    await artefacts.keep(stranger, png(), "image/png")
    await artefacts.delete(account, kept.id)
    await artefacts.check_room(account)


async def test_no_room_takes_no_object_from_another(
    artefacts: Artefacts, account: str, stranger: str, folder: Path
) -> None:
    data = png()
    theirs = await artefacts.keep(stranger, data, "image/png")
    artefacts.room = Room(count=0)
    assert await code_of(make(artefacts, account, data, "j")) is ErrorCode.MEDIA_QUOTA
    assert await artefacts.read(stranger, theirs.id)


async def test_what_an_attempt_made_is_found_by_it(artefacts: Artefacts, account: str) -> None:
    made = [await make(artefacts, account, png(), f"j.0/{attempt}") for attempt in (1, 2)]
    for attempt, artefact in enumerate(made, 1):
        found = await artefacts.ask(rows.find_of_job, f"j.0/{attempt}")
        assert found is not None and found.artefact == artefact
    assert await artefacts.ask(rows.find_of_job, "j.0/3") is None


async def test_what_expires_or_is_blocked_is_not_served(artefacts: Artefacts, account: str, store: Store) -> None:
    kept = await artefacts.keep(account, png(), "image/png")
    await store.run(rows.block, kept.id, True)
    assert await code_of(artefacts.find(kept.id)) is ErrorCode.EXPIRED
    await store.run(rows.block, kept.id, False)
    await store.run(rows.end_all, account, kept.made_ms)
    assert await code_of(artefacts.read(account, kept.id)) is ErrorCode.EXPIRED
    await Sweeper(artefacts).once(orphans=False)
    assert await code_of(artefacts.find(kept.id)) is ErrorCode.EXPIRED


async def test_the_same_bytes_come_and_go_at_the_same_time(
    artefacts: Artefacts, account: str, stranger: str, folder: Path
) -> None:
    """Rows of one object are added and removed in every order; no row is ever left without it."""
    data = png()

    async def come_and_go(who: str, number: int) -> None:
        made = await make(artefacts, who, data, f"{who}.{number}")
        assert await artefacts.read(who, made.id)
        await artefacts.delete(who, made.id)

    await asyncio.gather(*(come_and_go(who, number) for who in (account, stranger) for number in range(4)))
    assert files(folder) == []


async def test_a_store_that_fails_leaves_no_row(artefacts: Artefacts, account: str) -> None:
    class Broken:
        def __getattr__(self, name: str) -> object:
            async def fail(*_: object) -> None:
                raise ObjectsError("the disk is full")

            return fail

    kept = await artefacts.keep(account, png(), "image/png")
    artefacts.objects = Broken()  # type: ignore[assignment]
    assert await code_of(artefacts.keep(account, png(), "image/png")) is ErrorCode.OVERLOADED
    assert await code_of(artefacts.read(account, kept.id)) is ErrorCode.OVERLOADED
    assert await code_of(artefacts.place(kept)) is ErrorCode.OVERLOADED
    await artefacts.delete(account, kept.id)  # the object is one too many, and found later
    assert await artefacts.page(account, None, 9) == []


async def test_reports_reach_the_operator(artefacts: Artefacts, account: str, stranger: str, store: Store) -> None:
    kept = await artefacts.keep(account, png(), "image/png")
    await artefacts.report(kept.id, stranger, "it shows me")
    (told,) = await store.run(rows.list_reports, 9)
    assert (told.artefact, told.owner, told.reason) == (kept.id, account, "it shows me")
    assert await code_of(artefacts.report("A" * 22, stranger, "x")) is ErrorCode.NOT_FOUND


async def test_a_database_out_of_reach_is_no_fault_of_the_client(
    artefacts: Artefacts, account: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = await artefacts.keep(account, png(), "image/png")
    cut_off(monkeypatch)
    for work in (artefacts.find(kept.id), artefacts.check_room(account), make(artefacts, account, png(), "j")):
        with pytest.raises(SupernetError) as refused:
            await work
        assert refused.value.code is ErrorCode.OVERLOADED and "SECRET" not in refused.value.message
    assert len(files(folder)) == 2  # one too many: whether a row has it could not be asked
