"""Secrets: none is taken for another."""

from coordinator.identity.tokens import Tokens, decode, encode, plain_code, recovery_code

TOKENS = Tokens(b"p" * 32)


def test_bytes_come_back_from_base64url() -> None:
    for size in range(40):
        assert decode(encode(bytes(range(size)))) == bytes(range(size))


def test_a_token_is_genuine_for_its_kind_and_its_pepper_alone() -> None:
    token = TOKENS.signed("session", b"x" * 32)
    assert TOKENS.genuine("session", token)
    assert not TOKENS.genuine("invite", token)
    assert not Tokens(b"q" * 32).genuine("session", token)
    for forged in (token[:-1], token + "a", "", ".", "é.é", token.partition(".")[0]):
        assert not TOKENS.genuine("session", forged)


def test_one_text_has_another_hash_for_each_kind() -> None:
    assert len({TOKENS.hash(kind, "same") for kind in ("session", "invite", "recovery", "challenge", "place")}) == 5


def test_what_is_sealed_is_opened_until_its_time_is_over_and_unchanged_alone() -> None:
    sealed = TOKENS.seal("signup", {"account": "acc_1"}, 1000)
    assert TOKENS.open("signup", sealed, 999) == {"account": "acc_1", "expires_ms": 1000}
    assert TOKENS.open("signup", sealed, 1000) is None
    assert TOKENS.open("signin", sealed, 999) is None
    body, _, signature = sealed.partition(".")
    other = encode(decode(body).replace(b"acc_1", b"acc_2"))
    assert TOKENS.open("signup", f"{other}.{signature}", 999) is None


def test_a_code_is_read_as_people_write_it() -> None:
    code = recovery_code(bytes(range(10)))
    assert len(code) == 19 and plain_code(f" {code.upper().replace('-', ' ')} ") == plain_code(code)


def test_the_token_of_a_page_is_of_one_session() -> None:
    assert TOKENS.csrf("one") != TOKENS.csrf("other") and TOKENS.csrf("one") == TOKENS.csrf("one")
