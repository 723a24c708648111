"""The paths of what only a person does, signed in: the dashboard asks them below `/session`, in a browser's session."""

from collections.abc import Callable
from typing import Any

from coordinator.api.account_people import NOTE_CHARS, SEALED_CHARS
from coordinator.api.coming_in import TEXT_CHARS
from coordinator.api.identity_oidc import PATH_CHARS
from tools.openapi.answers import COUNT, TEXT, listed, thing

Schema = dict[str, Any]
Do = Callable[..., Schema]

_WHEN: Schema = {"type": ["integer", "null"], "description": "Unix seconds."}
_PASSKEY = {"object": {"const": "account.passkey"}, "id": TEXT, "name": TEXT}
PASSKEY_REQUEST: Schema = {
    "type": "object",
    "properties": {
        "credential": {"type": "object", "description": "As the browser's authenticator made it (WebAuthn)."},
        "sealed": {"type": "string", "maxLength": SEALED_CHARS, "description": "What came with the options."},
        "name": {"type": ["string", "null"], "minLength": 1, "maxLength": NOTE_CHARS},
    },
    "required": ["credential", "sealed"],
    "additionalProperties": False,
}
LINK_REQUEST: Schema = {
    "type": "object",
    "properties": {
        "provider": {"type": "string", "maxLength": TEXT_CHARS, "description": "An id of `providers`."},
        "back": {"type": ["string", "null"], "maxLength": PATH_CHARS, "description": "The page to go on with."},
    },
    "required": ["provider"],
    "additionalProperties": False,
}
INVITE_REQUEST: Schema = {
    "type": "object",
    "properties": {"note": {"type": ["string", "null"], "maxLength": NOTE_CHARS}},
    "additionalProperties": False,
}


def paths(do: Do) -> Schema:
    """`do`: as for money.paths. With a key each of them is a 403."""
    invite = {"object": {"const": "account.invite"}, "id": TEXT, "note": TEXT}
    passkeys = thing({"object": {"const": "list"}, "data": listed(thing(_PASSKEY)), "recovery_codes": COUNT})
    invites = thing({"object": {"const": "list"}, "data": listed(thing(invite)), "left": COUNT})
    codes = thing({"object": {"const": "account.recovery_codes"}, "codes": listed(TEXT)})

    return {
        "/v1/account/passkeys": {
            **do("get", "The passkeys of the account.", passkeys, 200, 429),
            **do("post", "Add a passkey.", thing(_PASSKEY), 201, 400, 413, 429, body="PasskeyRequest"),
        },
        "/v1/account/passkey-options": do(
            "post",
            "What the authenticator is asked for one more.",
            thing({"options": {"type": "object"}, "sealed": TEXT}),
            200,
            429,
        ),
        "/v1/account/passkeys/{passkey_id}": _one(
            "passkey_id",
            do("delete", "Take a passkey away; all other sessions end.", _gone("passkey"), 200, 400, 404, 429),
        ),
        **_links(do),
        "/v1/account/recovery-codes": do("post", "New recovery codes; they are shown once.", codes, 201, 429),
        "/v1/account/invites": {
            **do("get", "The invites that the account has made.", invites, 200, 429),
            **do(
                "post",
                "Make an invite; it is shown once.",
                thing({**invite, "code": TEXT, "link": TEXT}),
                201,
                400,
                413,
                429,
                body="InviteRequest",
            ),
        },
        "/v1/account/invites/{invite_id}": _one(
            "invite_id", do("delete", "Revoke an invite.", _gone("invite"), 200, 400, 404, 429)
        ),
        "/v1/account/export": do(
            "get",
            "All that is stored of the account, as a stream; of the lists in `at_most` the latest.",
            {"type": "object"},
            200,
            429,
        ),
    }


def _links(do: Do) -> Schema:
    provider = thing({"id": TEXT, "name": TEXT})
    link = {"object": {"const": "account.link"}, "id": TEXT, "issuer": TEXT, "name": TEXT}
    links = thing({"object": {"const": "list"}, "data": listed(thing(link)), "providers": listed(provider)})
    return {
        "/v1/account/links": {
            **do("get", "The accounts elsewhere that let you in here.", links, 200, 429),
            **do(
                "post",
                "Where the browser goes to link one more.",
                thing({"object": {"const": "identity.provider"}, "url": TEXT}),
                200,
                400,
                413,
                429,
                503,
                body="LinkRequest",
            ),
        },
        "/v1/account/links/{link_id}": _one(
            "link_id", do("delete", "Take a link away; all other sessions end.", _gone("link"), 200, 400, 404, 429)
        ),
    }


def _gone(what: str) -> Schema:
    return thing({"object": {"const": f"account.{what}.deleted"}, "id": TEXT, "deleted": {"const": True}})


def _one(name: str, operation: Schema) -> Schema:
    parameter = {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    return {"parameters": [parameter], **operation}
