from wire.offers import Power
from worker.machine.description import Reading
from worker.telemetry.energy import GAP_S, EnergyMeter


def gpu(watts: float | None) -> Reading:
    return Reading("GPU", 1, power_w=watts)


def test_power_over_time_is_energy() -> None:
    meter = EnergyMeter()
    assert meter.power() is None
    for second in range(0, 3601, 2):
        meter.read([gpu(200.0), gpu(100.0)], float(second))
    assert meter.power() == Power(joules=300.0 * 3600, seconds=3600)


def test_between_two_readings_it_is_their_mean() -> None:
    meter = EnergyMeter()
    meter.read([gpu(100.0)], 10.0)
    meter.read([gpu(300.0)], 12.0)
    assert meter.power() == Power(joules=400.0, seconds=2.0)


def test_what_nobody_measured_is_not_guessed_at() -> None:
    meter = EnergyMeter()
    meter.read([gpu(100.0)], 0.0)
    meter.read([gpu(None)], 2.0)
    meter.read([gpu(100.0), gpu(None)], 4.0)
    meter.read([], 6.0)
    meter.read([gpu(100.0)], 8.0)
    assert meter.power() is None
    meter.read([gpu(100.0)], 8.0 + GAP_S + 1)
    meter.read([gpu(100.0)], 8.0 + GAP_S)  # a clock that goes back
    assert meter.power() is None
    meter.read([gpu(100.0)], 8.0 + GAP_S + 2)
    assert meter.power() == Power(joules=200.0, seconds=2.0)
