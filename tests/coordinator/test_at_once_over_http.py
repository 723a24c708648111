"""Two replicas on PostgreSQL are asked the same at once, over HTTP: it happens once, and nobody reads of our faults."""

import asyncio
from collections.abc import Awaitable
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from itertools import cycle, islice

import httpx

from coordinator.accounts.accounts import KeyRequest, create_key
from coordinator.accounts.pepper import open_pepper
from coordinator.clock import now_ms
from coordinator.identity.rows import add_invite, new_invite
from coordinator.ledger.audit import check
from coordinator.store.database import Database
from tests.coordinator.api.browser import Browser
from tests.coordinator.conftest import Coordinator
from tests.coordinator.ledger.test_payouts import owner
from tests.coordinator.replicas import Replicas, network, start_replica

__all__ = ["start_replica"]  # a fixture
TIMES = 8  # the same act, in turns at both
SHARED = "http://localhost:9999"  # of what browsers know the network by


async def raced(asked: list[Awaitable[httpx.Response]], done: int) -> list[httpx.Response]:
    """The answers, of which one alone says that it was done."""
    answers = await asyncio.gather(*asked)
    told = sorted(answer.status_code for answer in answers)
    assert told.count(done) == 1 and all(status < 500 for status in told), (told, [one.text[:200] for one in answers])
    return answers


async def books(replica: Coordinator) -> None:
    with closing(Database(str(replica.running.config.db))) as database:
        assert check(database) == []


async def test_a_bonus_is_claimed_and_a_key_regenerated_once(start_replica: Replicas) -> None:
    async with network(start_replica, signup="open", public_url=SHARED) as (one, other):
        async with AsyncExitStack() as opened:
            https = [await opened.enter_async_context(at.http()) for at in (one, other)]
            turns = [*islice(cycle(https), TIMES)]
            await raced([http.post("/v1/account/bonus") for http in turns], 200)
            async with Browser(one) as browser:
                key = (await browser.sign_up()).json()["key"]
                (mine,) = [
                    row
                    for row in (await browser.ask("GET", "account/keys")).json()["data"]
                    if row["name"] == "first key"
                ]
            by_key = {"authorization": f"Bearer {key}"}
            path = f"/v1/account/keys/{mine['id']}/regenerate"
            await raced([http.post(path, headers=by_key) for http in turns], 201)
        await books(one)


async def test_an_invite_lets_one_in_at_whichever_replica(start_replica: Replicas) -> None:
    async with network(start_replica, signup="invite", public_url=SHARED) as (one, other), AsyncExitStack() as opened:
        identity = one.running.services.identity
        code, row = new_invite(identity.tokens, now_ms(), 1, "")
        await identity.store.run(add_invite, row)
        people = [await opened.enter_async_context(Browser(at)) for at in (one, other, one, other)]
        bodies = [await person.ask_to_sign_up(code) for person in people]
        answers = await raced([person.post("signup", body) for person, body in zip(people, bodies, strict=True)], 201)
        assert sum("has been used" in answer.text for answer in answers) == len(people) - 1
        await books(one)


async def test_an_account_ends_once_while_it_still_makes_keys(start_replica: Replicas) -> None:
    async with network(start_replica, signup="open", public_url=SHARED) as (one, other), Browser(one) as browser:
        await browser.sign_up()
        there = replace(browser, coordinator=other)
        there.http.cookies, there.csrf, there.headers = browser.http.cookies, browser.csrf, {}
        people = [browser, there]
        ends = [person.ask("DELETE", "account") for person in people * (TIMES // 2)]
        makes = [person.ask("POST", "account/keys", {"name": "late"}) for person in people]
        made = asyncio.gather(*makes)
        await raced([*ends], 200)
        assert all(answer.status_code < 500 for answer in await made)
        assert (await browser.ask("GET", "account")).status_code == 401
        await there.http.aclose()
        await books(one)


async def test_a_payout_is_asked_for_once(start_replica: Replicas) -> None:
    async with network(start_replica, signup="open", public_url=SHARED) as (one, other), AsyncExitStack() as opened:
        with closing(Database(str(one.running.config.db))) as database:
            account = owner(database)
            assert one.running.config.pepper is not None
            pepper = open_pepper(database, one.running.config.pepper, make=False)
            key = create_key(database, pepper, KeyRequest("k", account), now_ms())[0]
        await asyncio.sleep(1.5)  # until both replicas know the key
        https = [await opened.enter_async_context(at.http(key)) for at in (one, other)]
        body = {"currency": "spark", "address": "bank 7"}
        await raced([http.post("/v1/account/payouts", json=body) for http in islice(cycle(https), TIMES)], 201)
        await books(one)
