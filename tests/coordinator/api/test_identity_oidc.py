"""Signing up and in with an account elsewhere, and what an attacker is refused."""

import asyncio
from pathlib import Path

import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from coordinator.accounts.rows import list_accounts
from coordinator.clock import now_ms
from coordinator.identity.links import links_of
from coordinator.identity.oidc import attempt
from coordinator.identity.rows import A_DAY
from coordinator.store.audit_log import read
from tests.coordinator.api.oidc import settings_file, travelling, with_provider
from tests.coordinator.api.test_identity import accounts, invited
from tests.coordinator.conftest import Coordinator, Start
from tests.fakes.oidc_provider import OidcProvider, answer, standing


async def test_who_signs_up_with_a_provider_has_an_account_a_key_and_a_session(
    start_coordinator: Start, tmp_path: Path
) -> None:
    async with with_provider(start_coordinator, tmp_path) as (coordinator, provider):
        async with travelling(coordinator, provider) as ada:
            told = (await ada.browser.http.get("/identity")).json()
            assert told["providers"] == [{"id": "example", "name": "Example"}]
            joined = await ada.comes("ada", "signup", back="/add-worker")
            assert joined.status_code == 201 and joined.json()["back"] == "/add-worker"
            async with coordinator.http(joined.json()["key"]) as http:
                by_key = (await http.get("/v1/account")).json()
            in_session = (await ada.browser.ask("GET", "account")).json()
            for shown in (by_key, in_session):
                del shown["bonus"]["next_at"]  # now, to the second
            assert in_session == by_key
            await ada.browser.sign_out()
            assert await ada.account() is None
            again = await ada.comes("ada")
            assert again.status_code == 200 and again.json()["key"] is None
            assert await ada.account() == by_key["id"]
            assert (await ada.comes("ada", "signup")).json()["key"] is None  # no second account
            assert await ada.account() == by_key["id"]
            store = coordinator.running.services.identity.store
            (link,) = await store.run(links_of, by_key["id"])
            assert (link.issuer, link.subject) == (provider.issuer, "ada") and link.used_ms
            assert [deed.action for deed in await store.run(read, 10)] == ["link made"]


async def test_somebody_without_a_link_is_told_and_gets_no_account(start_coordinator: Start, tmp_path: Path) -> None:
    async with with_provider(start_coordinator, tmp_path) as (coordinator, provider):
        async with travelling(coordinator, provider) as eve:
            refused = await eve.comes("eve")
            assert refused.status_code == 403 and "No account here is linked" in refused.text
            assert len(await accounts(coordinator)) == 1


@pytest.mark.parametrize("mode", ["off", "invite"])
async def test_signing_up_is_bounded_as_with_passkeys(start_coordinator: Start, tmp_path: Path, mode: str) -> None:
    async with with_provider(start_coordinator, tmp_path, signup=mode) as (coordinator, provider):
        async with travelling(coordinator, provider) as ada:
            assert (await ada.start("signup")).status_code == 403
            invite = await invited(coordinator)
            started = await ada.start("signup", invite=invite)
            if mode == "off":
                assert started.status_code == 403
                return
            assert started.json()["work"] is None
            assert (await ada.finish(ada.said_yes(started.json(), "ada"))).status_code == 201
            assert (await ada.start("signup", invite=invite)).status_code == 403


async def test_an_invite_for_an_account_links_with_it(start_coordinator: Start, tmp_path: Path) -> None:
    async with with_provider(start_coordinator, tmp_path, signup="off") as (coordinator, provider):
        async with travelling(coordinator, provider) as ada:
            invite = await invited(coordinator, coordinator.account)
            joined = await ada.comes("ada", "signup", invite=invite)
            assert joined.status_code == 201 and joined.json()["key"] is None
            assert await ada.account() == coordinator.account


