"""What the operator looks at over HTTP: figures are the ledger's, and nobody else sees any of it."""

import asyncio
from contextlib import closing

import httpx
import pytest

from coordinator.accounts.accounts import create_account
from coordinator.ledger.grants import totals
from coordinator.store.database import Database
from tests.coordinator.api.test_account import ASK
from tests.coordinator.conftest import Coordinator, Start, make_key, until

READ = (
    "overview",
    "accounts",
    "accounts/default",
    "invites",
    "workers",
    "worker-orders",
    "problems",
    "holds",
    "audit",
    "ledger-check",
)


async def operators(coordinator: Coordinator, account: str = "operator") -> str:
    with closing(Database(coordinator.config.db)) as database:
        if account == "operator":
            create_account(database, account, 1, 0)
    key = make_key(coordinator.config, account=account, scopes=("admin",))
    await coordinator.running.services.accounts.refresh()
    return key


async def test_only_an_admins_key_sees_or_does_any_of_it(coordinator: Coordinator) -> None:
    key = await operators(coordinator)
    async with coordinator.http() as client, coordinator.http(key) as operator:
        for path in READ:
            assert (await client.get(f"/v1/admin/{path}")).status_code == 403, path
            assert (await operator.get(f"/v1/admin/{path}")).status_code == 200, path
        for method, path in (
            ("POST", "accounts/default"),
            ("POST", "accounts/default/grants"),
            ("DELETE", "keys/key_1"),
            ("POST", "invites"),
            ("DELETE", "invites/inv_1"),
            ("POST", "worker-orders"),
            ("POST", "ledger-check"),
        ):
            assert (await client.request(method, f"/v1/admin/{path}", json={})).status_code == 403, path


async def test_the_sums_and_the_accounts_are_the_ledgers(start_coordinator: Start) -> None:
    async with start_coordinator(escrow_s=0.0) as coordinator:
        key = await operators(coordinator)
        async with coordinator.worker() as worker, coordinator.http() as client, coordinator.http(key) as operator:
            await worker.join()
            asked = asyncio.create_task(client.post("/v1/chat/completions", json=ASK))
            await until(lambda: coordinator.running.services.hub.dispatch.running() == 1)
            (hold,) = (await operator.get("/v1/admin/holds")).json()["data"]
            assert (hold["account"], hold["account_name"], hold["model"]) == (coordinator.account, "default", "tiny")
            money = (await operator.get("/v1/admin/overview")).json()
            assert money["holds"]["open"] == 1 and money["accounts"]["held"]["nano_usd"] == hold["nano_usd"]
            await worker.serve("hello")
            assert (await asked).status_code == 200
            await coordinator.running.services.ledger.flushed(10)
            money = (await operator.get("/v1/admin/overview")).json()
            every = [*money["accounts"].values(), *money["platform"].values()]
            assert sum(one["nano_usd"] for one in every) == 0 and money["holds"] == {"open": 0, "oldest": None}
            page = (await operator.get("/v1/admin/accounts", params={"limit": 1, "sort": "balance"})).json()
            rest = (
                await operator.get("/v1/admin/accounts", params={"limit": 9, "sort": "balance", "after": page["next"]})
            ).json()
            lines = [*page["data"], *rest["data"]]
            assert [line["name"] for line in lines] == ["default", "operator"] and rest["next"] is None
            with closing(Database(coordinator.config.db)) as database:
                have = totals(database)[coordinator.account]
            assert (lines[0]["spendable_nano_usd"], lines[0]["keys"]) == (have.available, 1)
            assert lines[0]["seen"] > 0 and lines[1]["seen"] is None
            one = (await operator.get(f"/v1/admin/accounts/{coordinator.account}")).json()
            assert one["balances"]["spark"]["available"]["nano_usd"] == have.available and one["key_total"] == 1
            assert coordinator.key not in str(one) and one["key_list"][0]["hint"].startswith("sk-")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("accounts?sort=x", "sort"),
        ("accounts?limit=0", "limit"),
        ("accounts?limit=201", "limit"),
        ("accounts?after=x", "after"),
        (f"accounts?search={'x' * 129}", "search"),
        ("accounts?search=%00", "search"),
        ("accounts?serch=x", "serch"),
        ("workers?state=x", "state"),
        ("workers?after=x", "after"),
        ("audit?before=-1", "before"),
        ("problems?after=x", "after"),
        ("holds?limit=x", "limit"),
    ],
)
async def test_what_makes_no_sense_is_refused_by_name(coordinator: Coordinator, path: str, name: str) -> None:
    async with coordinator.http(await operators(coordinator)) as operator:
        answer = await operator.get(f"/v1/admin/{path}")
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, name)


