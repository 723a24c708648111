"""What all calls about an account begin with."""

from typing import Any

import httpx
import pytest

from coordinator.api.account_access import AccountAccess
from coordinator.store.database import Database
from coordinator.store.errors import Unavailable
from coordinator.store.reading import MOST_OF_ONE
from tests.coordinator.conftest import Coordinator, Start, make_key

ASK: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 8}


async def test_only_an_admin_sees_and_changes_another_account(coordinator: Coordinator) -> None:
    admin = make_key(coordinator.config, scopes=("admin", "client"))
    await coordinator.running.services.accounts.refresh()
    async with coordinator.http() as http, coordinator.http(admin) as root:
        assert (await http.get("/v1/account", params={"account": "default"})).status_code == 403
        assert (await root.get("/v1/account", params={"account": "default"})).json()["name"] == "default"
        assert (await root.get("/v1/account", params={"account": "ghost"})).status_code == 404
        listed: httpx.Response = await root.get("/v1/account/keys")
        stronger = next(key["id"] for key in listed.json()["data"] if "admin" in key["scopes"])
        assert (await http.delete(f"/v1/account/keys/{stronger}")).status_code == 403


async def test_a_key_that_is_only_an_admins_has_an_account_page_too(coordinator: Coordinator) -> None:
    admin = make_key(coordinator.config, scopes=("admin",))
    await coordinator.running.services.accounts.refresh()
    async with coordinator.http(admin) as root:
        assert (await root.get("/v1/account")).json()["name"] == "default"
        made = (await root.post("/v1/account/keys", json={"name": "laptop"})).json()
        assert made["scopes"] == ["client", "worker"]


async def test_who_looks_all_the_time_is_told_to_wait(
    start_coordinator: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coordinator.api.account_access.LOOKUPS", 2)
    async with start_coordinator(rpm=60) as coordinator, coordinator.http() as http:
        answers = [await http.get("/v1/account/keys") for _ in range(5)]
        assert (answers[0].status_code, answers[-1].status_code) == (200, 429)
        assert "retry-after" in answers[-1].headers
        assert (await http.get("/v1/models")).status_code == 200


async def test_a_database_that_is_away_is_no_fault_of_the_client(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: Any) -> None:
        raise Unavailable("/var/lib/secret.db cannot be written: database or disk is full")

    monkeypatch.setattr(Database, "query", away)
    monkeypatch.setattr(Database, "transaction", away)
    monkeypatch.setattr("coordinator.store.store.ANSWER_S", 0.1)
    async with coordinator.http() as http:
        answers = [await http.get("/v1/account"), await http.post("/v1/account/bonus")]
        monkeypatch.undo()
    for answer in answers:
        assert answer.status_code == 503
        assert "retry-after" in answer.headers
        assert "secret" not in answer.text


async def test_who_asks_too_much_at_once_is_told_to_wait_and_the_operator_is_not(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = make_key(coordinator.config, scopes=("admin",))
    await coordinator.running.services.accounts.refresh()
    monkeypatch.setattr(coordinator.running.services.access.reader, "_turns", {coordinator.account: Full()})
    async with coordinator.http() as http, coordinator.http(admin) as root:
        refused = await http.get("/v1/account/usage")
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limit_exceeded")
        assert int(refused.headers["retry-after"]) > 0
        assert (await root.get("/v1/admin/accounts")).status_code == 200
        assert (await http.get("/v1/network/models")).status_code == 200


class Full:
    """As many questions as one may have."""

    waiting = MOST_OF_ONE


async def test_nobodys_money_waits_for_those_who_look_through_many(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside, look = set[str](), AccountAccess.look

    async def seen(access: AccountAccess, account: str, work: Any, *args: Any) -> Any:
        beside.add(work.__name__)
        return await look(access, account, work, *args)

    monkeypatch.setattr(AccountAccess, "look", seen)
    async with coordinator.http() as http:
        for path in ("requests?status=failed", "requests?format=csv", "usage", "earnings"):
            assert (await http.get(f"/v1/account/{path}")).status_code == 200
    assert beside == {"page", "horizon", "chunk", "sums", "_told", "counted_until"}
