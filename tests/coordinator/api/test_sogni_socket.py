"""Who may open the SDKs' socket, how many, and what becomes of one whose place another takes."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from coordinator.accounts.rows import list_keys, revoke_key
from coordinator.admission.dials import Dials
from coordinator.api import sogni_connection, sogni_socket
from coordinator.store.database import Database
from tests.coordinator.api.artist import artist
from tests.coordinator.conftest import Coordinator, make_key, until
from wire import messages as wire
from wire.chat import Usage


@pytest.mark.parametrize("key", ["", "nonsense", "sk-sn-" + "a" * 49])
async def test_a_wrong_key_is_closed_with_the_code_at_which_an_sdk_gives_up(coordinator: Coordinator, key: str) -> None:
    async with artist(coordinator, key=key) as client:
        heard, code = await client.closing()
    assert (heard, code) == ([], 4021)
    assert "API key" in (client.socket.close_reason or "")


async def test_a_key_of_another_scope_is_closed_too(coordinator: Coordinator) -> None:
    key = make_key(coordinator.config, scopes=("worker",))
    await coordinator.running.services.accounts.refresh()
    async with artist(coordinator, key=key) as client:
        assert (await client.closing())[1] == 4021


async def test_the_first_frames_are_the_account_its_balance_and_the_models(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker:
        await worker.join()
        await until(lambda: coordinator.running.services.hub.dispatch.online("tiny").workers == 1)
        async with artist(coordinator) as client:
            first = await client.hear("authenticated", "balanceUpdate", "swarmLLMModels")
            assert (first["frame"], first["username"], first["activeLLMJobIDs"]) == ("authenticated", "default", [])
            balance = await client.hear("balanceUpdate")
            assert balance["spark"] == first["tokens"]["spark"]
            assert float(balance["spark"]["net"]) == 1000
            models = await client.hear("swarmLLMModels")
            assert set(models) - {"frame"} == {"tiny"}
            assert models["tiny"]["workers"] == 1


async def test_the_same_app_id_takes_the_place_of_the_older_socket(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, artist(coordinator, "app") as old:
        await worker.join()
        await old.ask("JOB-1", stream=True)
        start = await worker.accept()
        async with artist(coordinator, "another"), artist(coordinator, "app") as new:
            heard, code = await old.closing()
            assert code == 4015
            told = [frame for frame in heard if frame["frame"] == "llmJobError"]
            assert [(frame["jobID"], frame["error"]) for frame in told] == [("JOB-1", "transport_lost")]
            await worker.hear(wire.Cancel)
            cancelled = wire.Cancelled(job=start.job, attempt=1, seq=0, usage=Usage(prompt=5, completion=0))
            await worker.say(cancelled)
            await new.ask("JOB-1")
            await worker.serve("again")
            assert (await new.hear("jobTokens"))["content"] == "again"


async def test_an_account_has_so_many_sockets_and_gets_the_place_of_one_that_left(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sogni_socket, "MOST", 3)
    async with AsyncExitStack() as sockets:
        clients = [await sockets.enter_async_context(artist(coordinator, f"app-{n}")) for n in range(3)]
        for client in clients:
            await client.hear("authenticated")
        async with artist(coordinator, "one more") as refused:
            heard, code = await refused.closing()
        assert (heard, code) == ([], 1013)
        await clients[0].socket.close()
        while True:
            async with artist(coordinator, "one more") as client:
                if await asyncio.wait_for(client.socket.recv(), 10):
                    break


async def test_who_dials_too_often_is_sent_away_to_come_back(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Dials, "wait_s", lambda self, account, now: 7.0)
    async with artist(coordinator) as client:
        heard, code = await client.closing()
    assert (heard, code, "7 s" in (client.socket.close_reason or "")) == ([], 1013, True)


async def test_a_key_that_ends_closes_its_sockets(coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sogni_connection, "TELL_S", 0.05)
    key = make_key(coordinator.config)
    await coordinator.running.services.accounts.refresh()
    async with artist(coordinator, key=key) as client:
        await client.hear("authenticated")
        database = Database(coordinator.config.db)
        account = coordinator.running.services.accounts.authenticate({"api-key": key}, "client")
        assert account.key in {row.id for row in list_keys(database, account.account)}
        revoke_key(database, account.key, 1)
        database.close()
        assert (await client.closing())[1] == 4021


async def test_a_job_under_a_key_that_has_ended_closes_the_socket(coordinator: Coordinator) -> None:
    key = make_key(coordinator.config)
    accounts = coordinator.running.services.accounts
    await accounts.refresh()
    async with artist(coordinator, key=key) as client:
        await client.hear("swarmLLMModels")
        await accounts.revoke(None, accounts.authenticate({"api-key": key}, "client").key)
        await client.ask("JOB-1")
        heard, code = await client.closing()
    assert code == 4021
    errors = [frame["error_code"] for frame in heard if frame["frame"] == "llmJobError"]
    assert errors in ([], ["invalid_api_key"])  # whichever it was that noticed
