"""A provider is asked what is needed, as seldom as it can be, and a provider that is not well ends in words."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import pytest

from coordinator.identity.fetching import Fetcher
from coordinator.identity.oidc import AGAIN_S, FAILED_S, KEPT_S, Answer, Provider, attempt
from coordinator.identity.providers import ProviderSettings
from coordinator.identity.tokens import Tokens
from tests.fakes.oidc_provider import OidcProvider, answer, new_key, standing
from wire.errors import ErrorCode, SupernetError

HERE = "http://localhost/account/provider/example"
DOCUMENT, TOKEN, KEYS = PATHS = ("/.well-known/openid-configuration", "/token", "/jwks")
MADE = attempt(Tokens(b"pepper"), "seed")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def known(provider: OidcProvider, clock: Clock | None = None, whole_s: float = 30.0, secret: str = "hush") -> Provider:
    settings = ProviderSettings("example", "Example", provider.issuer, provider.client, secret)
    return Provider(settings, Fetcher(whole_s), clock or Clock())


async def who(one: Provider, provider: OidcProvider, subject: str = "ada") -> str:
    back = provider.allow(await one.authorization_url(HERE, MADE), subject)
    return await one.subject(HERE, MADE, Answer(back["state"], back["code"], back["iss"]))


async def test_the_browser_is_sent_with_state_nonce_and_a_challenge() -> None:
    async with standing(OidcProvider()) as provider:
        asked = parse_qs(urlsplit(await known(provider).authorization_url(HERE, MADE)).query)
        assert asked["state"] == [MADE.state] and asked["nonce"] == [MADE.nonce] and asked["scope"] == ["openid"]
        assert asked["redirect_uri"] == [HERE] and MADE.verifier not in str(asked)
        assert len({MADE.state, MADE.nonce, MADE.verifier}) == 3 and 43 <= len(MADE.verifier) <= 128


@pytest.mark.parametrize("methods", [None, ["client_secret_basic"], ["client_secret_post"]])
async def test_the_network_shows_its_secret_as_the_provider_wants_it(methods: list[str] | None) -> None:
    async with standing(OidcProvider()) as provider:
        provider.metadata = {"token_endpoint_auth_methods_supported": methods}
        assert await who(known(provider), provider) == "ada"
        posted = methods == ["client_secret_post"]
        assert ("client_secret=hush" in provider.heard) == posted
        assert ("Basic c3VwZXJuZXQ6aHVzaA==" in provider.heard) != posted
        assert await who(known(provider, secret=""), provider) == "ada"
        assert "hush" not in provider.heard and "client_id=supernet" in provider.heard


async def test_what_a_provider_says_of_itself_is_asked_once_an_hour() -> None:
    clock = Clock()
    async with standing(OidcProvider()) as provider:
        one = known(provider, clock)
        for _ in range(3):
            await who(one, provider)
        assert provider.asked == {DOCUMENT: 1, TOKEN: 3, KEYS: 1}
        clock.now += KEPT_S
        await who(one, provider)
        assert provider.asked == {DOCUMENT: 2, TOKEN: 4, KEYS: 2}


async def test_a_new_key_is_looked_for_at_a_bounded_rate() -> None:
    clock = Clock()
    async with standing(OidcProvider()) as provider:
        one = known(provider, clock)
        await who(one, provider)
        provider.keys = [new_key("two")]
        for _ in range(3):
            with pytest.raises(SupernetError) as refused:
                await who(one, provider)
            assert refused.value.code is ErrorCode.PERMISSION_DENIED
        assert provider.asked[KEYS] == 1
        clock.now += AGAIN_S
        assert await who(one, provider) == "ada"
        provider.sign = lambda _, claims: provider.signed(claims, new_key("three"))
        for _ in range(3):
            with pytest.raises(SupernetError):
                await who(one, provider)
        assert provider.asked[KEYS] == 2


ILL: dict[str, bytes] = {
    "enormous": b"HTTP/1.1 200 X\r\n\r\n" + b'{"keys": "' + b"a" * 1_000_000 + b'"}',
    "no JSON": b"HTTP/1.1 200 X\r\n\r\n<html>",
    "no object": b"HTTP/1.1 200 X\r\n\r\n[1]",
    "deep": b"HTTP/1.1 200 X\r\n\r\n" + b"[" * 100_000,
    "no HTTP": b"SSH-2.0\r\n\r\n",
    "an error": answer(500, {"error": "server_error"}),
    "gzip": b"HTTP/1.1 200 X\r\ncontent-encoding: gzip\r\n\r\n\x1f\x8b",
    "a redirect": b"HTTP/1.1 302 X\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("ill", ILL)
async def test_a_provider_that_is_not_well_is_told_in_plain_words(path: str, ill: str) -> None:
    async with standing(OidcProvider(raw={path: ILL[ill]})) as provider:
        with pytest.raises(SupernetError, match="Example does not answer as it should") as refused:
            await who(known(provider), provider)
        assert refused.value.code is ErrorCode.OVERLOADED and refused.value.retry_after_s


async def test_a_slow_provider_hangs_nobody_and_is_not_asked_again_at_once() -> None:
    clock = Clock()
    async with standing(OidcProvider(delay_s=3600)) as provider:
        one = known(provider, clock, whole_s=1)
        done = await asyncio.gather(*(one.authorization_url(HERE, MADE) for _ in range(20)), return_exceptions=True)
        assert all(isinstance(error, SupernetError) for error in done)
        assert provider.asked == {DOCUMENT: 1}
        provider.delay_s, clock.now = 0, FAILED_S
        one._fetcher.whole_s = 30
        assert await who(one, provider) == "ada"


ELSEWHERE = ["http://192.0.2.1/token", "ftp://127.0.0.1/x", "https://a@b/", "/token", "http://evil.example/", 7, None]


@pytest.mark.parametrize("address", ELSEWHERE)
@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
async def test_a_document_leads_to_https_alone(name: str, address: object) -> None:
    async with standing(OidcProvider(metadata={name: address})) as provider:
        with pytest.raises(SupernetError):
            await known(provider).authorization_url(HERE, MADE)
        assert set(provider.asked) == {DOCUMENT}


async def test_a_document_of_another_issuer_is_not_believed() -> None:
    async with standing(OidcProvider(metadata={"issuer": "https://evil.example"})) as provider:
        with pytest.raises(SupernetError):
            await known(provider).authorization_url(HERE, MADE)


async def test_an_answer_that_was_not_asked_for_costs_the_provider_nothing() -> None:
    async with standing(OidcProvider()) as provider:
        for given in (Answer(""), Answer("ü", "code"), Answer(MADE.nonce, "code")):
            with pytest.raises(SupernetError, match="another browser"):
                await known(provider).subject(HERE, MADE, given)
        assert provider.asked == {}
