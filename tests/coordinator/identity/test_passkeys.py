"""Passkeys: what is asked, and which answers are good; tests/coordinator/api/test_identity.py attacks the whole."""

from typing import Any

import cbor2
import pytest

from coordinator.identity.passkeys import authenticated, authentication, id_of, registered, registration, user_of
from coordinator.identity.tokens import decode, encode
from tests.fakes.authenticator import Authenticator
from wire.errors import ErrorCode, SupernetError

ORIGIN, CHALLENGE = "http://localhost:8080", b"c" * 32


def test_a_passkey_is_made_and_signs() -> None:
    device = Authenticator(ORIGIN)
    made = registered(ORIGIN, CHALLENGE, device.create(registration(ORIGIN, CHALLENGE, "acc_1", "me", [])))
    answer = device.get(authentication(ORIGIN, b"d" * 32))
    assert authenticated(ORIGIN, b"d" * 32, answer, made) == 1
    assert user_of(answer) == "acc_1" and user_of({}) is None


def test_the_key_is_resident_and_known_devices_are_left_out() -> None:
    asked = registration(ORIGIN, CHALLENGE, "acc_1", "me", ["AAAA"])
    assert asked["authenticatorSelection"]["residentKey"] == "required"
    assert [one["id"] for one in asked["excludeCredentials"]] == ["AAAA"]
    assert authentication(ORIGIN, CHALLENGE)["allowCredentials"] == []


@pytest.mark.parametrize(
    "credential", [{}, {"id": 5}, {"id": "AA", "rawId": "AA", "type": "public-key", "response": 1}]
)
def test_what_is_no_answer_is_refused(credential: dict[str, object]) -> None:
    with pytest.raises(SupernetError) as refused:
        registered(ORIGIN, CHALLENGE, credential)
    assert refused.value.code is ErrorCode.PERMISSION_DENIED


@pytest.mark.parametrize("cose", [[], [1], "", "text", 5, None, {}, {1: []}])
def test_a_public_key_that_is_none_is_refused(cose: Any) -> None:
    """Before, a list or a text in its place was an internal error."""
    device = Authenticator(ORIGIN)
    made = device.create(registration(ORIGIN, CHALLENGE, "acc_1", "me", []))
    attested = cbor2.loads(decode(made["response"]["attestationObject"]))
    kept = attested["authData"][: 37 + 16 + 2 + len(device.id)]
    made["response"]["attestationObject"] = encode(cbor2.dumps({**attested, "authData": kept + cbor2.dumps(cose)}))
    with pytest.raises(SupernetError) as refused:
        registered(ORIGIN, CHALLENGE, made)
    assert refused.value.code is ErrorCode.PERMISSION_DENIED


def test_an_id_is_as_long_as_the_standard_allows_and_in_base64url() -> None:
    device = Authenticator(ORIGIN, id=b"i" * 1023)
    answer = device.create(registration(ORIGIN, CHALLENGE, "acc_1", "me", []))
    assert registered(ORIGIN, CHALLENGE, answer).id == id_of(answer)
    device.id = b"i" * 1024
    with pytest.raises(SupernetError, match="1023") as refused:
        registered(ORIGIN, CHALLENGE, device.create(registration(ORIGIN, CHALLENGE, "acc_1", "me", [])))
    assert refused.value.code is ErrorCode.INVALID_REQUEST
    for name in (None, 5, "", "a\0", "é", "a" * 1365):
        assert id_of({"id": name}) is None
