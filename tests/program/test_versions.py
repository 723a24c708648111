"""Which version is the newer one; of what is none, nothing is known."""

import pytest

from program.versions import newer


@pytest.mark.parametrize(
    ("version", "than"), [("0.2.0", "0.1.9"), ("0.10.0", "0.9.3"), ("1.0", "0.99.99"), ("0.1.0.1", "0.1.0")]
)
def test_a_later_version_is_newer_and_never_the_other_way_round(version: str, than: str) -> None:
    assert newer(version, than) and not newer(than, version)


@pytest.mark.parametrize(
    ("version", "than"),
    [("0.1.0", "0.1.0"), ("0.1", "0.1.0"), ("", "0.1.0"), ("0.2.0", ""), ("0.2.0rc1", "0.1.0"), ("9" * 5000, "0.1.0")],
)
def test_the_same_version_and_what_is_none_are_not(version: str, than: str) -> None:
    assert not newer(version, than)
