"""Every endpoint that changes something for somebody, one by one: it does nothing for a session or a key that has ended
where this replica has not heard of it, and what an operator does with it, or looks at, stands in the audit log. Who
adds an endpoint adds it here, or says why not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
import pytest
from sqlalchemy import update
from starlette.routing import Route

from coordinator.alerts.sender import Sender, Verdict
from coordinator.api.app import routes
from coordinator.api.pages import Pages
from coordinator.store.audit_log import read
from coordinator.store.database import Database
from coordinator.store.tables import keys
from coordinator.telemetry.metrics import Metrics
from tests.coordinator.api.browser import Browser
from tests.coordinator.conftest import Coordinator, Start, make_account, make_key
from tests.coordinator.media_catalog import png

# What is done to an account, by its own people or by an operator. `{..}`: filled in from what the test has made.
ACTS: dict[str, Any] = {
    "POST /v1/account/bonus": None,
    "POST /v1/account/electricity": {"usd_per_kwh": "0.3"},
    "POST /v1/account/keys": {"name": "more"},
    "PATCH /v1/account/keys/{key_id}": {"name": "other", "cap_day_nano_usd": 5},
    "POST /v1/account/keys/{key_id}/regenerate": None,
    "DELETE /v1/account/keys/{key_id}": None,
    "POST /v1/account/alerts": {"service": "ntfy", "url": "https://ntfy.example/a-long-secret-topic"},
    "POST /v1/account/alerts/{alert_id}/test": None,
    "DELETE /v1/account/alerts/{alert_id}": None,
    "POST /v1/media": png(4, 4),
    "POST /v1/media/{media_id}/report": {"reason": "it shows me"},
    "DELETE /v1/media/{media_id}": None,
}
# For who is signed in alone: a key, also an operator's, is refused.
PERSONS: dict[str, Any] = {
    "POST /v1/account/recovery-codes": None,
    "POST /v1/account/invites": {},
    "DELETE /v1/account/invites/{invite_id}": None,
    "DELETE /v1/account/passkeys/{passkey_id}": None,
    "DELETE /v1/account/links/{link_id}": None,
    "DELETE /v1/account": None,
}
OPERATORS: dict[str, Any] = {
    "POST /v1/admin/accounts/{account}": {"weight": 2.0},
    "POST /v1/admin/accounts/{account}/grants": {"amount": "1"},
    "DELETE /v1/admin/keys/{key_id}": None,
    "POST /v1/admin/invites": {},
    "DELETE /v1/admin/invites/{invite_id}": None,
    "POST /v1/admin/worker-orders": {"worker": "{account}/w1", "order": "rest", "seconds": 60},
    "POST /v1/admin/ledger-check": None,
}
ELSEWHERE = {
    "POST /v1/account/logout": "it ends nothing",
    "POST /v1/account/passkey-options": "it only asks: what is answered is the passkey below",
    "POST /v1/account/passkeys": "tests/coordinator/identity/test_links.py",
    "POST /v1/account/links": "it only sends the browser to a provider: test_links.py has what comes back",
    "POST /v1/account/earnings/spend": "as the bonus, where there is something to move",
    "POST /v1/account/payouts": "where there are earnings: below",
    "POST /v1/account/payouts/{payout_id}/withdraw": "below",
    "POST /v1/payouts/{payout_id}": "below",
}
# What an operator reads of everybody at once, or what names no account: it leaves no trace.
OF_EVERYBODY = {
    *("/v1/payouts", "/v1/admin/overview", "/v1/admin/accounts", "/v1/admin/invites", "/v1/admin/workers"),
    *("/v1/admin/worker-orders", "/v1/admin/problems", "/v1/admin/audit", "/v1/admin/ledger-check"),
}
CHANGES = ("POST", "PUT", "PATCH", "DELETE")


def paths(coordinator: Coordinator, *methods: str) -> set[str]:
    """METHOD and path of all that are below these two, where whoever has a key of an account asks about it."""
    served = routes(coordinator.running.services, cast(Metrics, None), Pages())
    ours = ("/v1/account", "/v1/media", "/v1/admin", "/v1/payouts", "/v4/account")
    found = [route for route in served if isinstance(route, Route) and route.path.startswith(ours)]
    return {f"{method} {route.path}" for route in found for method in route.methods or () if method in methods}


async def test_every_change_is_looked_at_here(coordinator: Coordinator) -> None:
    assert paths(coordinator, *CHANGES) == {*ACTS, *PERSONS, *OPERATORS, *ELSEWHERE}


async def names(coordinator: Coordinator, http: httpx.AsyncClient, of: dict[str, str]) -> dict[str, str]:
    """What fills the paths: a key, an address and a file of the account."""
    made = await http.post("/v1/account/keys", json={"name": "spare", "scopes": ["client"]}, params=of)
    told = {"service": "webhook", "url": "https://hook.example/x"}
    alert = await http.post("/v1/account/alerts", json=told, params=of)
    media = await http.post("/v1/media", content=png(8, 8), headers={"content-type": "image/png"}, params=of)
    assert (made.status_code, alert.status_code, media.status_code) == (201, 201, 201)
    rest = {name: "none" for name in ("invite_id", "passkey_id", "link_id", "payout_id")}
    return {"key_id": made.json()["id"], "alert_id": alert.json()["id"], "media_id": media.json()["id"], **rest}


async def ask(
    http: httpx.AsyncClient, act: str, body: Any, named: dict[str, str], prefix: str = "", **more: Any
) -> httpx.Response:
    method, _, path = act.partition(" ")
    for name, value in named.items():
        path = path.replace(f"{{{name}}}", value)
    headers = {"idempotency-key": "one", **more.pop("headers", {})}
    if isinstance(body, bytes):
        more |= {"content": body}
        headers["content-type"] = "image/png"
    elif body is not None:
        filled = {key: value.format(**named) if isinstance(value, str) else value for key, value in body.items()}
        more |= {"json": filled}
    return await http.request(method, prefix + path, headers=headers, **more)


def end_unheard(database: Database, key: str) -> None:
    """As another replica ends it; this one has not heard of it."""
    with database.transaction() as connection:
        connection.execute(update(keys).where(keys.c.id == key).values(revoked_ms=1))


@pytest.fixture
async def open_one(start_coordinator: Start, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Coordinator]:
    async def arrives(*_: Any) -> Verdict:
        return Verdict(True, "arrived")

    monkeypatch.setattr(Sender, "to_account", arrives)
    async with start_coordinator(signup="open", alerts=True) as coordinator:
        yield coordinator


async def test_nothing_is_done_in_a_session_that_has_ended_elsewhere(open_one: Coordinator) -> None:
    async with Browser(open_one) as browser:
        key = (await browser.sign_up()).json()["key"]
        async with open_one.http(key) as http:
            named = await names(open_one, http, {})
        services = open_one.running.services
        (session,) = (row for row in services.accounts._keys._by_id.values() if row.session_ends_ms is not None)
        await open_one.running.store.run(end_unheard, session.key)
        headers = {"x-csrf-token": browser.csrf, "origin": browser.origin}
        assert (await browser.ask("GET", "account")).status_code == 200, "it is not heard of here"
        before = await everything(browser)
        for act, body in {**ACTS, **PERSONS}.items():
            answer = await ask(browser.http, act, body, named, "/session", headers=headers)
            assert (act, answer.status_code) == (act, 401), answer.text
            assert "ended meanwhile" in answer.json()["error"]["message"]
        assert await everything(browser) == before
        export = await browser.ask("GET", "account/export")
        assert (export.status_code, "ended meanwhile" in export.text) == (401, True)


async def everything(browser: Browser) -> dict[str, Any]:
    shown = ("account/keys", "account/alerts", "media", "account/passkeys", "account/invites", "account/earnings")
    found = {path: (await browser.ask("GET", path)).json() for path in shown}
    return found | {"account/alerts": [address["id"] for address in found["account/alerts"]["data"]]}


@asynccontextmanager
async def operator(coordinator: Coordinator) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    """An operator of another account than `default`, and the id of their key."""
    make_account(coordinator.config, "root")
    key = make_key(coordinator.config, account="root", scopes=("admin", "client"))
    await coordinator.running.services.accounts.refresh()
    principal = coordinator.running.services.accounts.authenticate({"api-key": key}, "admin")
    async with coordinator.http(key) as http:
        yield http, principal.key


async def test_every_act_of_an_operator_is_in_the_audit_log(open_one: Coordinator) -> None:
    of = {"account": open_one.account}
    async with operator(open_one) as (http, key), open_one.worker() as worker:
        await worker.join()
        named = {**await names(open_one, http, of), "account": open_one.account}
        for act, body in {**ACTS, **OPERATORS}.items():
            if act.startswith("DELETE /v1/account/keys") or "admin/keys" in act or "admin/invites/" in act:
                continue
            answer = await ask(http, act, body, named, params=of if act in ACTS else None)
            assert answer.status_code < 300, (act, answer.text)
            (deed, *_) = await open_one.running.store.run(read, 1)
            assert deed.actor == key, act
            assert deed.target in (open_one.account, f"{open_one.account}/w1", "books") or "invite" in act, act
            if "regenerate" in act:
                named["key_id"] = answer.json()["id"]
            if act == "POST /v1/admin/invites":
                named["invite_id"] = answer.json()["id"]
        spare = (await http.post("/v1/account/keys", json={"name": "2"}, params=of)).json()["id"]
        for act, where in (
            ("DELETE /v1/account/keys/{key_id}", named),
            ("DELETE /v1/admin/keys/{key_id}", {**named, "key_id": spare}),
            ("DELETE /v1/admin/invites/{invite_id}", named),
        ):
            number = len(await open_one.running.store.run(read, 1000))
            answer = await ask(http, act, None, where, params=of if "/account/" in act else None)
            assert answer.status_code == 200, (act, answer.text)
            assert len(await open_one.running.store.run(read, 1000)) == number + 1, act
        for act, body in PERSONS.items():
            assert (await ask(http, act, body, named, params=of)).status_code == 403, act


async def test_what_an_operator_looks_at_is_in_the_audit_log(open_one: Coordinator) -> None:
    of = {"account": open_one.account}
    async with operator(open_one) as (http, key):
        named = {**await names(open_one, http, of), "account": open_one.account, "request_id": "req_1"}
        for path in sorted(paths(open_one, "GET")):
            number = len(await open_one.running.store.run(read, 1000))
            own = path.startswith("GET /v1/admin/accounts/")
            answer = await ask(http, path, None, named, params=None if own else of)
            deeds = await open_one.running.store.run(read, 1000)
            if path.partition(" ")[2] in OF_EVERYBODY:
                assert answer.status_code in (200, 400) and len(deeds) == number, path
            elif answer.status_code != 403:  # a person's alone
                assert answer.status_code in (200, 404) and len(deeds) == number + 1, (path, answer.text)
                assert (deeds[0].actor, deeds[0].action, deeds[0].target) == (key, "account read", open_one.account)
                await ask(http, path, None, named, params=None if own else of)
                assert len(await open_one.running.store.run(read, 1000)) == number + 1, "not again within the hour"
        number = len(await open_one.running.store.run(read, 1000))
        assert (await http.get("/v1/account")).status_code == 200
        assert len(await open_one.running.store.run(read, 1000)) == number, "one's own"


async def test_nothing_is_done_with_an_operators_key_that_has_ended_elsewhere(open_one: Coordinator) -> None:
    of = {"account": open_one.account}
    async with operator(open_one) as (http, key):
        named = {**await names(open_one, http, of), "account": open_one.account}
        await open_one.running.store.run(end_unheard, key)
        acts = {**ACTS, **OPERATORS, "POST /v1/payouts/{payout_id}": {"decision": "approve"}}
        acts["POST /v1/account/payouts/{payout_id}/withdraw"] = None
        for act, body in acts.items():
            if act == "POST /v1/admin/worker-orders":
                body = {"worker": "{account}/w1", "order": "end"}
            answer = await ask(http, act, body, named, params=of if act in ACTS else None)
            assert (act, answer.status_code) == (act, 401), answer.text
        deeds = await open_one.running.store.run(read, 1000)
        assert {deed.action for deed in deeds} == {"key create", "alert create", "media create"}, "from before"
