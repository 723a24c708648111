"""Signing up, in and out in a browser, and what an attacker is refused."""

import asyncio

import httpx
import pytest
from sqlalchemy import update

from coordinator.accounts.rows import list_accounts
from coordinator.clock import DAY_MS, now_ms
from coordinator.identity.addresses import read_networks
from coordinator.identity.errors import Refused
from coordinator.identity.rows import A_DAY, add_invite, count_signup, new_invite, revoke_invite
from coordinator.ledger.grants import balances_of
from coordinator.operating.changes import change_account
from coordinator.store.database import Database
from coordinator.store.identity_tables import invites
from tests.coordinator.api.browser import Browser
from tests.coordinator.conftest import Coordinator, Start
from tests.fakes.authenticator import Authenticator


async def invited(coordinator: Coordinator, account: str | None = None) -> str:
    """As the CLI makes one. Returns its code."""
    identity = coordinator.running.services.identity
    code, row = new_invite(identity.tokens, now_ms(), 1, "", account=account)
    await identity.store.run(add_invite, row)
    return code


async def test_who_signs_up_has_an_account_a_key_and_a_session(start_coordinator: Start) -> None:
    async with start_coordinator(signup="open") as coordinator, Browser(coordinator) as browser:
        told = (await browser.http.get("/identity")).json()
        assert (told["signup"], told["session"]) == ("open", None)
        signed_up = await browser.sign_up()
        assert signed_up.status_code == 201
        async with coordinator.http(signed_up.json()["key"]) as http:
            by_key = (await http.get("/v1/account")).json()
        in_session = (await browser.ask("GET", "account")).json()
        for shown in (by_key, in_session):
            del shown["bonus"]["next_at"]  # now, to the second
        assert in_session == by_key
        session = (await browser.http.get("/identity")).json()["session"]
        assert (session["account"], session["csrf_token"]) == (by_key["id"], browser.csrf)
        assert by_key["balances"]["spark"]["available"]["nano_usd"] == 0  # nothing is given unless the operator says so


async def test_what_the_operator_gives_a_new_account_it_has(start_coordinator: Start) -> None:
    async with start_coordinator(signup="open", signup_spark=7) as coordinator, Browser(coordinator) as browser:
        await browser.sign_up()
        assert (await browser.ask("GET", "account")).json()["balances"]["spark"]["available"]["spark"] == "7"


async def test_signing_out_ends_the_session_and_signing_in_begins_another(start_coordinator: Start) -> None:
    async with start_coordinator(signup="open") as coordinator, Browser(coordinator) as browser:
        await browser.sign_up()
        account = (await browser.ask("GET", "account")).json()["id"]
        cookie = browser.http.cookies["supernet-session"]
        assert (await browser.sign_out()).status_code == 200
        browser.http.cookies.set("supernet-session", cookie)
        assert (await browser.ask("GET", "account")).status_code == 401
        browser.http.cookies.clear()
        assert (await browser.sign_in()).status_code == 200
        assert (await browser.ask("GET", "account")).json()["id"] == account
        assert browser.http.cookies["supernet-session"] != cookie


async def test_the_cookie_is_hidden_from_scripts_and_stays_with_our_pages(start_coordinator: Start) -> None:
    async with start_coordinator(signup="open") as coordinator, Browser(coordinator) as browser:
        signed_up = await browser.sign_up()
        (kept,) = [text for text in signed_up.headers.get_list("set-cookie") if "supernet-session" in text]
        assert "HttpOnly" in kept and "SameSite=strict" in kept and "Domain" not in kept
    async with start_coordinator(signup="open", public_url="https://net.example") as coordinator:
        async with Browser(coordinator) as browser:
            asked = await browser.post("signup/options")
            challenge = asked.headers["set-cookie"]
            assert challenge.startswith("__Secure-supernet-challenge=") and "; Secure" in challenge
            answer = browser.answer_to_sign_up(asked)
            kept = "".join((await browser.post("signup", answer, cookie=challenge)).headers.get_list("set-cookie"))
            assert "__Host-supernet-session=" in kept and "; Secure" in kept


async def test_a_session_makes_keys_that_outlive_it_and_is_no_key(start_coordinator: Start) -> None:
    async with start_coordinator(signup="open") as coordinator, Browser(coordinator) as browser:
        await browser.sign_up()
        made = (await browser.ask("POST", "account/keys", {"name": "laptop"})).json()
        assert made["expires"] is None
        listed = (await browser.ask("GET", "account/keys")).json()["data"]
        assert [one["name"] for one in listed] == ["first key", "laptop"]
        old = (await browser.ask("POST", f"account/keys/{listed[0]['id']}/regenerate")).json()
        assert old["key"]