async def test_an_invite_is_used_once_at_once_and_not_by_who_is_here_already(
    start_coordinator: Start, tmp_path: Path
) -> None:
    async with with_provider(start_coordinator, tmp_path) as (coordinator, provider):
        async with travelling(coordinator, provider) as ada, travelling(coordinator, provider) as bob:
            await ada.comes("ada", "signup")
            invite = await invited(coordinator)
            assert (await ada.comes("ada", "signup", invite=invite)).json()["key"] is None
            backs = [await one.there(who, "signup", invite=invite) for one, who in ((ada, "carl"), (bob, "bob"))]
            done = await asyncio.gather(ada.finish(backs[0]), bob.finish(backs[1]))
            assert sorted(one.status_code for one in done) == [201, 403]


async def test_sign_ups_of_a_range_are_counted_and_cost_work(start_coordinator: Start, tmp_path: Path) -> None:
    async with with_provider(start_coordinator, tmp_path) as (coordinator, provider):
        coordinator.running.services.identity.count = lambda *_: None  # type: ignore[method-assign]
        made = []
        for number in range(A_DAY + 2):
            async with travelling(coordinator, provider) as one:
                back = await one.there(f"one{number}", "signup")
                if not number:
                    lazy = await one.finish({**back, "nonce": "0"})
                    assert lazy.status_code == 400 and lazy.json()["error"]["param"] == "nonce"
                made.append((await one.finish(back)).status_code)
        assert made == [201] * A_DAY + [429] * 2


async def test_the_same_person_twice_at_once_has_one_account(start_coordinator: Start, tmp_path: Path) -> None:
    async with with_provider(start_coordinator, tmp_path) as (coordinator, provider):
        async with travelling(coordinator, provider) as one, travelling(coordinator, provider) as other:
            backs = [await one.there("ada", "signup"), await other.there("ada", "signup")]
            done = await asyncio.gather(one.finish(backs[0]), other.finish(backs[1]))
            assert {201} < {answer.status_code for answer in done} <= {200, 201, 400}
            assert len(await accounts(coordinator)) == 2  # the test's own, and one


# ---- attacks ---------------------------------------------------------------------------------------------------------


async def test_a_state_that_was_not_asked_for_or_was_answered_already_is_refused(
    start_coordinator: Start, tmp_path: Path
) -> None:
    async with with_provider(start_coordinator, tmp_path) as (coordinator, provider):
        async with travelling(coordinator, provider) as ada, travelling(coordinator, provider) as eve:
            await ada.comes("ada", "signup")
            back = await ada.there("ada")
            for forged in ({"state": "0" * 64}, {"state": None}, {"state": "ü"}):
                assert (await ada.finish({**back, **forged})).status_code == 403
            cookie = ada.browser.http.cookies["supernet-provider"]
            assert (await ada.finish(back)).status_code == 200
            assert (await ada.finish(back)).status_code == 403  # the cookie is gone
            replayed = {**back, "code": provider_code(provider, coordinator, cookie, "ada")}
            eve.browser.http.cookies.set("supernet-provider", cookie)
            again = await eve.finish(replayed)
            assert again.status_code == 403 and "answered already" in again.text


def provider_code(provider: OidcProvider, coordinator: Coordinator, cookie: str, subject: str) -> str:
    """A new code for what was asked of the provider already: as whoever has the cookie, and comes by one, has it."""
    identity = coordinator.running.services.identity
    kept = identity.tokens.open("provider", cookie, now_ms())
    assert kept is not None
    made = attempt(identity.tokens, kept["challenge"])
    asked = {
        "nonce": made.nonce,
        "code_challenge": create_s256_code_challenge(made.verifier),
        "redirect_uri": f"{identity.origin}/account/provider/example",
    }
    code = f"code{len(provider.codes)} again"
    provider.codes[code] = (subject, asked)
    return code


