"""Signing up at one replica and in at another: challenges and sessions are every replica's."""

from pathlib import Path

from tests.coordinator.api.browser import Browser
from tests.coordinator.api.oidc import settings_file, travelling
from tests.coordinator.replicas import Replicas, start_replica
from tests.fakes.oidc_provider import OidcProvider, standing

__all__ = ["start_replica"]  # a fixture


async def test_what_one_replica_asks_another_may_be_answered_and_a_session_holds_at_once(
    start_replica: Replicas,
) -> None:
    shared = {"signup": "open", "public_url": None}
    async with start_replica(**shared) as first, start_replica(**shared) as second:
        one, other = first.running.services.identity, second.running.services.identity
        other.origin = one.origin
        async with Browser(first) as browser:
            body = await browser.ask_to_sign_up()
            browser.http.base_url = second.url
            signed_up = await browser.post("signup", body)
            assert signed_up.status_code == 201
            browser.csrf = signed_up.json()["csrf_token"]
            browser.http.base_url = first.url
            assert (await browser.ask("GET", "account")).status_code == 200
            assert (await browser.sign_out()).status_code == 200
            browser.http.base_url = second.url
            replayed = await browser.post("signup", body)
            assert replayed.status_code == 403


async def test_who_leaves_one_replica_for_a_provider_may_come_back_to_another_and_comes_once(
    start_replica: Replicas, tmp_path: Path
) -> None:
    async with standing(OidcProvider()) as provider:
        shared = {"signup": "open", "public_url": None, "oidc": settings_file(tmp_path, example=provider)}
        async with start_replica(**shared) as first, start_replica(**shared) as second:
            second.running.services.identity.origin = first.running.services.identity.origin
            async with travelling(first, provider) as ada:
                back = await ada.there("ada", "signup")
                cookie = ada.browser.http.cookies["supernet-provider"]
                ada.browser.http.base_url = second.url
                assert (await ada.finish(back)).status_code == 201
                ada.browser.http.base_url = first.url
                account = await ada.account()
                assert account and (await ada.comes("ada")).status_code == 200
                assert await ada.account() == account
                ada.browser.http.cookies.set("supernet-provider", cookie)
                assert (await ada.finish(back)).status_code == 403
