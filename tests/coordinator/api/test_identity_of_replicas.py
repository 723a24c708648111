"""Signing up at one replica and in at another: challenges and sessions are every replica's."""

from tests.coordinator.api.browser import Browser
from tests.coordinator.replicas import Replicas, start_replica

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
