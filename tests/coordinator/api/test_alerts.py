"""Addresses for messages over HTTP: added, tested, removed by their account alone, and their secrets shown once."""

import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from coordinator.api.alerts import TESTS
from coordinator.identity.addresses import read_networks
from program import post
from program.signatures import signature
from tests.coordinator.conftest import Coordinator, Start, make_account, make_key
from tests.fakes.receiver import Receiver, receiving, self_signed, status

PATH = "/v1/account/alerts"
NTFY = {"service": "ntfy", "url": "https://ntfy.example/a-long-secret-topic"}
OPEN = {"alerts": True, "alert_networks": read_networks("127.0.0.1")}


@pytest.fixture
def receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    certificate = self_signed(tmp_path)
    trusted = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(post, "_trusted", lambda: trusted)
    with receiving(certificate=certificate) as here:
        yield here


async def test_an_address_is_added_listed_and_removed(start_coordinator: Start) -> None:
    async with start_coordinator(alerts=True) as coordinator, coordinator.http() as http:
        made = await http.post(PATH, json={**NTFY, "alerts": ["balance_low", "worker_down"]})
        assert made.status_code == 201
        one = made.json()
        assert (one["url"], one["alerts"]) == ("https://ntfy.example/…opic", ["worker_down", "balance_low"])
        assert "secret" not in one and one["balance_below_usd"] == "1"
        listed = (await http.get(PATH)).json()
        assert listed["data"] == [one] and listed["allowed"] and set(listed["kinds"]) >= {"worker_down"}
        assert "a-long-secret" not in json.dumps(listed)
        assert (await http.delete(f"{PATH}/{one['id']}")).json()["deleted"]
        assert (await http.get(PATH)).json()["data"] == []
        assert (await http.delete(f"{PATH}/{one['id']}")).status_code == 404


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "url"),
        ({"service": "ntfy"}, "url"),
        ({**NTFY, "service": "mail"}, "service"),
        ({**NTFY, "url": "http://ntfy.example/x"}, "url"),
        ({**NTFY, "url": "https://ntfy.example:22/x"}, "url"),
        ({**NTFY, "url": "https://user:pass@ntfy.example/x"}, "url"),
        ({**NTFY, "url": "https://ntfy.example/" + "x" * 2000}, "url"),
        ({**NTFY, "url": "https://ntfy.example/\r\nx"}, "url"),
        ({**NTFY, "url": 7}, "url"),
        ({**NTFY, "alerts": []}, "alerts"),
        ({**NTFY, "alerts": ["disk"]}, "alerts"),
        ({**NTFY, "alerts": [["worker_down"]]}, "alerts"),
        ({**NTFY, "alerts": "worker_down"}, "alerts"),
        ({**NTFY, "balance_below_spark": "-1"}, "amount"),
        ({**NTFY, "extra": 1}, "extra"),
    ],
)
async def test_what_is_wrong_with_an_address_is_said(start_coordinator: Start, body: object, param: str) -> None:
    async with start_coordinator(alerts=True) as coordinator, coordinator.http() as http:
        answer = await http.post(PATH, json=body)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
        assert (await http.get(PATH)).json()["data"] == []


async def test_where_the_operator_does_not_allow_it_nobody_is_told(coordinator: Coordinator) -> None:
    async with coordinator.http() as http:
        answer = await http.post(PATH, json=NTFY)
        assert answer.status_code == 403 and "--alerts" in answer.json()["error"]["message"]
        assert (await http.get(PATH)).json()["allowed"] is False
        assert (await http.post(f"{PATH}/alert_1/test")).status_code == 403


async def test_nobody_sees_or_ends_anothers_address(start_coordinator: Start) -> None:
    async with start_coordinator(alerts=True) as coordinator:
        make_account(coordinator.config, "bob")
        bobs = make_key(coordinator.config, account="bob")
        works = make_key(coordinator.config, scopes=("worker",))
        admin = make_key(coordinator.config, scopes=("admin",))
        await coordinator.running.services.accounts.refresh()
        async with coordinator.http() as mine, coordinator.http(bobs) as bob, coordinator.http(works) as worker:
            one = (await mine.post(PATH, json=NTFY)).json()["id"]
            assert (await bob.get(PATH)).json()["data"] == []
            assert (await bob.delete(f"{PATH}/{one}")).status_code == 404
            assert (await bob.post(f"{PATH}/{one}/test")).status_code == 404
            assert (await worker.get(PATH)).status_code == 403
            assert (await mine.get(PATH, params={"account": "bob"})).status_code == 403
        async with coordinator.http(admin) as operator:
            assert len((await operator.get(PATH, params={"account": "default"})).json()["data"]) == 1


async def test_a_test_message_is_signed_and_its_status_told(start_coordinator: Start, receiver: Receiver) -> None:
    async with start_coordinator(**OPEN) as coordinator, coordinator.http() as http:
        made = (await http.post(PATH, json={"service": "webhook", "url": receiver.url})).json()
        answer = await http.post(f"{PATH}/{made['id']}/test")
        assert (answer.json()["delivered"], answer.json()["status"]) == (True, "arrived (status 200)")
        (got,) = receiver.got
        import base64

        secret = base64.b64decode(made["secret"].removeprefix("whsec_"))
        name, stamp = got.headers["webhook-id"], got.headers["webhook-timestamp"]
        assert got.headers["webhook-signature"] == signature(secret, name, stamp, got.body)
        (listed,) = (await http.get(PATH)).json()["data"]
        assert listed["status"] == "arrived (status 200)" and listed["tried"] and "secret" not in listed
        receiver.answer = status(418, "x-secret: inside")
        refused = await http.post(f"{PATH}/{made['id']}/test")
        assert refused.json()["status"] == "refused with status 418" and "inside" not in refused.text


async def test_tests_are_few_an_hour(start_coordinator: Start, receiver: Receiver) -> None:
    async with start_coordinator(**OPEN) as coordinator, coordinator.http() as http:
        made = (await http.post(PATH, json={"service": "slack", "url": receiver.url})).json()
        codes = [(await http.post(f"{PATH}/{made['id']}/test")).status_code for _ in range(TESTS + 2)]
        assert codes == [200] * TESTS + [429] * 2
        assert len(receiver.got) == TESTS


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.1", "0x7f.1", "[::ffff:127.0.0.1]"])
async def test_without_the_operators_word_nothing_inside_is_dialled(start_coordinator: Start, host: str) -> None:
    with receiving() as here:
        async with start_coordinator(alerts=True) as coordinator, coordinator.http() as http:
            url = f"https://{host}/admin"
            made = await http.post(PATH, json={"service": "webhook", "url": url})
            assert made.status_code == 201
            answer = await http.post(f"{PATH}/{made.json()['id']}/test")
            assert answer.json()["delivered"] is False
            assert "leads to no address" in answer.json()["status"]
        assert here.dialled == 0


async def test_an_account_has_a_few_addresses(start_coordinator: Start) -> None:
    async with start_coordinator(alerts=True) as coordinator, coordinator.http() as http:
        answers: list[httpx.Response] = [await http.post(PATH, json=NTFY) for _ in range(6)]
        assert [one.status_code for one in answers] == [201] * 5 + [400]