# ---- who may sign up -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["off", "invite"])
async def test_without_an_invite_nobody_signs_up_unless_it_is_open(start_coordinator: Start, mode: str) -> None:
    async with start_coordinator(signup=mode) as coordinator, Browser(coordinator) as browser:
        assert (await browser.post("signup/options")).status_code == 403
        invite = await invited(coordinator)
        asked = await browser.post("signup/options", {"invite": invite})
        assert asked.status_code == (200 if mode == "invite" else 403)


async def test_an_invite_is_used_once_even_at_once(start_coordinator: Start) -> None:
    async with start_coordinator(signup="invite") as coordinator:
        invite = await invited(coordinator)
        browsers = [Browser(coordinator) for _ in range(4)]
        bodies = [await browser.ask_to_sign_up(invite) for browser in browsers]
        posts = [browser.post("signup", body) for browser, body in zip(browsers, bodies, strict=True)]
        assert sorted(one.status_code for one in await asyncio.gather(*posts)) == [201, 403, 403, 403]
        again = await browsers[0].post("signup/options", {"invite": invite})
        assert again.status_code == 403 and "has been used" in again.json()["error"]["message"]
        for browser in browsers:
            await browser.http.aclose()
        assert len(await accounts(coordinator)) == 2  # the test's own, and one


async def test_a_revoked_invite_is_of_no_use(start_coordinator: Start) -> None:
    async with start_coordinator(signup="invite") as coordinator, Browser(coordinator) as browser:
        identity = coordinator.running.services.identity
        code, row = new_invite(identity.tokens, now_ms(), 1, "")
        await identity.store.run(add_invite, row)
        body = await browser.ask_to_sign_up(code)
        await identity.store.run(revoke_invite, row.id, now_ms())
        refused = await browser.post("signup", body)
        assert refused.status_code == 403 and "was revoked" in refused.json()["error"]["message"]


@pytest.mark.parametrize("operators", [True, False])
async def test_who_comes_too_late_reads_that_the_invite_expired_and_whom_to_ask(
    start_coordinator: Start, operators: bool
) -> None:
    """Before its owner is asked for a passkey; and again where it expires while they are asked."""
    async with start_coordinator(signup="invite") as coordinator, Browser(coordinator) as browser:
        identity = coordinator.running.services.identity
        maker = None if operators else coordinator.account
        old, row = new_invite(identity.tokens, now_ms() - 3 * DAY_MS, 2, "", made_by=maker)
        await identity.store.run(add_invite, row)
        refused = await browser.post("signup/options", {"invite": old})
        late, row = new_invite(identity.tokens, now_ms() - DAY_MS + 1_000_000, 1, "", made_by=maker)
        await identity.store.run(add_invite, row)
        body = await browser.ask_to_sign_up(late)
        await identity.store.run(expired_by_now, row.id)
        for answer in (refused, await browser.post("signup", body)):
            assert answer.status_code == 403
            words = answer.json()["error"]["message"]
            assert "expired on 20" in words and "UTC" in words
            assert ("the operator" if operators else "the member who sent it") in words
        assert len(await accounts(coordinator)) == 1
        mistyped = (await browser.post("signup/options", {"invite": "AAAA-AAAA-AAAA-AAAA"})).json()["error"]["message"]
        assert "no such invite" in mistyped and "expired" not in mistyped


def expired_by_now(database: Database, invite: str) -> None:
    with database.transaction() as connection:
        connection.execute(update(invites).where(invites.c.id == invite).values(expires_ms=now_ms() - 1))


async def test_an_invite_for_an_account_lets_its_owner_in_again(start_coordinator: Start) -> None:
    async with start_coordinator() as coordinator, Browser(coordinator) as browser:
        signed_up = await browser.sign_up(await invited(coordinator, coordinator.account))
        assert signed_up.json()["key"] is None
        assert (await browser.ask("GET", "account")).json()["id"] == coordinator.account
        await browser.sign_out()
        assert (await browser.sign_in()).status_code == 200


async def test_ten_thousand_sign_ups_from_one_range_make_five_accounts(start_coordinator: Start) -> None:
    """The bound of asking stops most of them; here it is lifted, so that the count of the day has to."""
    async with start_coordinator(signup="open") as coordinator:
        identity = coordinator.running.services.identity
        identity.count = lambda *_: None  # type: ignore[method-assign]
        made = []
        for _ in range(A_DAY + 3):
            async with Browser(coordinator) as browser:
                made.append((await browser.sign_up()).status_code)
        assert made == [201] * A_DAY + [429] * 3
        assert len(await accounts(coordinator)) == 1 + A_DAY
        place = identity.place("127.0.0.1", [])
        refused = await identity.store.run(hammer, place, 10_000)
        assert refused == 10_000
        invite = await invited(coordinator)
        async with Browser(coordinator) as browser:
            assert (await browser.sign_up(invite)).status_code == 201


