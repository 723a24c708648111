"""The database and the media move while a coordinator serves with them: what runs goes on, the rest comes back soon."""

import asyncio
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from coordinator.__main__ import main
from coordinator.accounts.accounts import create_account
from coordinator.accounts.rows import list_accounts
from coordinator.artefact import Artefact
from coordinator.artefacts.places import in_folder
from coordinator.artefacts.rows import Room, Row, add
from coordinator.cli import moving
from coordinator.cli.moving import move_database, move_media
from coordinator.config import Config
from coordinator.ledger import writer
from coordinator.ledger.audit import check
from coordinator.store import locks
from coordinator.store.database import Database
from coordinator.store.errors import StoreError
from coordinator.store.tables import holds
from tests.coordinator.artefacts.bucket import bucket
from tests.coordinator.artefacts.files import jpeg, png
from tests.coordinator.conftest import Coordinator, Start, until

BODY: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}], "stream": True}


async def test_a_stream_goes_on_new_requests_come_back_and_all_is_in_the_new_database(
    coordinator: Coordinator,
    postgres: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(locks, "LOCK_S", 0.1)
    monkeypatch.setattr(writer, "RETRY_S", 0.05)
    copying, may_end, url = threading.Event(), threading.Event(), postgres()

    def slowly(table: str, done: int, rows: int) -> None:
        copying.set()
        assert may_end.wait(30)

    monkeypatch.setattr(moving, "_copied", slowly)
    file = Database(coordinator.config.db)
    async with coordinator.worker() as worker, coordinator.http() as client:
        await worker.join()
        stream = asyncio.create_task(client.post("/v1/chat/completions", json=BODY))
        start = await worker.accept()
        moved = asyncio.create_task(asyncio.to_thread(move_database, file, coordinator.config, url, as_json=True))
        await asyncio.to_thread(copying.wait, 30)
        refused = await client.post("/v1/chat/completions", json=BODY)
        assert refused.status_code == 503 and int(refused.headers["retry-after"]) > 0
        await worker.done(start, await worker.tell(start, "hello"))
        assert (await stream).text.endswith("data: [DONE]\n\n")
        may_end.set()
        await moved
        file.close()
        await until(lambda: coordinator.running.services.ledger.backlog == 0)
        again = asyncio.create_task(client.post("/v1/chat/completions", json=BODY))
        await worker.serve("hello")
        assert (await again).status_code == 200
        assert await coordinator.running.services.ledger.flushed(10)
    told = capsys.readouterr()
    assert json.loads(told.out)["rows"]["holds"] == 1
    assert f"--pepper {coordinator.config.pepper or Path(f'{coordinator.config.db}.pepper')}" in told.err
    target = Database(url)
    assert [row.state for row in target.query(select(holds))].count("settled") == 2
    assert check(target) == []
    target.close()


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "bucket").mkdir()
    with bucket(tmp_path / "bucket") as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        yield


async def sent(coordinator: Coordinator, data: bytes, media_type: str) -> str:
    """The path of the link of a file that a client sent."""
    services = coordinator.running.services
    principal = services.accounts.authenticate({"authorization": f"Bearer {coordinator.key}"}, "client")
    link = services.artefacts.link(await services.artefacts.keep(principal.account, data, media_type))
    return httpx.URL(link).path


@pytest.mark.process
async def test_media_move_while_a_coordinator_serves_and_every_link_leads_on(
    env: None, start_coordinator: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to, links = "s3://media/network", []

    async def moved(config: Config) -> dict[str, Any]:
        def work() -> None:
            database = Database(config.db)
            assert move_media(database, config, to, as_json=True)
            database.close()

        capsys.readouterr()
        await asyncio.to_thread(work)
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    async with start_coordinator(artefacts=tmp_path / "kept") as old, httpx.AsyncClient(base_url=old.url) as http:
        links.append(await sent(old, png(), "image/png"))
        first = await moved(old.config)
        assert (first["copied"], first["already_there"]) == (1, 0)
        links.append(await sent(old, jpeg(), "image/jpeg"))
        bodies = [(await http.get(link)).content for link in links]
        config = old.config
    second = await moved(config)
    assert (second["copied"], second["already_there"], second["missing"], second["damaged"]) == (1, 1, [], [])
    async with start_coordinator(artefacts=to) as new, httpx.AsyncClient(base_url=new.url) as http:
        read = [await http.get(link, follow_redirects=True) for link in links]
        assert [answer.content for answer in read] == bodies and all(answer.history for answer in read)


@pytest.mark.process
def test_a_file_that_is_missing_is_named_and_the_status_says_so(
    env: None, database_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(moving, "TOLD_EVERY_S", 0.0)
    folder, database = tmp_path / "kept", Database(database_file)
    names = [add_row(database, data) for data in (b"one", b"two")]
    objects = in_folder(folder, database)
    (objects.folder / names[0][:2]).mkdir(parents=True)
    (objects.folder / names[0][:2] / names[0]).write_bytes(b"one")
    database.close()
    command = ["media", "move", "--to", "s3://media/cli/", "--db", str(database_file), "--artefacts", str(folder)]
    with pytest.raises(SystemExit) as status:
        main(command)
    told = capsys.readouterr().err
    assert status.value.code == 1
    assert f"missing: {objects.folder / names[1][:2] / names[1]}\n" in told and "backup" in told
    assert "media: 2 of 2" in told
    with pytest.raises(SystemExit):
        main([*command, "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found.pop("seconds") > 0
    counts = {"objects": 2, "already_there": 1, "copied": 0, "copied_bytes": 0, "ended": 0}
    assert found == {**counts, "missing": [names[1]], "damaged": []}
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
    assert main(command) == 2
    told = capsys.readouterr().err
    assert "s3://media/cli does not take them: S3: " in told and "AWS_SECRET_ACCESS_KEY say where" in told
    assert "another-secret" not in told


def test_what_is_no_folder_of_this_database_is_told_in_words(database_file: Path, tmp_path: Path) -> None:
    database = Database(database_file)
    with pytest.raises(StoreError, match="s3://a-bucket is a bucket: name the folder"):
        move_media(database, Config(db=database_file, artefacts="s3://a-bucket"), "s3://media/x", as_json=False)
    add_row(database, b"one")
    with pytest.raises(StoreError, match=rf"{tmp_path}/other has no media of .*--artefacts FOLDER"):
        move_media(database, Config(db=database_file, artefacts=tmp_path / "other"), "s3://media/x", as_json=False)
    database.close()


def add_row(database: Database, data: bytes) -> str:
    """Of a picture of these bytes, which need not be one. Returns the name of its object."""
    found = [one for one in list_accounts(database) if one.name == "alice"]
    account, name = (found or [create_account(database, "alice", 0)])[0].id, hashlib.sha256(data).hexdigest()
    end_ms = int(time.time() * 1000) + 1_000_000
    add(database, Row(Artefact(name[:22], name, "image/png", len(data), 0, end_ms), account, "upload", name), Room())
    return name
