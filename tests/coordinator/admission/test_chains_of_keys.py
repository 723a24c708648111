"""Limits belong to a key, all that replaced it and all that were made with it: more keys are no more requests."""

import asyncio
from typing import Any

from coordinator.accounts.rows import KeyLimits
from tests.coordinator.conftest import Coordinator, Start, make_key

ASK: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 8}


async def asked(coordinator: Coordinator, key: str) -> int:
    """503: it was admitted, and nobody serves it; 429: it was not."""
    async with coordinator.http(key) as http:
        return (await http.post("/v1/chat/completions", json=ASK)).status_code


async def new_key(coordinator: Coordinator, key: str, path: str = "", **wanted: Any) -> dict[str, Any]:
    async with coordinator.http(key) as http:
        answer = await http.post(f"/v1/account/keys{path}", json=wanted or None)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made


async def limited(coordinator: Coordinator, **limits: int) -> tuple[str, str]:
    """A key that the operator made, and its id."""
    key = make_key(coordinator.config, limits=KeyLimits(**limits))
    await coordinator.running.services.accounts.refresh()
    async with coordinator.http(key) as http:
        (own,) = [each for each in (await http.get("/v1/account/keys")).json()["data"] if each["rpm"] == limits["rpm"]]
    return key, own["id"]


async def test_a_key_that_replaces_another_inherits_what_it_has_used(start_coordinator: Start) -> None:
    async with start_coordinator() as coordinator:
        key, name = await limited(coordinator, rpm=2)
        codes = []
        for _ in range(20):
            codes.append(await asked(coordinator, key))
            made = await new_key(coordinator, key, f"/{name}/regenerate")
            key, name = made["key"], made["id"]
        assert codes.count(503) == 2 and codes.count(429) == 18


async def test_keys_that_are_made_with_a_key_share_its_limits(start_coordinator: Start) -> None:
    async with start_coordinator() as coordinator:
        key, _ = await limited(coordinator, rpm=2)
        children = [(await new_key(coordinator, key, name=f"c{n}"))["key"] for n in range(5)]
        grandchild = (await new_key(coordinator, children[0], name="g"))["key"]
        codes = [await asked(coordinator, each) for each in (grandchild, *children, key)]
        assert codes == [503, 503, 429, 429, 429, 429, 429]


async def test_the_operators_own_limit_is_not_multiplied_either(start_coordinator: Start) -> None:
    async with start_coordinator(rpm=3) as coordinator:
        keys = [(await new_key(coordinator, coordinator.key, name=f"c{n}"))["key"] for n in range(6)]
        codes = [await asked(coordinator, each) for each in keys]
        assert codes.count(503) == 3


async def test_a_child_counts_against_its_parent_when_that_is_replaced_or_revoked(start_coordinator: Start) -> None:
    async with start_coordinator() as coordinator:
        key, name = await limited(coordinator, rpm=3)
        children = [(await new_key(coordinator, key, name=f"c{n}"))["key"] for n in range(3)]
        made = await new_key(coordinator, key, f"/{name}/regenerate")
        assert await asked(coordinator, children[0]) == 503
        assert await asked(coordinator, made["key"]) == 503
        async with coordinator.http(made["key"]) as http:
            assert (await http.delete(f"/v1/account/keys/{made['id']}")).status_code == 200
        assert [await asked(coordinator, each) for each in children] == [503, 429, 429]


async def test_a_child_may_be_narrower_and_its_siblings_have_what_it_leaves(start_coordinator: Start) -> None:
    async with start_coordinator() as coordinator:
        key, _ = await limited(coordinator, rpm=4)
        narrow = (await new_key(coordinator, key, name="narrow", rpm=1))["key"]
        assert [await asked(coordinator, narrow) for _ in range(3)] == [503, 429, 429]
        assert [await asked(coordinator, key) for _ in range(4)] == [503, 503, 503, 429]


async def test_a_key_taken_over_from_another_chain_counts_against_who_took_it(start_coordinator: Start) -> None:
    async with start_coordinator() as coordinator:
        mine, _ = await limited(coordinator, rpm=2)
        _, other = await limited(coordinator, rpm=1)
        taken = (await new_key(coordinator, mine, f"/{other}/regenerate"))["key"]
        assert [await asked(coordinator, each) for each in (mine, taken, taken, mine)] == [503, 503, 429, 429]


async def test_places_and_tokens_are_shared_too(start_coordinator: Start) -> None:
    async with start_coordinator() as coordinator, coordinator.worker() as worker:
        await worker.join()
        key, _ = await limited(coordinator, rpm=1000, tpm=20, concurrency=1)
        child = (await new_key(coordinator, key, name="child"))["key"]
        async with coordinator.http(key) as http:
            first = asyncio.create_task(http.post("/v1/chat/completions", json=ASK | {"max_tokens": 100}))
            start = await worker.accept()
            assert await asked(coordinator, child) == 429, "one request at a time"
            await worker.done(start, await worker.tell(start, "a" * 30))
            assert (await first).status_code == 200
        assert await asked(coordinator, child) == 429, "20 tokens a minute"


async def test_the_daily_bonus_and_the_rows_of_an_account_are_the_accounts(start_coordinator: Start) -> None:
    async with start_coordinator() as coordinator:
        child = (await new_key(coordinator, coordinator.key, name="child"))["key"]
        async with coordinator.http() as http, coordinator.http(child) as other:
            assert (await http.post("/v1/account/bonus")).status_code == 200
            assert (await other.post("/v1/account/bonus")).status_code == 429


async def test_no_account_has_more_keys_than_it_may_when_many_are_made_at_once(start_coordinator: Start) -> None:
    async with start_coordinator() as coordinator, coordinator.http() as http:
        making = [http.post("/v1/account/keys", json={"name": f"k{n}"}) for n in range(110)]
        codes = [answer.status_code for answer in await asyncio.gather(*making)]
        assert codes.count(201) == 99 and codes.count(400) == 11
