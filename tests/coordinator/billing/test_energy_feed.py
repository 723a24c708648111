"""What a worker says that its GPUs drew comes to its owner's page, and to its own --status."""

from coordinator.billing.earnings_feed import EarningsFeed
from coordinator.billing.energy_feed import EnergyFeed
from coordinator.scheduler.energy import Drawn
from tests.coordinator.conftest import Coordinator, FakeWorker, until
from wire import messages as wire
from wire.earnings import EARNINGS, Earnings
from wire.offers import ModelState, Power


async def beat(coordinator: Coordinator, worker: FakeWorker, joules: float, seconds: float) -> None:
    state = ModelState(id="tiny", status="ready", slots=2, free=2)
    await worker.say(wire.Capacity(models=(state,), power=Power(joules=joules, seconds=seconds)))
    (known,) = coordinator.running.services.hub.cell.workers
    await until(lambda: known.meter._last is not None and known.meter._last[0].joules == joules)


async def test_it_is_written_down_and_has_a_price(coordinator: Coordinator) -> None:
    feed = EnergyFeed(coordinator.running.services.hub, coordinator.running.store)
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join(features=(EARNINGS,))
        await beat(coordinator, worker, 0, 0)
        await feed.once()
        (known,) = coordinator.running.services.hub.cell.workers
        known.meter.drawn = Drawn(36_000.0, 60.0)
        feed._written = {session: (drawn, at - 60) for session, (drawn, at) in feed._written.items()}
        await feed.once()
        (row,) = (await http.get("/v1/account/earnings")).json()["data"]
        assert (row["worker"], row["online_s"], row["power_nano_usd"], row["earned_nano_usd"]) == ("w1", 60, None, 0)
        assert (row["energy_wh"], row["measured_s"]) == (10.0, 60)
        said = await http.post("/v1/account/electricity", json={"usd_per_kwh": "0.36"})
        assert said.json() == {
            "object": "account.electricity",
            "usd_per_kwh": "0.36",
            "nano_usd_per_kwh": 360_000_000,
        }
        told = (await http.get("/v1/account/earnings")).json()
        assert (told["usd_per_kwh"], told["totals"]["power_nano_usd"]) == ("0.36", 3_600_000)
        await EarningsFeed(
            coordinator.running.services.hub, coordinator.running.store, coordinator.running.services.promotions
        ).once()
        heard = await worker.hear(Earnings)
        assert heard.power_today_nano == 3_600_000


async def test_a_worker_without_sensors_is_online_and_its_power_is_not_known(coordinator: Coordinator) -> None:
    feed = EnergyFeed(coordinator.running.services.hub, coordinator.running.store)
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        await feed.once()
        feed._written = {session: (drawn, at - 60) for session, (drawn, at) in feed._written.items()}
        await feed.once()
        await http.post("/v1/account/electricity", json={"usd_per_kwh": "0.32"})
        told = (await http.get("/v1/account/earnings", params={"days": 1})).json()
        (row,) = told["data"]
        assert (row["online_s"], row["measured_s"], row["energy_wh"], row["power_nano_usd"]) == (60, 0, None, None)
        assert (told["totals"]["energy_wh"], told["totals"]["power_nano_usd"]) == (None, None)
