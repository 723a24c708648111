"""What a coordinator says of a worker without jobs."""

from wire.codec import encode, to_worker
from wire.idle import Idle


def test_what_is_left_out_means_that_there_are_jobs() -> None:
    assert to_worker('{"type":"idle"}') == Idle() and Idle().code is None
    assert encode(Idle()) == '{"type":"idle","message":"","remedy":""}'


def test_words_are_cut_and_unknown_fields_ignored() -> None:
    said = to_worker('{"type":"idle","code":"no_demand","since_ms":5,"message":"' + "x" * 9000 + '"}')
    assert isinstance(said, Idle) and said.code == "no_demand" and len(said.message) == 4096
