"""What a provider says of who has come: an ID token, checked by the library, and the keys that it is checked with.

Only signatures that the provider alone can make are accepted: none, and those that are made with a shared secret
(HS256), are not, whatever a token or the provider's own list says.
"""

from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import JWKRegistry, KeySet
from joserfc.jws import JWSRegistry

from coordinator.identity.tokens import decode

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
LEEWAY_S = 60  # between the provider's clock and ours
MOST_KEYS = 64
RSA_BYTES = (256, 1024)  # of a modulus: 2048 bits are safe, more than 8192 are slow
SUBJECT_CHARS = 255  # as the standard says
# What the libraries raise besides their own: they look into values before they know what they are.
_MALFORMED = (JoseError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError)


class UnknownKey(Exception):
    """The token names a key that is not among those given: the provider may have a new one."""


class Forged(Exception):
    """The token is not what the provider says to this network, now, of who has come; the text says why."""


def read_keys(told: dict[str, Any]) -> KeySet:
    """The keys for signatures in a JWK set; what is none is left out. Raises Forged where none is left."""
    given = told.get("keys")
    found = [key for one in (given if isinstance(given, list) else [])[:MOST_KEYS] if (key := _key(one)) is not None]
    if not found:
        raise Forged("the provider shows no key for signatures")
    return KeySet(found)


def subject(
    id_token: str, access_token: str, keys: KeySet, issuer: str, client: str, nonce: str, supported: object
) -> str:
    """Who has come, as the issuer names them. `supported`: the algorithms that the issuer says it signs with, if it
    does. Raises UnknownKey, Forged."""
    listed = supported if isinstance(supported, list) else ALGORITHMS
    allowed = [name for name in ALGORITHMS if name in listed]
    if not allowed:
        raise Forged("the provider signs with nothing that is accepted here")
    try:
        token = jwt.decode(id_token, keys, registry=JWSRegistry(algorithms=allowed, strict_check_header=False))
        wanted: dict[str, Any] = {"iss": {"essential": True, "value": issuer}}
        wanted |= {"aud": {"essential": True, "value": client}, "sub": {"essential": True}}
        given = {"nonce": nonce, "client_id": client, "access_token": access_token}
        claims = CodeIDToken(token.claims, token.header, wanted, given)
        claims.validate(leeway=LEEWAY_S)
    except InvalidKeyIdError:
        raise UnknownKey from None
    except _MALFORMED as error:
        raise Forged(str(error) if isinstance(error, JoseError) else "it is malformed") from None
    who: str = claims["sub"]
    if not who.isascii() or not who.isprintable() or len(who) > SUBJECT_CHARS:
        raise Forged("its subject is none")
    return who


def _key(told: Any) -> Any:
    """A public key for signatures; None: that is none, or a weak one."""
    if not isinstance(told, dict) or told.get("kty") not in ("RSA", "EC") or told.get("use", "sig") != "sig":
        return None
    try:
        if told["kty"] == "RSA" and not RSA_BYTES[0] <= len(decode(told["n"])) <= RSA_BYTES[1]:
            return None
        return JWKRegistry.import_key(told)
    except _MALFORMED:
        return None
