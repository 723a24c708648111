"""What the operator does over HTTP: once, with a deed, and known at once."""

import asyncio

import pytest

from tests.coordinator.api.test_operator import deeds, operators
from tests.coordinator.conftest import Coordinator

PATH = "/v1/admin/accounts/default"


async def test_an_account_is_disabled_its_keys_die_and_it_is_enabled_again(coordinator: Coordinator) -> None:
    async with coordinator.http() as client, coordinator.http(await operators(coordinator)) as operator:
        account = coordinator.account
        answer = await operator.post(PATH, json={"disabled": True, "weight": 2.5})
        assert answer.json() == {
            "object": "operator.account",
            "id": account,
            "name": "default",
            "disabled": True,
            "weight": 2.5,
        }
        assert (await client.get("/v1/account")).status_code == 401
        grant = await operator.post(f"{PATH}/grants", json={"amount": "1"}, headers={"idempotency-key": "x"})
        assert (grant.status_code, "disabled" in grant.text) == (400, True)
        await operator.post(PATH, json={"disabled": False})
        assert (await client.get("/v1/account")).status_code == 200
        assert [action for action, _ in await deeds(operator)] == ["account enable", "account set", "account disable"]


async def test_an_operator_does_not_shut_itself_out(coordinator: Coordinator) -> None:
    async with coordinator.http(await operators(coordinator)) as operator:
        answer = await operator.post("/v1/admin/accounts/operator", json={"disabled": True})
        assert (answer.status_code, "shut you out" in answer.text) == (400, True)
        mine = (await operator.get("/v1/admin/accounts/operator")).json()["key_list"][0]["id"]
        answer = await operator.delete(f"/v1/admin/keys/{mine}")
        assert answer.status_code == 400 and await deeds(operator) == []


async def test_a_grant_that_is_sent_twice_at_once_is_booked_once(coordinator: Coordinator) -> None:
    async with coordinator.http() as client, coordinator.http(await operators(coordinator)) as operator:
        before = (await client.get("/v1/account")).json()["balances"]["sogni"]["available"]["nano_usd"]
        body = {"amount": "2.5", "currency": "sogni", "reason": "deposit", "note": "bank\n7"}
        send = [operator.post(f"{PATH}/grants", json=body, headers={"idempotency-key": "k1"}) for _ in range(8)]
        answers = await asyncio.gather(*send)
        assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
        assert {answer.json()["nano_usd"] for answer in answers} == {25_000_000}
        other = await operator.post(f"{PATH}/grants", json={**body, "amount": "3"}, headers={"idempotency-key": "k1"})
        again = await operator.post(
            f"{PATH}/grants", json={**body, "reason": "grant"}, headers={"idempotency-key": "k1"}
        )
        assert (other.status_code, again.status_code) == (400, 400)
        after = (await client.get("/v1/account")).json()["balances"]["sogni"]["available"]["nano_usd"]
        assert after - before == 25_000_000
        (deed,) = (await operator.get("/v1/admin/audit")).json()["data"]
        assert (deed["action"], deed["detail"]) == ("grant", "deposit 2.5 sogni bank 7")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, {"amount": "1"}),
        ({"idempotency-key": "a b"}, {"amount": "1"}),
        ({"idempotency-key": "x"}, {}),
        ({"idempotency-key": "x"}, {"amount": "-1"}),
        ({"idempotency-key": "x"}, {"amount": "1e3"}),
        ({"idempotency-key": "x"}, {"amount": "9" * 30}),
        ({"idempotency-key": "x"}, {"amount": "1", "reason": "theft"}),
        ({"idempotency-key": "x"}, {"amount": "1", "reason": "payout"}),
        ({"idempotency-key": "x"}, {"amount": "1", "note": "x" * 201}),
        ({"idempotency-key": "x"}, {"amount": "1", "extra": 1}),
    ],
)
async def test_a_grant_that_makes_no_sense_books_nothing(
    coordinator: Coordinator, headers: dict[str, str], body: dict[str, object]
) -> None:
    async with coordinator.http(await operators(coordinator)) as operator:
        assert (await operator.post(f"{PATH}/grants", json=body, headers=headers)).status_code == 400
        assert await deeds(operator) == []


async def test_a_key_of_anybody_is_revoked(coordinator: Coordinator) -> None:
    async with coordinator.http() as client, coordinator.http(await operators(coordinator)) as operator:
        key = (await operator.get(PATH)).json()["key_list"][0]["id"]
        assert (await operator.delete(f"/v1/admin/keys/{key}")).json()["deleted"]
        assert (await client.get("/v1/account")).status_code == 401
        assert (await operator.delete(f"/v1/admin/keys/{key}")).status_code == 404
        assert await deeds(operator) == [("key revoke", "default"), ("account read", "default")]


async def test_invites_are_made_listed_in_pages_and_revoked(coordinator: Coordinator) -> None:
    async with coordinator.http(await operators(coordinator)) as operator:
        made = [(await operator.post("/v1/admin/invites", json={"note": f"n{n}", "days": 3})).json() for n in range(3)]
        assert made[0]["link"].endswith(f"/account#invite={made[0]['code']}") and made[0]["state"] == "live"
        into = (await operator.post("/v1/admin/invites", json={"account": "default"})).json()
        first = (await operator.get("/v1/admin/invites", params={"limit": 3})).json()
        rest = (await operator.get("/v1/admin/invites", params={"limit": 3, "after": first["next"]})).json()
        listed = [*first["data"], *rest["data"]]
        assert {one["id"] for one in listed} == {one["id"] for one in (*made, into)} and rest["next"] is None
        assert all("code" not in one for one in listed)
        assert (await operator.delete(f"/v1/admin/invites/{into['id']}")).status_code == 200
        assert (await operator.delete(f"/v1/admin/invites/{into['id']}")).status_code == 404
        assert (await operator.post("/v1/admin/invites", json={"days": 0})).status_code == 400
        acts = [action for action, _ in await deeds(operator)]
        assert acts == ["invite revoke"] + ["invite create"] * 4
        assert made[0]["code"] not in (await operator.get("/v1/admin/audit")).text
