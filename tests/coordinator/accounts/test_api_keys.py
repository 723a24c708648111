import secrets
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.accounts.api_keys import bearer, make_key, pepper_file, read_pepper, well_formed
from coordinator.store.errors import LedgerError


@given(st.binary(min_size=32, max_size=32))
def test_every_key_is_well_formed_and_every_typing_error_is_seen(random: bytes) -> None:
    key = make_key(random)
    assert well_formed(key)
    assert len(key) == 55
    for place in (6, 20, 48, 49, 54):
        other = "a" if key[place] != "a" else "b"
        assert not well_formed(key[:place] + other + key[place + 1 :])


@pytest.mark.parametrize("garbage", ["", "sk-sn-", "sk-sn-" + "a" * 49, "x" * 56, "sk-sn-é" + "a" * 48, "sk-" * 5000])
def test_garbage_is_no_key(garbage: str) -> None:
    assert not well_formed(garbage)


def test_different_randomness_gives_different_keys() -> None:
    assert len({make_key(secrets.token_bytes(32)) for _ in range(100)}) == 100


def test_the_key_is_taken_from_either_header() -> None:
    assert bearer({"authorization": "Bearer k"}) == "k"
    assert bearer({"authorization": "bearer  k "}) == "k"
    assert bearer({"api-key": "k"}) == "k"
    assert bearer({"authorization": "Basic k"}) is None
    assert bearer({"authorization": "Bearer "}) is None
    assert bearer({}) is None


def test_the_secret_is_made_once_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    path = pepper_file(tmp_path / "c.db")
    first = read_pepper(path, make=True)
    assert len(first) == 32
    assert read_pepper(path, make=True) == read_pepper(path, make=False) == first
    assert (tmp_path / "c.db.pepper").stat().st_mode & 0o777 == 0o600


def test_the_secret_lies_beside_a_file_and_in_the_home_of_the_user_for_another_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert pepper_file("sqlite:////data/c.db") == Path("/data/c.db.pepper")
    assert pepper_file("postgresql://me@db/supernet") == tmp_path / "supernet" / "supernet-coordinator.pepper"


def test_a_secret_that_the_coordinator_would_not_have_is_not_made_in_passing(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"--pepper.*--init"):
        read_pepper(tmp_path / "pepper", make=False)
    assert not list(tmp_path.iterdir())
