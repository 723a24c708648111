"""The table of routes of people: how they come in, and what only they may do."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from coordinator.api.account_links import LinksApi
from coordinator.api.account_people import PeopleApi
from coordinator.api.identity import IdentityApi
from coordinator.api.identity_oidc import OidcApi
from coordinator.api.services import Services

Endpoint = Callable[[Request], Awaitable[Response]]


def people(services: Services) -> list[tuple[str, str, Endpoint]]:
    """How people come in, and what only they may do."""
    coming, account = IdentityApi(services.identity), PeopleApi(services.access, services.identity)
    provider = OidcApi(services.identity)
    links = LinksApi(services.access, provider)
    return [
        ("GET", "/identity", coming.show),
        ("POST", "/identity/signup/options", coming.ask_to_sign_up),
        ("POST", "/identity/signup", coming.sign_up),
        ("POST", "/identity/signin/options", coming.ask_to_sign_in),
        ("POST", "/identity/signin", coming.sign_in),
        ("POST", "/identity/recover", coming.recover),
        ("POST", "/identity/signout", coming.sign_out),
        ("POST", "/identity/provider/start", provider.start),
        ("POST", "/identity/provider/finish", provider.finish),
        ("GET", "/v1/account/links", links.list),
        ("POST", "/v1/account/links", links.start),
        ("DELETE", "/v1/account/links/{link_id}", links.remove),
        ("GET", "/v1/account/passkeys", account.passkeys),
        ("POST", "/v1/account/passkey-options", account.ask_for_passkey),
        ("POST", "/v1/account/passkeys", account.add_passkey),
        ("DELETE", "/v1/account/passkeys/{passkey_id}", account.remove_passkey),
        ("POST", "/v1/account/recovery-codes", account.make_codes),
        ("GET", "/v1/account/invites", account.invites),
        ("POST", "/v1/account/invites", account.make_invite),
        ("DELETE", "/v1/account/invites/{invite_id}", account.revoke_invite),
        ("GET", "/v1/account/export", account.export),
        ("DELETE", "/v1/account", account.delete),
    ]
