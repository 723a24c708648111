"""A payment service's word over HTTP."""

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import httpx

from coordinator.ledger.grants import balances_of
from tests.coordinator.api.browser import Browser
from tests.coordinator.conftest import Coordinator, Start

SECRET = b"s" * 24


async def said(coordinator: Coordinator, body: Any, *, name: str = "msg_1", secret: bytes = SECRET) -> httpx.Response:
    stamp, raw = str(int(time.time())), json.dumps(body).encode()
    digest = hmac.new(secret, f"{name}.{stamp}.".encode() + raw, hashlib.sha256).digest()
    headers = {"webhook-id": name, "webhook-timestamp": stamp}
    headers["webhook-signature"] = "v1," + base64.b64encode(digest).decode()
    async with httpx.AsyncClient(base_url=coordinator.url) as http:
        return await http.post("/v1/deposits", content=raw, headers=headers)


async def funded(coordinator: Coordinator) -> int:
    async with coordinator.http() as http:
        spark = (await http.get("/v1/account")).json()["balances"]["spark"]
    return int(spark["available"]["nano_usd"] - spark["given"]["nano_usd"])


async def test_a_deposit_is_booked_once_however_often_it_is_told(start_coordinator: Start, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("whsec_" + base64.b64encode(SECRET).decode())
    async with start_coordinator(deposit_secret=file) as coordinator:
        paid = {"account": "default", "amount": "12.5", "note": "card"}
        answer = await said(coordinator, paid)
        assert (answer.status_code, answer.json()["nano_usd"], answer.json()["again"]) == (200, 62_500_000, False)
        assert (await said(coordinator, paid)).json()["again"] is True
        assert await funded(coordinator) == 62_500_000
        assert (await said(coordinator, paid, name="msg_2")).json()["again"] is False
        assert await funded(coordinator) == 125_000_000
        other = await said(coordinator, {**paid, "amount": "700"})
        assert (other.status_code, "its own" in other.json()["error"]["message"]) == (400, True), "nothing was booked"


async def test_what_is_not_signed_or_not_meant_books_nothing(start_coordinator: Start, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(base64.b64encode(SECRET).decode())
    async with start_coordinator(deposit_secret=file) as coordinator:
        paid = {"account": "default", "amount": "12.5"}
        assert (await said(coordinator, paid, secret=b"t" * 24)).status_code == 403
        assert (await said(coordinator, {**paid, "account": "nobody"})).status_code == 404
        assert (await said(coordinator, {"account": "default"})).status_code == 400
        assert (await said(coordinator, {**paid, "amount": "0"})).status_code == 400
        assert (await said(coordinator, {**paid, "amount": "1e9"})).status_code == 400
        assert (await said(coordinator, {**paid, "admin": True})).status_code == 400
        assert (await said(coordinator, {**paid, "note": "x" * 20_000})).status_code == 413
        async with httpx.AsyncClient(base_url=coordinator.url) as http:
            assert (await http.post("/v1/deposits", json=paid)).status_code == 403
        assert await funded(coordinator) == 0


async def test_without_a_secret_there_is_no_hook(coordinator: Coordinator) -> None:
    assert (await said(coordinator, {"account": "default", "amount": "1"})).status_code == 404


async def test_more_than_the_books_can_hold_is_refused_and_the_coordinator_lives_on(
    start_coordinator: Start, tmp_path: Path
) -> None:
    """SQLite counts up to 2**63: what was to be booked beyond that ended the ledger, and the process with it."""
    file = tmp_path / "secret"
    file.write_text(base64.b64encode(SECRET).decode())
    async with start_coordinator(deposit_secret=file, sogni_nano=10**15) as coordinator:
        paid = {"account": "default", "currency": "sogni", "amount": "10"}
        assert (await said(coordinator, {**paid, "amount": "11"})).status_code == 400
        answers = [(await said(coordinator, paid, name=f"msg_{n}")).status_code for n in range(924)]
        assert set(answers[:900]) == {200} and answers[-1] == 400
        assert (await said(coordinator, {"account": "default", "amount": "1"}, name="after")).status_code == 200


async def test_an_account_that_nobody_can_use_is_paid_nothing(start_coordinator: Start, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(base64.b64encode(SECRET).decode())
    async with start_coordinator(deposit_secret=file, signup="open") as coordinator, Browser(coordinator) as browser:
        await browser.sign_up()
        account = (await browser.ask("GET", "account")).json()["id"]
        assert (await said(coordinator, {"account": account, "amount": "1"}, name="before")).status_code == 200
        await browser.ask("DELETE", "account")
        told_again = await said(coordinator, {"account": account, "amount": "1"}, name="before")
        assert told_again.json()["again"] is True
        answer = await said(coordinator, {"account": account, "amount": "1"})
        assert (answer.status_code, "nobody could spend it" in answer.text) == (400, True)
        assert balances_of(coordinator.running.store.database, account)["spark"].available == 5_000_000
