"""Orders to workers at the command line, and what a coordinator that runs says of its workers."""

import asyncio
import json
from contextlib import closing
from pathlib import Path

import pytest

from coordinator.cli.running import KEY_VARIABLE
from coordinator.cli.workers import run as workers
from coordinator.operating.errors import CannotBeDone
from coordinator.store.database import Database
from tests.coordinator.api.test_operator import operators
from tests.coordinator.cli.test_commands import run
from tests.coordinator.conftest import Coordinator


def test_an_order_is_given_and_ended_and_both_are_deeds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db = tmp_path / "c.db"
    run(db, "account", "create", name="alice")
    run(db, "worker", "rest", worker="acc_1/w", time=3_600_000, note="hot\x1b[2J")
    run(db, "worker", "away", worker="acc_1/w", time=60_000, note="")
    run(db, "worker", "end", worker="acc_1/w")
    capsys.readouterr()
    with pytest.raises(CannotBeDone, match="ACCOUNT/WORKER"):
        run(db, "worker", "rest", worker="w", time=1, note="")
    with pytest.raises(CannotBeDone, match="no order"):
        run(db, "worker", "end", worker="acc_1/w")
    run(db, "audit", "list", limit=10, target="acc_1/w")
    deeds = json.loads(capsys.readouterr().out)
    assert [deed["action"] for deed in deeds] == ["worker order end", "worker away", "worker rest"]
    assert "\x1b" not in str(deeds)


async def test_a_coordinator_that_runs_is_asked_what_its_workers_do(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key = await operators(coordinator)

    def listed(url: str) -> None:
        from argparse import Namespace

        with closing(Database(coordinator.config.db)) as database:
            workers(database, Namespace(action="list", coordinator=url, json=True))

    async with coordinator.worker() as worker:
        await worker.join("bee")
        monkeypatch.setenv(KEY_VARIABLE, key)
        await asyncio.to_thread(listed, coordinator.url + "/")
        (row,) = json.loads(capsys.readouterr().out)
        assert (row["name"], row["account"], row["state"], row["models"]) == ("bee", "default", "ready", "tiny")
        monkeypatch.setenv(KEY_VARIABLE, coordinator.key)
        with pytest.raises(CannotBeDone, match="403"):
            await asyncio.to_thread(listed, coordinator.url)
        monkeypatch.delenv(KEY_VARIABLE)
        with pytest.raises(CannotBeDone, match=KEY_VARIABLE):
            await asyncio.to_thread(listed, coordinator.url)
    monkeypatch.setenv(KEY_VARIABLE, key)
    with pytest.raises(CannotBeDone, match="no coordinator answers"):
        await asyncio.to_thread(listed, "http://127.0.0.1:1")