def hammer(database: Database, place: str, times: int) -> int:
    """How many of so many sign-ups are refused."""
    refused = 0
    for _ in range(times):
        try:
            with database.transaction() as connection:
                count_signup(connection, place, now_ms())
        except Refused:
            refused += 1
    return refused


async def test_an_address_in_a_header_is_believed_of_the_operators_proxy_alone(start_coordinator: Start) -> None:
    async with start_coordinator(signup="open") as coordinator:
        identity = coordinator.running.services.identity
        own = identity.place("127.0.0.1", [])
        assert identity.place("127.0.0.1", ["203.0.113.9"]) == own
        identity.proxies = read_networks("127.0.0.1")
        there = identity.place("127.0.0.1", ["203.0.113.9"])
        assert there != own and identity.place("127.0.0.1", ["6.6.6.6, 203.0.113.77"]) == there


async def test_who_has_not_worked_for_it_does_not_sign_up(start_coordinator: Start) -> None:
    async with start_coordinator(signup="open") as coordinator, Browser(coordinator) as browser:
        body = await browser.ask_to_sign_up()
        assert (await browser.post("signup", {**body, "nonce": "lazy"})).status_code == 400
        assert (await browser.post("signup", body)).status_code == 201


# ---- attacks ---------------------------------------------------------------------------------------------------------


async def test_csrf_what_a_cookie_authorises_needs_the_token_and_our_own_page(start_coordinator: Start) -> None:
    async with start_coordinator(signup="open") as coordinator, Browser(coordinator) as browser:
        await browser.sign_up()
        for path in ("account/bonus", "account/keys", "chat/completions"):
            assert (await browser.ask("POST", path, {}, **{"x-csrf-token": "guessed"})).status_code == 403
            assert (await browser.ask("POST", path, {}, origin="https://evil.example")).status_code == 403
            assert (await browser.ask("POST", path, {}, **{"sec-fetch-site": "cross-site"})).status_code == 403
        assert (await browser.http.get("/v1/account")).status_code == 401  # a cookie is nothing there
        assert (await browser.post("signout", **{"x-csrf-token": "guessed"})).status_code == 403
        assert (await browser.post("signin/options", origin="https://evil.example")).status_code == 403
        async with Browser(coordinator) as other:
            await other.sign_up()
            assert (await browser.ask("GET", "account", **{"x-csrf-token": other.csrf})).status_code == 403
        preflight = {"origin": "https://evil.example", "access-control-request-method": "POST"}
        answer = await browser.http.options("/session/v1/account/bonus", headers=preflight)
        assert "access-control-allow-origin" not in answer.headers


async def test_session_fixation_a_session_that_was_planted_is_not_the_one_that_is_entered(
    start_coordinator: Start,
) -> None:
    async with start_coordinator(signup="open") as coordinator:
        async with Browser(coordinator) as attacker, Browser(coordinator) as victim:
            await attacker.sign_up()
            planted = attacker.http.cookies["supernet-session"]
            victim.http.cookies.set("supernet-session", planted, domain="127.0.0.1", path="/")
            await victim.sign_up()
            assert victim.http.cookies["supernet-session"] != planted
            assert (await attacker.ask("GET", "account")).status_code == 401  # it has ended with that


async def test_a_challenge_is_answered_once_in_its_own_browser(start_coordinator: Start) -> None:
    async with start_coordinator(signup="open") as coordinator, Browser(coordinator) as browser:
        await browser.sign_up()
        browser.authenticator.counter = -1  # it counts no signatures, as those that sync: the counter tells nothing
        body = await browser.ask_to_sign_in()
        challenge = browser.http.cookies["supernet-challenge"]
        assert (await browser.post("signin", body)).status_code == 200
        browser.http.cookies.set("supernet-challenge", challenge, domain="127.0.0.1", path="/identity")
        replayed = await browser.post("signin", body)
        assert replayed.status_code == 403 and "answered already" in replayed.text
        async with Browser(coordinator) as thief:
            await thief.post("signin/options")
            assert (await thief.post("signin", await browser.ask_to_sign_in())).status_code == 403


