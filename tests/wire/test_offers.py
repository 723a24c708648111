"""What a worker says of itself has bounds, and an old worker may leave most of it out."""

from typing import Any

import pytest
from pydantic import ValidationError

from wire.offers import Gpu, Hardware, ModelOffer, ModelState, SpeedPoint

POINT = SpeedPoint(streams=1, decode_tps=10, prefill_tps=100, ttft_ms=50)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ModelOffer(id="m", context=0, slots=1),
        lambda: ModelOffer(id="m", context=2**24 + 1, slots=1),
        lambda: ModelOffer(id="m", context=1, slots=257),
        lambda: ModelOffer(id="m", context=1, slots=1, speed=(POINT,) * 17),
        lambda: ModelOffer(id="m", context=1, slots=1, image_ms=-1),
        lambda: ModelState(id="m", status="ready", slots=1, free=-1),
        lambda: ModelState(id="m", status="tired", slots=1, free=1),
        lambda: Hardware(cpu_cores=0),
        lambda: Hardware(gpus=(Gpu(name="RTX", memory_bytes=1),) * 65),
        lambda: Gpu(name="RTX", memory_bytes=-1),
    ],
)
def test_what_is_out_of_bounds_is_refused(make: Any) -> None:
    with pytest.raises(ValidationError):
        make()


def test_a_worker_need_not_say_more_than_what_is_served() -> None:
    offer = ModelOffer(id="m", context=1, slots=1)
    assert (offer.sha256, offer.features, offer.speed, offer.image_ms) == ("", (), (), None)
    assert (Hardware().gpus, Gpu(name="RTX", memory_bytes=1).shared) == ((), False)
