"""Passkeys (WebAuthn): what a browser is asked, and whether its answer is good. The library does the cryptography.

Keys are resident: who signs in types no name, so no name can be tried. No attestation is asked for: it would say which
device somebody has, and nothing that is needed.
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, options_to_json_dict
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from wire.errors import ErrorCode, SupernetError

NAME = "Supernet"
ASK_MS = 300_000
# What the library raises besides its own: it reads fields of CBOR before it knows that it has a map.
_MALFORMED = (WebAuthnException, ValueError, LookupError, TypeError)
MOST_ID_BYTES = 1023  # of a credential's id, as the standard says
_ID = re.compile(r"[A-Za-z0-9_-]{1,1364}")  # so many bytes in base64url


@dataclass(frozen=True)
class Passkey:
    """A credential of an account. `id` in base64url; `counter`: of its signatures, as it last said."""

    id: str
    public_key: bytes
    counter: int


def registration(origin: str, challenge: bytes, account: str, name: str, known: list[str]) -> dict[str, Any]:
    """What `navigator.credentials.create` is asked. `known`: credentials of the account, which no device adds twice."""
    options = generate_registration_options(
        rp_id=_host(origin),
        rp_name=NAME,
        user_name=name,
        user_id=account.encode(),
        challenge=challenge,
        timeout=ASK_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=base64url_to_bytes(one)) for one in known],
    )
    return dict(options_to_json_dict(options))


def registered(origin: str, challenge: bytes, credential: dict[str, Any]) -> Passkey:
    """The new credential. Raises permission_denied for one that answers another question, or another site's."""
    try:
        done = verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=_host(origin),
            expected_origin=origin,
            require_user_verification=True,
        )
    except _MALFORMED as error:
        raise _refused(error) from None
    if len(done.credential_id) > MOST_ID_BYTES:
        message = f"The passkey's id has {len(done.credential_id)} bytes: at most {MOST_ID_BYTES} are accepted."
        raise SupernetError(ErrorCode.INVALID_REQUEST, message)
    return Passkey(bytes_to_base64url(done.credential_id), done.credential_public_key, done.sign_count)


def authentication(origin: str, challenge: bytes) -> dict[str, Any]:
    """What `navigator.credentials.get` is asked: any credential that the device has for this site."""
    options = generate_authentication_options(
        rp_id=_host(origin),
        challenge=challenge,
        timeout=ASK_MS,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return dict(options_to_json_dict(options))


def authenticated(origin: str, challenge: bytes, credential: dict[str, Any], known: Passkey) -> int:
    """The credential's new counter. Raises permission_denied unless `known` has signed this challenge at this site."""
    try:
        done = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=_host(origin),
            expected_origin=origin,
            credential_public_key=known.public_key,
            credential_current_sign_count=known.counter,
            require_user_verification=True,
        )
    except _MALFORMED as error:
        raise _refused(error) from None
    return done.new_sign_count


def id_of(credential: dict[str, Any]) -> str | None:
    """The credential's id, as it says itself; None: that is none."""
    name = credential.get("id")
    return name if isinstance(name, str) and _ID.fullmatch(name) else None


def user_of(credential: dict[str, Any]) -> str | None:
    """The account that the credential was made for, as it says itself."""
    try:
        return base64url_to_bytes(credential["response"]["userHandle"]).decode("ascii")
    except (KeyError, TypeError, ValueError):
        return None


def _host(origin: str) -> str:
    return urlsplit(origin).hostname or ""


def _refused(error: Exception) -> SupernetError:
    reason = str(error) if isinstance(error, WebAuthnException) else "it is malformed"
    return SupernetError(ErrorCode.PERMISSION_DENIED, f"The passkey's answer is not accepted: {reason[:200]}")
