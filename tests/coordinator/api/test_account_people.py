"""What a person does on the account page."""

import json

import httpx
import pytest

from coordinator.api.account_people import EXPORTS
from coordinator.ledger import energy_days
from coordinator.store.errors import Unavailable
from tests.coordinator.api.browser import Browser
from tests.coordinator.artefacts.files import png
from tests.coordinator.conftest import Start
from tests.coordinator.replicas import Replicas, start_replica
from tests.fakes.authenticator import Authenticator
from wire.errors import ErrorCode, SupernetError

__all__ = ["start_replica"]  # a fixture


async def test_a_second_passkey_lets_in_and_the_last_one_stays(start_coordinator: Start) -> None:
    async with start_coordinator(signup="open") as coordinator, Browser(coordinator) as browser:
        await browser.sign_up()
        first, browser.authenticator = browser.authenticator, Authenticator(browser.origin)
        asked = (await browser.ask("POST", "account/passkey-options")).json()
        body = {
            "credential": browser.authenticator.create(asked["options"]),
            "sealed": asked["sealed"],
            "name": "phone",
        }
        assert (await browser.ask("POST", "account/passkeys", body)).status_code == 201
        assert (await browser.ask("POST", "account/passkeys", body)).status_code == 403  # it has been answered
        assert (await browser.sign_in()).status_code == 200
        listed = (await browser.ask("GET", "account/passkeys")).json()["data"]
        assert [one["name"] for one in listed] == ["passkey", "phone"]
        assert (await browser.ask("DELETE", f"account/passkeys/{listed[0]['id']}")).status_code == 200
        assert (await browser.ask("DELETE", f"account/passkeys/{listed[1]['id']}")).status_code == 400
        browser.authenticator = first
        assert (await browser.sign_in()).status_code == 403


async def test_a_passkey_is_not_added_with_what_another_session_was_asked(start_coordinator: Start) -> None:
    async with start_coordinator(signup="open") as coordinator:
        async with Browser(coordinator) as victim, Browser(coordinator) as attacker:
            await victim.sign_up()
            await attacker.sign_up()
            asked = (await attacker.ask("POST", "account/passkey-options")).json()
            body = {"credential": Authenticator(victim.origin).create(asked["options"]), "sealed": asked["sealed"]}
            assert (await victim.ask("POST", "account/passkeys", body)).status_code == 403


async def test_a_recovery_code_lets_in_once(start_coordinator: Start) -> None:
    async with start_coordinator(signup="open") as coordinator, Browser(coordinator) as browser:
        await browser.sign_up()
        codes = (await browser.ask("POST", "account/recovery-codes")).json()["codes"]
        await browser.sign_out()
        assert (await browser.recover(codes[0].upper().replace("-", " "))).status_code == 200
        assert (await browser.ask("GET", "account/passkeys")).json()["recovery_codes"] == len(codes) - 1
        assert (await browser.recover(codes[0])).status_code == 403


@pytest.mark.parametrize("way", ["codes", "recover", "passkey"])
async def test_who_has_taken_a_session_is_put_out_by_its_owner(start_coordinator: Start, way: str) -> None:
    """Before, a stolen session went on for 30 days, whatever its owner did."""
    async with start_coordinator(signup="open") as coordinator:
        async with Browser(coordinator) as owner, Browser(coordinator) as thief:
            await owner.sign_up()
            codes = (await owner.ask("POST", "account/recovery-codes")).json()["codes"]
            asked = (await owner.ask("POST", "account/passkey-options")).json()
            body = {"credential": Authenticator(owner.origin).create(asked["options"]), "sealed": asked["sealed"]}
            second = (await owner.ask("POST", "account/passkeys", body)).json()["id"]
            thief.authenticator = owner.authenticator
            assert (await thief.sign_in()).status_code == 200
            assert (await thief.ask("GET", "account")).status_code == 200
            if way == "codes":
                await owner.ask("POST", "account/recovery-codes")
            elif way == "recover":
                assert (await owner.recover(codes[0])).status_code == 200
            else:
                assert (await owner.ask("DELETE", f"account/passkeys/{second}")).status_code == 200
            assert (await thief.ask("GET", "account")).status_code == 401
            assert (await owner.ask("GET", "account")).status_code == 200


async def test_an_account_makes_its_invites_and_revokes_them(start_coordinator: Start) -> None:
    async with start_coordinator(signup="open", invites=1) as coordinator, Browser(coordinator) as browser:
        await browser.sign_up()
        made = (await browser.ask("POST", "account/invites", {"note": "Ada"})).json()
        assert made["link"].endswith(f"/account#invite={made['code']}")
        assert (await browser.ask("POST", "account/invites", {})).status_code == 403
        told = (await browser.ask("GET", "account/invites")).json()
        assert (told["left"], told["data"][0]["state"]) == (0, "live")
        assert (await browser.ask("DELETE", f"account/invites/{made['id']}")).status_code == 200
        assert (await browser.ask("DELETE", f"account/invites/{made['id']}")).status_code == 404


