import pytest
from nacl.exceptions import CryptoError

from coordinator.admission.seals import Seals

SEALS, TEXT = Seals(b"p" * 32), b"what the client was told " * 9


def test_only_the_key_itself_opens_an_answer_and_only_under_the_pepper() -> None:
    sealed = SEALS.seal("acc", "k", TEXT)
    assert b"client" not in sealed and len(sealed) < len(TEXT)
    assert SEALS.open("acc", "k", sealed) == TEXT
    assert sealed != SEALS.seal("acc", "k", TEXT)
    for seals, account, key in ((SEALS, "acc", "l"), (SEALS, "acd", "k"), (Seals(b"q" * 32), "acc", "k")):
        with pytest.raises(CryptoError):
            seals.open(account, key, sealed)


def test_what_is_stored_of_a_key_and_of_a_request_is_a_hash_under_the_pepper() -> None:
    assert SEALS.name("acc", "k") == Seals(b"p" * 32).name("acc", "k")
    assert len({SEALS.name("acc", "k"), SEALS.name("acc", "l"), Seals(b"q" * 32).name("acc", "k")}) == 3
    assert SEALS.fingerprint("f") != Seals(b"q" * 32).fingerprint("f")
    assert "ppp" not in repr(SEALS)
