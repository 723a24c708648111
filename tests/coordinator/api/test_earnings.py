"""An owner's earnings by day and worker, over HTTP: its own, equal to the ledger's, as JSON and as CSV."""

import csv
import io
from contextlib import closing

import pytest

from coordinator.clock import DAY_MS, now_ms
from coordinator.ledger.energy_days import WorkerEnergy, add
from coordinator.store.database import Database
from tests.coordinator.api.test_payouts import has_earned
from tests.coordinator.conftest import Coordinator, Start


async def test_what_was_earned_is_what_the_ledger_says(start_coordinator: Start) -> None:
    async with start_coordinator(escrow_s=0.0) as coordinator:
        owners, _ = await has_earned(coordinator)
        async with coordinator.http(owners) as owner:
            told = (await owner.get("/v1/account/earnings", params={"days": 7})).json()
            (row,) = told["data"]
            balance = (await owner.get("/v1/account")).json()["balances"]["sogni"]
            assert row["earned_nano_usd"] == row["payable_nano_usd"] == balance["earned"]["nano_usd"] == 4200
            assert (row["credit_nano_usd"], row["escrow_nano_usd"], row["jobs"]) == (0, 0, 1)
            assert (row["worker"], row["completion_tokens"], row["prompt_tokens"]) == ("w1", 5, 5)
            assert told["totals"]["earned_nano_usd"] == 4200 and told["days"] == 7
            for worker, number in (("w1", 1), ("other", 0)):
                asked = {"worker": worker, "days": "1"}
                assert len((await owner.get("/v1/account/earnings", params=asked)).json()["data"]) == number
            text = await owner.get("/v1/account/earnings", params={"format": "csv"})
            assert text.headers["content-type"].startswith("text/csv")
            (line,) = csv.DictReader(io.StringIO(text.text))
            assert (line["day"], line["earned_nano_usd"], line["energy_wh"]) == (row["day"], "4200", "")
        async with coordinator.http() as other:
            assert (await other.get("/v1/account/earnings")).json()["data"] == []


@pytest.mark.parametrize(
    ("query", "param"),
    [("days=0", "days"), ("days=367", "days"), ("format=xml", "format"), ("worker=", "worker"), ("day=1", "day")],
)
async def test_what_is_asked_for_wrongly_is_refused_by_name(coordinator: Coordinator, query: str, param: str) -> None:
    async with coordinator.http() as http:
        refused = await http.get(f"/v1/account/earnings?{query}")
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize("price", ["-1", "0,32", "1e2", "100.1", "0.0000000001", "", 5, "٣"])
async def test_a_price_is_dollars(coordinator: Coordinator, price: object) -> None:
    async with coordinator.http() as http:
        refused = await http.post("/v1/account/electricity", json={"usd_per_kwh": price})
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "usd_per_kwh")
        for told in ("0", "0.32", "100", None):
            said = await http.post("/v1/account/electricity", json={"usd_per_kwh": told})
            assert said.json()["usd_per_kwh"] == told


async def test_a_workers_name_is_no_formula_of_a_spreadsheet(coordinator: Coordinator) -> None:
    with closing(Database(coordinator.config.db)) as database:
        today = now_ms() // DAY_MS
        add(database, [WorkerEnergy(coordinator.account, today, f"{coordinator.account}/-1", 3600, 5, 60)])
    async with coordinator.http() as http:
        text = (await http.get("/v1/account/earnings?format=csv")).text
        (row,) = (await http.get("/v1/account/earnings")).json()["data"]
    (line,) = csv.DictReader(io.StringIO(text))
    assert (line["worker"], line["energy_wh"], row["worker"], row["energy_wh"]) == ("'-1", "1.0", "-1", 1.0)