async def test_a_passkey_of_another_site_is_refused(start_coordinator: Start) -> None:
    async with start_coordinator(signup="open") as coordinator, Browser(coordinator) as browser:
        browser.authenticator.origin = "http://localhost.evil.example"
        assert (await browser.post("signup", await browser.ask_to_sign_up())).status_code == 403
        browser.authenticator.origin = browser.origin
        await browser.sign_up()
        browser.authenticator.origin = "http://evil.localhost"
        assert (await browser.sign_in()).status_code == 403


async def test_a_passkey_lets_nobody_into_another_account(start_coordinator: Start) -> None:
    async with start_coordinator(signup="open") as coordinator:
        async with Browser(coordinator) as victim, Browser(coordinator) as attacker:
            await victim.sign_up()
            await attacker.sign_up()
            body = await attacker.ask_to_sign_in()
            body["credential"]["id"] = body["credential"]["rawId"] = (await victim.ask_to_sign_in())["credential"]["id"]
            assert (await attacker.post("signin", body)).status_code == 403
            forged = Authenticator(attacker.origin, id=victim.authenticator.id, user=victim.authenticator.user)
            attacker.authenticator = forged
            assert (await attacker.sign_in()).status_code == 403


async def test_no_name_can_be_tried(start_coordinator: Start) -> None:
    """Nothing that is asked before somebody is in takes a name, and the questions are the same for all."""
    async with start_coordinator(signup="open") as coordinator, Browser(coordinator) as browser:
        first = (await browser.post("signin/options")).json()["options"]
        second = (await browser.post("signin/options")).json()["options"]
        assert first.pop("challenge") != second.pop("challenge") and first == second
        assert first["allowCredentials"] == []
        assert (await browser.post("signin/options", {"account": "test"})).status_code == 400
        stranger = Authenticator(browser.origin, user="YWNjXzE")
        browser.authenticator = stranger
        assert "No account here" in (await browser.sign_in()).text


async def test_token_confusion_each_secret_opens_what_it_was_made_for(start_coordinator: Start) -> None:
    async with start_coordinator(signup="open", invites=3) as coordinator, Browser(coordinator) as browser:
        key = (await browser.sign_up()).json()["key"]
        session = browser.http.cookies["supernet-session"]
        invite = (await browser.ask("POST", "account/invites", {})).json()["code"]
        code = (await browser.ask("POST", "account/recovery-codes")).json()["codes"][0]
        async with httpx.AsyncClient(base_url=coordinator.url) as http:
            for secret in (session, invite, code, browser.csrf):
                headers = {"authorization": f"Bearer {secret}"}
                assert (await http.get("/v1/account", headers=headers)).status_code == 401
            hashed = coordinator.running.services.identity.tokens.hash("session", session)
            assert (await http.get("/v1/account", headers={"x-supernet-session": hashed})).status_code == 401
        async with Browser(coordinator) as thief:
            for secret in (key, invite, code):
                thief.http.cookies.set("supernet-session", secret)
                assert (await thief.ask("GET", "account")).status_code == 401
            thief.http.cookies.clear()
            assert (await thief.post("recover", {"code": invite})).status_code == 403
            assert (await thief.post("signup/options", {"invite": code})).status_code == 403
            sealed = (await browser.ask("POST", "account/passkey-options")).json()["sealed"]
            body = await thief.ask_to_sign_in()
            thief.http.cookies.clear()
            thief.http.cookies.set("supernet-challenge", sealed, path="/identity")
            assert (await thief.post("signin", body)).status_code == 403


async def test_codes_are_tried_a_few_times_a_minute(start_coordinator: Start) -> None:
    async with start_coordinator(signup="open") as coordinator, Browser(coordinator) as browser:
        tries = [await browser.post("recover", {"code": f"{n}"}) for n in range(8)]
        assert [one.status_code for one in tries] == [403] * 6 + [429] * 2
        assert "Rate limit of your range of addresses" in tries[-1].text and "API key" not in tries[-1].text


async def test_a_disabled_account_lets_nobody_in(start_coordinator: Start) -> None:
    async with start_coordinator(signup="open") as coordinator, Browser(coordinator) as browser:
        await browser.sign_up()
        account = (await browser.ask("GET", "account")).json()["id"]
        services = coordinator.running.services
        await services.accounts.change(change_account, account, {"disabled": True}, "me", 1)
        assert (await browser.ask("GET", "account")).status_code == 401
        assert (await browser.sign_in()).status_code == 403
        assert balances_of(coordinator.running.store.database, account)["spark"].available == 0


async def accounts(coordinator: Coordinator) -> list[str]:
    return [row.name for row in await coordinator.running.store.run(list_accounts)]
