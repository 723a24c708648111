"""/v1/network with real sockets: who may look, and how long."""

import asyncio
import json
from typing import Any

import httpx

from coordinator.accounts.accounts import create_account
from coordinator.accounts.rows import revoke_key
from coordinator.store.database import Database
from tests.coordinator.conftest import Coordinator, Start, make_key, until

MESSAGES: Any = [{"role": "user", "content": "hi"}]


async def test_the_network_needs_a_key_but_not_the_one_that_scrapes_metrics(coordinator: Coordinator) -> None:
    async with httpx.AsyncClient(base_url=coordinator.url) as http:
        for path in ("/v1/network", "/v1/network/events", "/v1/network/workers/0123456789ab"):
            response = await http.get(path)
            assert (response.status_code, response.json()["error"]["code"]) == (401, "invalid_api_key")
    worker_key = make_key(coordinator.config, scopes=("worker",))
    metrics_key = make_key(coordinator.config, scopes=("metrics",))
    await until(lambda: len(coordinator.running.services.accounts._keys) == 3)
    async with coordinator.http(metrics_key) as http:
        assert (await http.get("/v1/network")).status_code == 403
    async with coordinator.http(worker_key) as http:
        response = await http.get("/v1/network")
    assert response.json()["viewer"] == "client"
    assert response.headers["cache-control"] == "no-store"


async def test_only_if_the_operator_wants_it_the_network_is_public(start_coordinator: Start) -> None:
    async with start_coordinator(public_network=True) as coordinator, coordinator.worker() as worker:
        await worker.join("secret")
        async with httpx.AsyncClient(base_url=coordinator.url) as http:
            response = await http.get("/v1/network")
            wrong = await http.get("/v1/network", headers={"authorization": "Bearer nonsense"})
            page = await http.get(f"/v1/network/workers/{response.json()['workers'][0]['id']}")
    assert response.json()["viewer"] == "public" and "secret" not in response.text
    assert (wrong.status_code, page.status_code) == (401, 404)


async def test_events_go_on_until_the_viewer_leaves(coordinator: Coordinator) -> None:
    feed = coordinator.running.services.network.feed
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join("w1")
        async with http.stream("GET", "/v1/network/events") as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            lines = response.aiter_lines()
            kinds: list[str] = []
            while len(kinds) < 2:
                line = await anext(lines)
                if line.startswith("data: "):
                    kinds.append(json.loads(line[6:])["object"])
            assert kinds == ["network", "network.change"] and feed._watching.total() == 1
    await until(lambda: feed._watching.total() == 0)


async def test_a_key_that_ends_ends_its_events(coordinator: Coordinator) -> None:
    other = make_key(coordinator.config)
    await until(lambda: len(coordinator.running.services.accounts._keys) == 2)
    async with coordinator.http(other) as http, http.stream("GET", "/v1/network/events") as response:
        principal = coordinator.running.services.accounts.authenticate({"authorization": f"Bearer {other}"}, "client")
        revoke(coordinator, principal.key)
        async for _ in response.aiter_bytes():
            pass


async def test_what_a_worker_earned_is_its_owners_to_see(coordinator: Coordinator) -> None:
    """The owner is another account than the client: of its own jobs nobody earns."""
    database = Database(coordinator.config.db)
    create_account(database, "owner", 1)
    database.close()
    owner = make_key(coordinator.config, account="owner")
    await until(lambda: len(coordinator.running.services.accounts._keys) == 2)
    async with coordinator.worker(owner) as worker, coordinator.http(owner) as http, coordinator.openai() as client:
        await worker.join("w1")
        answering = asyncio.create_task(client.chat.completions.create(model="tiny", messages=MESSAGES, max_tokens=50))
        await worker.serve("hello")
        await answering
        (tile,) = (await http.get("/v1/network")).json()["workers"]
        path = f"/v1/network/workers/{tile['id']}/earnings"
        await coordinator.running.services.ledger.flushed(10)
        earned = (await http.get(path)).json()
        async with coordinator.http() as other:
            assert (await other.get(path)).status_code == 404
    assert earned["escrow_nano_usd"] == earned["earned_nano_usd"] > 0


async def test_a_worker_in_full(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join("w1")
        (tile,) = (await http.get("/v1/network")).json()["workers"]
        found = (await http.get(f"/v1/network/workers/{tile['id']}")).json()
        earned = (await http.get(f"/v1/network/workers/{tile['id']}/earnings")).json()
    assert earned == {"object": "network.earnings", "earned_nano_usd": 0, "escrow_nano_usd": 0}
    assert (found["object"], found["worker"], found["status"]) == ("network.worker", "w1", "ready")


def revoke(coordinator: Coordinator, key: str) -> None:
    """As the CLI does: with a connection of its own."""
    database = Database(coordinator.config.db)
    try:
        revoke_key(database, key, 1)
    finally:
        database.close()