async def test_login_csrf_the_answer_that_another_browser_asked_for_is_refused(
    start_coordinator: Start, tmp_path: Path
) -> None:
    """The attacker's own answer, sent by the victim's browser, would sign the victim in as the attacker."""
    async with with_provider(start_coordinator, tmp_path) as (coordinator, provider):
        async with travelling(coordinator, provider) as eve, travelling(coordinator, provider) as ada:
            await eve.comes("eve", "signup")
            back = await eve.there("eve")
            assert (await ada.finish(back)).status_code == 403
            await ada.start()
            assert (await ada.finish(back)).status_code == 403
            for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
                assert (await eve.browser.post("provider/finish", back, **headers)).status_code == 403
                assert (await eve.browser.post("provider/start", {"provider": "example"}, **headers)).status_code == 403


async def test_code_injection_another_ones_code_is_of_no_use(start_coordinator: Start, tmp_path: Path) -> None:
    """PKCE: the provider gives tokens for a code to the browser's own verifier alone."""
    async with with_provider(start_coordinator, tmp_path) as (coordinator, provider):
        async with travelling(coordinator, provider) as ada, travelling(coordinator, provider) as eve:
            await ada.comes("ada", "signup")
            stolen = await ada.there("ada")
            own = await eve.there("eve")
            refused = await eve.finish({**own, "code": stolen["code"]})
            assert refused.status_code == 403 and "another one's" in refused.text


async def test_session_fixation_who_comes_back_has_a_new_session(start_coordinator: Start, tmp_path: Path) -> None:
    async with with_provider(start_coordinator, tmp_path) as (coordinator, provider):
        async with travelling(coordinator, provider) as ada:
            await ada.comes("ada", "signup")
            planted = ada.browser.http.cookies["supernet-session"]
            await ada.comes("ada")
            assert ada.browser.http.cookies["supernet-session"] != planted
            ada.browser.http.cookies.clear()
            ada.browser.http.cookies.set("supernet-session", planted)
            assert await ada.account() is None


async def test_what_the_browser_keeps_on_the_way_is_hidden_and_says_no_secret(
    start_coordinator: Start, tmp_path: Path
) -> None:
    async with with_provider(start_coordinator, tmp_path) as (coordinator, provider):
        async with travelling(coordinator, provider) as ada:
            started = await ada.start()
            kept = started.headers["set-cookie"]
            assert "HttpOnly" in kept and "SameSite=strict" in kept and "Path=/;" in kept and "Domain" not in kept
            assert (
                "verifier" not in started.text and ada.provider.allow(started.json()["url"], "ada")["state"] not in kept
            )


async def test_a_token_of_another_audience_lets_nobody_in(start_coordinator: Start, tmp_path: Path) -> None:
    """One lie from end to end; tests/coordinator/identity/test_id_token.py has all others."""
    async with with_provider(start_coordinator, tmp_path) as (coordinator, provider):
        async with travelling(coordinator, provider) as ada:
            await ada.comes("ada", "signup")
            await ada.browser.sign_out()
            provider.change = lambda claims: {**claims, "aud": "another", "azp": "supernet"}
            refused = await ada.comes("ada")
            assert refused.status_code == 403 and "not for this network, or not of now" in refused.text
            assert await ada.account() is None


async def test_mix_up_the_answer_of_one_provider_is_not_anothers(start_coordinator: Start, tmp_path: Path) -> None:
    async with standing(OidcProvider()) as honest, standing(OidcProvider()) as evil:
        evil.metadata = {"authorization_response_iss_parameter_supported": False}
        file = settings_file(tmp_path, honest=honest, evil=evil)
        async with start_coordinator(signup="open", oidc=file) as coordinator:
            async with travelling(coordinator, honest, "honest") as ada, travelling(coordinator, evil, "evil") as trap:
                await ada.comes("ada", "signup")
                trap.browser = ada.browser
                started = (await trap.start()).json()  # the browser is on the way to `evil`, which sends it to `honest`
                sent_on = honest.allow(started["url"], "ada")
                for back in (
                    {"provider": "honest", **sent_on},  # where `honest` sends back to
                    {"provider": "evil", **sent_on},  # were it to send back to the other address
                ):
                    refused = await ada.finish(back)
                    assert refused.status_code == 403 and "another provider" in refused.text
                assert "/token" not in evil.asked  # which would have had a code of `honest`


