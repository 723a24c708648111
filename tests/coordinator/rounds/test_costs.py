from coordinator.rounds.costs import Costs
from tests.coordinator.rounds.scripts import Price1


def test_the_sum_of_rounds_and_media() -> None:
    costs = Costs()
    costs.round(Price1(), 10, 5)
    costs.round(Price1(), 20, 5)
    assert costs.shown(0, 0)["cost_details"] == {"usd": "0.00000004", "spark": "0"}
    assert costs.made(Price1(), 60) == 60
    shown = costs.shown(30, 10)
    assert (shown["cost_nano_usd"], shown["cost"]) == (100, 1e-7)
    assert shown["cost_details"] == {"usd": "0.0000001", "spark": "0", "media_nano_usd": 60}
