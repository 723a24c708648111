"""A measured speed, between its points and beyond them."""

from coordinator.scheduler.speed_curve import Pace, SpeedCurve
from wire.offers import SpeedPoint

POINTS = (
    SpeedPoint(streams=4, decode_tps=200, prefill_tps=1000, ttft_ms=300),
    SpeedPoint(streams=2, decode_tps=100, prefill_tps=2000, ttft_ms=100),
)


def test_between_points_on_a_line_and_outside_constant() -> None:
    curve = SpeedCurve(POINTS)
    assert curve.at(1) == Pace(100, 2000, 100)
    assert curve.at(3) == Pace(150, 1500, 200)
    assert curve.at(9) == Pace(200, 1000, 300)
    assert curve.at(3) is curve.at(3), "asked for each candidate of each job: worked out once"


def test_nothing_measured_is_nothing_known() -> None:
    assert SpeedCurve().at(1) is None
