"""A secret in a file is read, and what is too weak to be one is refused."""

import base64
from pathlib import Path

import pytest

from program.secret_files import read_secret
from program.signatures import shown

SECRET = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


def test_the_secret_is_read_and_a_weak_one_is_not(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(shown(SECRET) + "\n")
    assert read_secret(file) == SECRET
    for text, words in (("whsec_c2hvcnQ=", "shorter"), ("whsec_?", "has no secret"), ("é", "has no secret")):
        file.write_text(text)
        with pytest.raises(ValueError, match=words):
            read_secret(file)
    with pytest.raises(ValueError, match="cannot read"):
        read_secret(tmp_path / "none")