async def test_a_deleted_account_is_gone_with_its_keys_and_sessions(start_coordinator: Start) -> None:
    async with start_coordinator(signup="open") as coordinator, Browser(coordinator) as browser:
        key = (await browser.sign_up()).json()["key"]
        exported = (await browser.ask("GET", "account/export")).json()
        assert key not in str(exported) and len(exported["passkeys"]) == 1
        assert (await browser.ask("DELETE", "account")).json()["deleted"] is True
        assert (await browser.ask("GET", "account")).status_code == 401
        async with coordinator.http(key) as http:
            assert (await http.get("/v1/account")).status_code == 401
        assert (await browser.sign_in()).status_code == 403


async def test_an_account_is_exported_a_few_times_an_hour(start_coordinator: Start) -> None:
    async with (
        start_coordinator(signup="open") as coordinator,
        Browser(coordinator) as browser,
        Browser(coordinator) as b,
    ):
        await browser.sign_up()
        answers = [await browser.ask("GET", "account/export") for _ in range(EXPORTS + 1)]
        assert [answer.status_code for answer in answers] == [200] * EXPORTS + [429]
        assert "times an hour" in answers[-1].text and answers[-1].headers["retry-after"] == "900"
        await b.sign_up()
        assert (await b.ask("GET", "account/export")).status_code == 200


async def test_an_export_that_breaks_off_does_not_look_whole(
    start_coordinator: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise Unavailable("the database went away")

    async with start_coordinator(signup="open") as coordinator, Browser(coordinator) as browser:
        await browser.sign_up()
        monkeypatch.setattr(energy_days, "price", away)
        came, headers = b"", {"x-csrf-token": browser.csrf}
        with pytest.raises(httpx.RemoteProtocolError):
            async with browser.http.stream("GET", "/session/v1/account/export", headers=headers) as answer:
                assert answer.status_code == 200
                async for piece in answer.aiter_bytes():
                    came += piece
        assert came.startswith(b'{"object":"account.export","account":{')
        with pytest.raises(json.JSONDecodeError):
            json.loads(came)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "passkeys"),
        ("POST", "passkey-options"),
        ("POST", "passkeys"),
        ("DELETE", "passkeys/x"),
        ("POST", "recovery-codes"),
        ("GET", "invites"),
        ("POST", "invites"),
        ("DELETE", "invites/x"),
        ("GET", "export"),
    ],
)
async def test_a_key_is_not_enough_for_a_persons_own(start_coordinator: Start, method: str, path: str) -> None:
    async with start_coordinator(signup="open") as coordinator, coordinator.http() as http:
        assert (await http.request(method, f"/v1/account/{path}")).status_code == 403
        assert (await http.delete("/v1/account")).status_code == 403


async def test_notes_and_names_are_printable(start_coordinator: Start) -> None:
    async with start_coordinator(signup="open", invites=1) as coordinator, Browser(coordinator) as browser:
        await browser.sign_up()
        for note in ("a\0b", "\x1b[2J", "two\nlines"):
            refused = await browser.ask("POST", "account/invites", {"note": note})
            assert (refused.status_code, refused.json()["error"]["param"]) == (400, "note")
            asked = (await browser.ask("POST", "account/passkey-options")).json()
            made = {"credential": Authenticator(browser.origin).create(asked["options"]), "sealed": asked["sealed"]}
            refused = await browser.ask("POST", "account/passkeys", {**made, "name": note})
            assert (refused.status_code, refused.json()["error"]["param"]) == (400, "name")
        assert (await browser.ask("POST", "account/invites", {"note": "Ada"})).status_code == 201


async def test_what_the_database_cannot_hold_is_the_clients_fault(
    start_replica: Replicas,
) -> None:
    async with start_replica(signup="open", public_url=None) as coordinator, Browser(coordinator) as browser:
        await browser.sign_up()
        for method, path in (
            ("DELETE", "account/passkeys/%00"),
            ("DELETE", "account/invites/%00"),
            ("POST", "account/payouts/%00/withdraw"),
        ):
            answer = await browser.ask(method, path)
            assert (answer.status_code, "postgresql" in answer.text) == (400, False), answer.text
        body = await browser.ask_to_sign_in()
        body["credential"]["id"] = "\0"
        assert (await browser.post("signin", body)).status_code == 403


async def test_the_files_of_a_deleted_account_end(start_coordinator: Start) -> None:
    async with start_coordinator(signup="open") as coordinator, Browser(coordinator) as browser:
        await browser.sign_up()
        account = (await browser.ask("GET", "account")).json()["id"]
        kept = await coordinator.running.services.artefacts.keep(account, png(), "image/png")
        files = (await browser.ask("GET", "account/export")).json()["files"]
        assert [one["artefact"]["id"] for one in files] == [kept.id]
        assert (await browser.ask("DELETE", "account")).status_code == 200
        with pytest.raises(SupernetError) as gone:
            await coordinator.running.services.artefacts.find(kept.id)
        assert gone.value.code is ErrorCode.EXPIRED