async def test_the_books_are_checked_on_request(coordinator: Coordinator) -> None:
    async with coordinator.http(await operators(coordinator)) as operator:
        assert (await operator.post("/v1/admin/ledger-check")).status_code == 202
        async with asyncio.timeout(20):
            while (said := (await operator.get("/v1/admin/ledger-check")).json())["state"] == "running":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert (said["state"], said["found"]) == ("ok", [])


async def deeds(operator: httpx.AsyncClient, **sought: str) -> list[tuple[str, str]]:
    found = (await operator.get("/v1/admin/audit", params=sought)).json()["data"]
    return [(deed["action"], deed["target_name"] or deed["target"]) for deed in found]


async def test_what_an_admins_key_does_at_another_account_is_written_down_and_what_all_do_at_their_own_is_not(
    coordinator: Coordinator,
) -> None:
    """Every endpoint that takes `?account=` and changes something, or shows what only its owner sees."""
    key = await operators(coordinator)
    of = {"account": "default"}
    async with coordinator.http() as client, coordinator.http(key) as operator:
        await client.post("/v1/account/bonus")
        own = (await client.post("/v1/account/keys", json={"name": "own"})).json()
        await client.delete(f"/v1/account/keys/{own['id']}")
        await client.get("/v1/media")
        assert await deeds(operator) == []
        made = (
            await operator.post("/v1/account/keys", params=of, json={"name": "theirs", "scopes": ["client"]})
        ).json()
        new = (await operator.post(f"/v1/account/keys/{made['id']}/regenerate", params=of)).json()
        await operator.delete(f"/v1/account/keys/{new['id']}", params=of)
        assert (await operator.post("/v1/account/bonus", params=of)).status_code == 429, "claimed today: no deed"
        await operator.get("/v1/media", params=of)
        assert await deeds(operator) == [
            ("account read", "default"),
            ("key revoke", "default"),
            ("key regenerate", "default"),
            ("key create", "default"),
        ]
        assert len(await deeds(operator, action="key")) == 3 and await deeds(operator, action="key", limit="1") == [
            ("key revoke", "default")
        ]
        another = (await operator.post("/v1/account/keys", json={"name": "second", "scopes": ["admin"]})).json()
        (deed,) = (await operator.get("/v1/admin/audit", params={"limit": "1"})).json()["data"]
        assert (deed["action"], deed["detail"]) == ("key create", "second: admin"), "a key that may do everything"
        assert another["key"] not in str(deed)


async def test_an_address_for_messages_that_an_operator_adds_to_an_account_is_a_deed(start_coordinator: Start) -> None:
    body = {"service": "ntfy", "url": "https://ntfy.example/a-long-secret-topic", "alerts": ["balance_low"]}
    async with start_coordinator(alerts=True) as coordinator:
        async with coordinator.http() as client, coordinator.http(await operators(coordinator)) as operator:
            await client.post("/v1/account/alerts", json=body)
            made = (await operator.post("/v1/account/alerts", params={"account": "default"}, json=body)).json()
            await operator.delete(f"/v1/account/alerts/{made['id']}", params={"account": "default"})
            assert await deeds(operator) == [("alert delete", "default"), ("alert create", "default")]
            assert "a-long-secret" not in (await operator.get("/v1/admin/audit")).text
