import pytest

from wire.codec import encode, to_coordinator
from wire.errors import SupernetError
from wire.messages import Capacity
from wire.offers import Power


def test_a_heartbeat_tells_what_was_drawn_and_an_older_one_tells_nothing() -> None:
    told = Capacity(power=Power(joules=5.5, seconds=2))
    assert to_coordinator(encode(told)) == told
    assert to_coordinator('{"type":"capacity","models":[]}') == Capacity()


@pytest.mark.parametrize("joules", ["-1", "1e16", "NaN", "Infinity", '"x"'])
def test_what_no_gpu_draws_is_no_frame(joules: str) -> None:
    with pytest.raises(SupernetError):
        to_coordinator(f'{{"type":"capacity","power":{{"joules":{joules},"seconds":1}}}}')