async def test_without_an_issuer_the_answer_is_taken_of_a_provider_that_names_none(
    start_coordinator: Start, tmp_path: Path
) -> None:
    async with with_provider(start_coordinator, tmp_path) as (coordinator, provider):
        async with travelling(coordinator, provider) as ada:
            back = await ada.there("ada", "signup")
            missing = await ada.finish({**back, "iss": None})
            assert missing.status_code == 403  # its document says that it names itself
    async with with_provider(start_coordinator, tmp_path) as (coordinator, provider):
        provider.metadata = {"authorization_response_iss_parameter_supported": False}
        async with travelling(coordinator, provider) as ada:
            back = await ada.there("ada", "signup")
            assert (await ada.finish({**back, "iss": None})).status_code == 201


BACKS = ["https://evil.example", "//evil.example", "/\\evil.example", "/..", "/account?x", "account", "/a//b", "/a\n"]


async def test_open_redirect_nobody_is_sent_to_another_site(start_coordinator: Start, tmp_path: Path) -> None:
    async with with_provider(start_coordinator, tmp_path) as (coordinator, provider):
        async with travelling(coordinator, provider) as ada:
            for back in BACKS:
                assert (await ada.start(back=back)).status_code == 400, back
            assert (await ada.start(back="/workers/0123456789ab")).status_code == 200


async def test_who_says_no_at_the_provider_is_told_so(start_coordinator: Start, tmp_path: Path) -> None:
    async with with_provider(start_coordinator, tmp_path) as (coordinator, provider):
        async with travelling(coordinator, provider) as ada:
            back = await ada.there("ada", "signup")
            no = {name: back[name] for name in ("provider", "state", "iss")}
            refused = await ada.finish({**no, "error": "access_denied"})
            assert refused.status_code == 403 and "You did not let Example" in refused.text
            odd = await ada.finish({**no, "error": "<b>evil\nline</b>"})
            assert odd.json()["error"]["message"] == "Example did not let you in: bevillineb."
            assert (await ada.finish({**no, "nonce": back["nonce"]})).status_code == 403  # neither a code nor an error


# ---- a provider that is not well -------------------------------------------------------------------------------------


async def test_a_provider_that_is_not_well_is_a_503_in_plain_words_and_the_other_ways_are_open(
    start_coordinator: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with with_provider(start_coordinator, tmp_path) as (coordinator, provider):
        async with travelling(coordinator, provider) as ada:
            back = await ada.there("ada", "signup")
            provider.raw["/token"] = answer(500, {"error": "server_error\nforged line"})
            refused = await ada.finish(back)
            assert refused.status_code == 503 and "retry-after" in refused.headers
            assert "Example does not answer as it should" in refused.text
            assert (await ada.browser.sign_up()).status_code == 201
    assert not [record for record in caplog.records if "\n" in record.getMessage()]


async def test_a_provider_that_is_gone_hangs_nobody(start_coordinator: Start, tmp_path: Path) -> None:
    file = settings_file(tmp_path, gone=OidcProvider(issuer="http://127.0.0.1:9"))
    async with start_coordinator(oidc=file) as coordinator, travelling(coordinator, OidcProvider(), "gone") as ada:
        done = await asyncio.gather(*(ada.start() for _ in range(5)))
        assert {one.status_code for one in done} == {503}


async def test_nobody_comes_in_where_no_provider_is_named(start_coordinator: Start) -> None:
    async with start_coordinator(signup="open") as coordinator:
        async with travelling(coordinator, OidcProvider()) as ada:
            assert (await ada.start()).status_code == 400
            assert (await ada.finish({"provider": "example"})).status_code == 400
        assert len(await coordinator.running.services.identity.store.run(list_accounts)) == 1
