"""A line names its fault and never its content, and is bounded on both sides."""

import pytest

from worker.engine.pipe import TO_ENGINE
from worker.engine.port import (
    Cancel,
)
from worker.subprocesses.codec import Codec, Garbled


def test_the_error_names_the_field_and_never_the_value() -> None:
    with pytest.raises(Garbled) as caught:
        TO_ENGINE.decode(b'Cancel [{"job": ["a secret prompt"]}]\n')
    assert "job" in str(caught.value) and "secret" not in str(caught.value)


def test_a_line_over_the_limit_is_refused_on_both_sides() -> None:
    small: Codec[Cancel] = Codec(40, Cancel)
    fits, over = Cancel("x" * 15), Cancel("x" * 30)
    assert small.decode(small.encode(fits)) == fits
    with pytest.raises(Garbled, match="limit is 40"):
        small.encode(over)
    with pytest.raises(Garbled, match="limit is 40"):
        small.decode(Codec[Cancel](1000, Cancel).encode(over))
