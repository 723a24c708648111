"""A token is believed if it is the provider's, for this network, of now and of this attempt."""

import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from joserfc.jws import JWSRegistry

from coordinator.identity.id_token import Forged, UnknownKey, read_keys, subject
from coordinator.identity.tokens import encode
from tests.fakes.oidc_provider import Claims, OidcProvider, new_key

SUPPORTED = ["none", "HS256", "RS256"]  # the provider's list is no reason to take what is not safe


def told(provider: OidcProvider, token: str, supported: object = SUPPORTED) -> str:
    keys = read_keys({"keys": [key.as_dict(private=False) for key in provider.keys]})
    return subject(token, "access", keys, provider.issuer, provider.client, "nonce", supported)


@pytest.fixture
def provider() -> OidcProvider:
    return OidcProvider(issuer="https://login.example")


def with_claims(**changed: Any) -> Callable[[Claims], Claims]:
    return lambda claims: {name: value for name, value in {**claims, **changed}.items() if value is not None}


BAD_CLAIMS = {
    "another audience": with_claims(aud="another"),
    "another audience for us": with_claims(aud="another", azp="supernet"),
    "several audiences, none of them ours": with_claims(aud=["one", "two"], azp="supernet"),
    "several audiences and no azp": with_claims(aud=["supernet", "another"]),
    "for another party": with_claims(azp="another"),
    "another issuer": with_claims(iss="https://evil.example"),
    "two issuers": with_claims(iss=["https://evil.example", "x"]),
    "expired": with_claims(exp=1_000_000_000),
    "expires never": with_claims(exp=float("nan")),
    "no end": with_claims(exp=None),
    "of tomorrow": with_claims(iat=int(time.time()) + 86_400),
    "another nonce": with_claims(nonce="another"),
    "no nonce": with_claims(nonce=None),
    "another access token": with_claims(at_hash="AAAAAAAAAAAAAAAAAAAAAA"),
    "an access token of a number": with_claims(at_hash=7),
    "nobody": with_claims(sub=None),
    "an empty one": with_claims(sub=""),
    "a list of people": with_claims(sub=["ada"]),
    "a line break": with_claims(sub="ada\n"),
    "too long": with_claims(sub="a" * 256),
    "not ASCII": with_claims(sub="adä"),
}


def test_who_the_provider_names_is_known(provider: OidcProvider) -> None:
    token = provider.token("ada", "nonce", "access")
    assert told(provider, token) == told(provider, token, None) == "ada"
    provider.change = with_claims(aud=["supernet", "another"], azp="supernet", at_hash=None)
    assert told(provider, provider.token("ada", "nonce", "access")) == "ada"


@pytest.mark.parametrize("lie", BAD_CLAIMS)
def test_a_token_that_is_not_for_us_now_is_refused(provider: OidcProvider, lie: str) -> None:
    provider.change = BAD_CLAIMS[lie]
    with pytest.raises(Forged):
        told(provider, provider.token("ada", "nonce", "access"))


def unsigned(provider: OidcProvider, claims: Claims) -> str:
    head, body = encode(b'{"alg":"none"}'), provider.signed(claims).split(".")[1]
    return f"{head}.{body}."


def with_public_key(provider: OidcProvider, claims: Claims) -> str:
    """HS256 with what everybody can read: the confusion of a public key with a secret."""
    head = encode(json.dumps({"alg": "HS256", "kid": provider.keys[0].kid}).encode())
    text = f"{head}.{provider.signed(claims).split('.')[1]}"
    secret = provider.keys[0].as_pem(private=False)
    return f"{text}.{encode(hmac.digest(secret, text.encode(), 'sha256'))}"


def with_client_secret(provider: OidcProvider, claims: Claims) -> str:
    registry = JWSRegistry(algorithms=["HS256"])
    key = OctKey.import_key("hush" * 16)
    return jwt.encode({"alg": "HS256", "kid": provider.keys[0].kid}, claims, key, registry=registry)


def with_own_key(provider: OidcProvider, claims: Claims) -> str:
    head = {"alg": "RS256", "kid": provider.keys[0].kid}
    return jwt.encode(head, claims, new_key("eve"), registry=JWSRegistry(algorithms=["RS256"]))


def with_a_key_in_it(provider: OidcProvider, claims: Claims) -> str:
    key = new_key("eve")
    head = {"alg": "RS256", "jwk": key.as_dict(private=False)}
    return jwt.encode(head, claims, key, registry=JWSRegistry(algorithms=["RS256"], strict_check_header=False))


def changed_after(provider: OidcProvider, claims: Claims) -> str:
    head, _, signature = provider.signed(claims).split(".")
    return f"{head}.{provider.signed({**claims, 'sub': 'ada'}).split('.')[1][:-4]}AAAA.{signature}"


FORGERIES = [unsigned, with_public_key, with_client_secret, with_own_key, with_a_key_in_it, changed_after]


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_a_signature_that_is_not_the_providers_is_refused(
    provider: OidcProvider, forge: Callable[[OidcProvider, Claims], str]
) -> None:
    provider.sign = forge
    with pytest.raises(Forged):
        told(provider, provider.token("ada", "nonce", "access"))


def test_a_provider_that_signs_with_nothing_safe_lets_nobody_in(provider: OidcProvider) -> None:
    with pytest.raises(Forged, match="nothing that is accepted"):
        told(provider, provider.token("ada", "nonce", "access"), ["none", "HS256"])


@pytest.mark.parametrize("token", ["", "a.b.c", "a.b.c.d.e", "..", "ä", "a" * 200_000])
def test_what_is_no_token_is_refused(provider: OidcProvider, token: str) -> None:
    with pytest.raises(Forged):
        told(provider, token)


def test_a_key_that_is_not_known_yet_is_told_apart(provider: OidcProvider) -> None:
    provider.sign = lambda one, claims: one.signed(claims, new_key("two"))
    with pytest.raises(UnknownKey):
        told(provider, provider.token("ada", "nonce", "access"))


def test_of_a_key_set_only_safe_keys_for_signatures_are_taken() -> None:
    good = new_key("one").as_dict(private=False)
    odd: list[Any] = [None, 7, {}, {"kty": "RSA"}, {"kty": "oct", "k": "aHVzaA"}, {"kty": "EC", "crv": "P-999"}]
    odd += [{**good, "use": "enc"}, {**good, "n": encode(b"1" * 128)}, {**good, "n": 7}, {**good, "n": "!"}]
    keys = read_keys({"keys": [*odd, good]})
    assert [key.kid for key in keys] == ["one"]
    for none in ({}, {"keys": odd}, {"keys": "x"}, {"keys": [good] * 0}):
        with pytest.raises(Forged, match="no key"):
            read_keys(none)
    assert len(read_keys({"keys": [good] * 1000}).keys) == 64
