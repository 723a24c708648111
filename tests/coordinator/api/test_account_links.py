"""Accounts elsewhere as further ways into one's own here: made and removed by who is signed in."""

from pathlib import Path

from coordinator.identity.links import links_of
from tests.coordinator.api.oidc import travelling, with_provider
from tests.coordinator.api.test_identity import invited
from tests.coordinator.conftest import Start


async def test_a_link_is_another_way_into_an_account_and_the_last_way_stays(
    start_coordinator: Start, tmp_path: Path
) -> None:
    async with with_provider(start_coordinator, tmp_path) as (coordinator, provider):
        async with travelling(coordinator, provider) as ada:
            await ada.browser.sign_up()
            account = await ada.account()
            assert (await ada.links("ada")).status_code == 201
            again = await ada.links("ada")
            assert again.status_code == 400 and "your account already" in again.text
            await ada.browser.sign_out()
            await ada.comes("ada")
            assert await ada.account() == account
            (passkey,) = (await ada.browser.ask("GET", "account/passkeys")).json()["data"]
            assert (await ada.browser.ask("DELETE", f"account/passkeys/{passkey['id']}")).status_code == 200
            (link,) = (await ada.browser.ask("GET", "account/links")).json()["data"]
            only = await ada.browser.ask("DELETE", f"account/links/{link['id']}")
            assert only.status_code == 400 and "only way in" in only.text
            assert (await ada.browser.ask("DELETE", "account/links/link_none")).status_code == 404
            assert (await ada.links("ada's other one")).status_code == 201
            assert (await ada.browser.ask("DELETE", f"account/links/{link['id']}")).status_code == 200
            await ada.browser.sign_out()
            assert (await ada.comes("ada")).status_code == 403


async def test_what_is_linked_elsewhere_is_linked_nowhere_else(start_coordinator: Start, tmp_path: Path) -> None:
    async with with_provider(start_coordinator, tmp_path) as (coordinator, provider):
        async with travelling(coordinator, provider) as ada, travelling(coordinator, provider) as eve:
            await ada.comes("ada", "signup")
            await eve.browser.sign_up()
            refused = await eve.links("ada")
            assert refused.status_code == 400 and "another account" in refused.text
            invite = await invited(coordinator, await eve.account())
            assert (await ada.comes("ada", "signup", invite=invite)).status_code == 400


async def test_only_the_session_that_wanted_a_link_gets_it(start_coordinator: Start, tmp_path: Path) -> None:
    """Else whoever makes somebody's browser come back would have a way into their account."""
    async with with_provider(start_coordinator, tmp_path) as (coordinator, provider):
        async with travelling(coordinator, provider) as ada:
            await ada.browser.sign_up()
            told = (await ada.browser.ask("POST", "account/links", {"provider": "example"})).json()
            back = ada.said_yes(told, "eve")
            token, ada.browser.csrf = ada.browser.csrf, "wrong"
            assert (await ada.finish(back)).status_code == 403
            ada.browser.csrf = token
            await ada.browser.sign_out()
            await ada.browser.sign_in()
            assert (await ada.finish(back)).status_code == 403
            assert (await ada.browser.ask("GET", "account/links")).json()["data"] == []
        async with coordinator.http() as http:
            assert (await http.get("/v1/account/links")).status_code == 403


async def test_links_are_changed_a_few_times_an_hour(start_coordinator: Start, tmp_path: Path) -> None:
    async with with_provider(start_coordinator, tmp_path) as (coordinator, provider):
        async with travelling(coordinator, provider) as ada:
            await ada.browser.sign_up()
            tried = [(await ada.browser.ask("DELETE", "account/links/x")).status_code for _ in range(11)]
            assert tried == [404] * 10 + [429]


async def test_export_and_deletion_know_the_links(start_coordinator: Start, tmp_path: Path) -> None:
    async with with_provider(start_coordinator, tmp_path) as (coordinator, provider):
        async with travelling(coordinator, provider) as ada:
            await ada.comes("ada", "signup")
            (link,) = (await ada.browser.ask("GET", "account/export")).json()["links"]
            assert (link["issuer"], link["subject"]) == (provider.issuer, "ada")
            account = await ada.account()
            assert account is not None
            assert (await ada.browser.ask("DELETE", "account")).status_code == 200
            store = coordinator.running.services.identity.store
            assert await store.run(links_of, account) == []
            assert (await ada.comes("ada")).status_code == 403
            assert (await ada.comes("ada", "signup")).status_code == 201  # a new one
            assert await ada.account() != account
