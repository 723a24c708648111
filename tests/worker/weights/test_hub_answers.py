"""Single answers; whole downloads around them are in test_hugging_face.py."""

import pytest

from worker.weights.files import WeightsError
from worker.weights.hub_answers import first_byte, is_hex, quote
from worker.weights.store import Pinned

FILE = Pinned("m.gguf", 100, "a" * 64)


def test_the_first_byte_is_that_of_the_range_or_of_the_whole() -> None:
    assert first_byte(206, {"content-range": "bytes 40-99/100", "content-length": "60"}, 40, FILE) == 40
    assert first_byte(200, {"content-length": "100"}, 40, FILE) == 0
    with pytest.raises(WeightsError, match="bytes from 40 of 100 were asked for"):
        first_byte(206, {"content-range": "bytes 41-99/100"}, 40, FILE)


def test_a_hash_is_lower_case_and_of_its_length() -> None:
    assert is_hex("ab" * 20, 40) and not is_hex("AB" * 20, 40) and not is_hex("ab", 40)


def test_what_a_stranger_wrote_is_one_bounded_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    quote("a\n\x1b[2J" + "b" * 5000)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(r"the answer says 'a\n\x1b[2Jbbb") and line.isprintable() and len(line) < 350
