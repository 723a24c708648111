"""An account's requests, asked over HTTP, as clients made them."""

import asyncio
import csv
import io
from typing import Any

import httpx
import pytest
from starlette.datastructures import QueryParams

from coordinator.api import requests as requests_module
from coordinator.api.requests import read_wanted
from tests.coordinator.conftest import Coordinator, Start, make_account, make_key
from wire.errors import SupernetError

ASK: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 8}
LIST = "/v1/account/requests"


async def answered(coordinator: Coordinator, http: httpx.AsyncClient, worker: Any, **more: Any) -> httpx.Response:
    headers = more.pop("headers", {})
    asked = asyncio.create_task(
        http.post(more.pop("path", "/v1/chat/completions"), json={**ASK, **more}, headers=headers)
    )
    for _ in range(more.get("n", 1)):
        await worker.serve("hello")
    response = await asked
    await coordinator.running.services.ledger.flushed(10)
    return response


async def test_a_request_is_found_by_every_id_that_its_client_knows(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        plain = await answered(coordinator, http, worker)
        given = await answered(coordinator, http, worker, headers={"x-request-id": "my-trace-1"})
        keyed = await answered(coordinator, http, worker, headers={"idempotency-key": "k1"})
        seen = {"max_tokens": 8, "path": "/v1/messages"}
        anthropic = await answered(coordinator, http, worker, **seen)
        for response in (plain, given, keyed, anthropic):
            own, header = response.json()["id"], response.headers["x-request-id"]
            found = [(await http.get(f"{LIST}/{name}")).json() for name in (own, header)]
            assert found[0] == found[1]
            assert found[0]["x_request_id"] == header
            assert own.endswith(found[0]["id"].removeprefix("req_"))
            (listed,) = (await http.get(LIST, params={"request_id": header})).json()["data"]
            assert listed == {name: found[0][name] for name in listed}
        assert (await http.get(LIST, params={"request_id": "nobodys"})).json()["data"] == []
        assert (await http.get(f"{LIST}/nobodys")).status_code == 404
        assert plain.headers["x-request-id"] == "req_" + plain.json()["id"].removeprefix("chatcmpl-")


async def test_the_figures_are_those_that_the_client_was_told_and_the_ledger_has(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        response = await answered(coordinator, http, worker, n=2)
        body = response.json()
        whole = (await http.get(f"{LIST}/{body['id']}")).json()
        used = (await http.get("/v1/account/usage", params={"days": 1})).json()["data"][0]
        assert whole["cost"]["nano_usd"] == body["usage"]["cost_nano_usd"] == used["cost_nano_usd"] > 0
        assert sum(choice["cost"]["nano_usd"] for choice in whole["data"]) == whole["cost"]["nano_usd"]
        assert whole["completion_tokens"] == body["usage"]["completion_tokens"] == used["completion_tokens"]
        assert (whole["choices"], whole["status"], whole["kind"], whole["key_name"]) == (2, "finished", "chat", "test")
        assert str(whole["data"][0]["ttft_ms"]) == response.headers["x-supernet-ttft-ms"]
        assert whole["data"][0]["worker"] == response.headers["x-supernet-worker"]
        assert "hi" not in str(whole.values()) and "hello" not in str(whole)


async def test_what_was_refused_before_a_worker_had_it_says_why(coordinator: Coordinator) -> None:
    async with coordinator.http() as http:
        refused = await http.post("/v1/chat/completions", json=ASK)
        assert refused.status_code == 503
        await coordinator.running.services.ledger.flushed(10)
        (one,) = (await http.get(LIST, params={"status": "failed"})).json()["data"]
        assert one["finish"] == refused.json()["error"]["code"]
        assert one["x_request_id"] == refused.headers["x-request-id"]
        assert (one["cost"]["nano_usd"], one["choices"], one["ttft_ms"]) == (0, 0, None)


async def test_pages_and_files_have_each_request_once(
    start_coordinator: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests_module, "PART", 3)
    monkeypatch.setattr(requests_module, "CHUNK", 2)
    async with start_coordinator() as coordinator, coordinator.http() as http:
        for n in range(7):
            await http.post("/v1/chat/completions", json=ASK, headers={"x-request-id": f"={n}"[1:] + "-a"})
        await coordinator.running.services.ledger.flushed(10)
        listed, after = list[str](), None
        for _ in range(9):
            page = (await http.get(LIST, params={"limit": 2, **({"after": after} if after else {})})).json()
            listed += [one["x_request_id"] for one in page["data"]]
            after = page["last_id"]
            if not page["has_more"]:
                break
        assert listed == [f"{n}-a" for n in (6, 5, 4, 3, 2, 1, 0)]
        url, filed = f"{LIST}?format=csv", list[str]()
        for _ in range(9):
            answer = await http.get(url)
            assert answer.headers["content-type"].startswith("text/csv")
            assert "attachment" in answer.headers["content-disposition"]
            rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
            filed += [row["x_request_id"] for row in rows]
            if "next" not in answer.links:
                break
            assert answer.headers["x-supernet-next-after"] == rows[-1]["id"]
            url = answer.links["next"]["url"]
        assert filed == listed
        assert (await http.head(f"{LIST}?format=csv")).status_code == 200


async def test_files_are_bounded_and_others_see_nothing(coordinator: Coordinator) -> None:
    await asyncio.to_thread(make_account, coordinator.config, "bob")
    key = await asyncio.to_thread(make_key, coordinator.config, account="bob")
    await coordinator.running.services.accounts.refresh()
    async with coordinator.http() as http, coordinator.http(key) as bob:
        refused = await http.post("/v1/chat/completions", json=ASK)
        await coordinator.running.services.ledger.flushed(10)
        name = refused.headers["x-request-id"]
        assert (await http.get(f"{LIST}/{name}")).status_code == 200
        assert (await bob.get(f"{LIST}/{name}")).status_code == 404
        assert (await bob.get(LIST)).json()["data"] == []
        assert (await bob.get(LIST, params={"request_id": name})).json()["data"] == []
        assert (await bob.get(LIST, params={"after": name})).status_code == 404
        assert (await bob.get(LIST, params={"account": "default"})).status_code == 403
        statuses = [(await bob.get(LIST, params={"format": "csv"})).status_code for _ in range(11)]
        assert statuses == [200] * 10 + [429]


@pytest.mark.parametrize(
    ("query", "at_fault"),
    [
        ("status=odd", "status"),
        ("from=yesterday", "from"),
        ("to=2026-12-01T10:00:00", "to"),
        ("from=99999-01-01", "from"),
        ("from=-1", "from"),
        ("model=" + "x" * 129, "model"),
        ("key=%00", "key"),
        ("finish=", "finish"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused_by_name(query: str, at_fault: str) -> None:
    with pytest.raises(SupernetError) as caught:
        read_wanted(QueryParams(query))
    assert caught.value.param == at_fault


def test_times_are_seconds_days_or_iso_8601() -> None:
    for text in ("1764547200", "2025-12-01", "2025-12-01T00:00:00Z", "2025-12-01T01:00:00%2B01:00"):
        assert read_wanted(QueryParams(f"from={text}")).from_ms == 1764547200_000


async def test_odd_queries_are_400_or_404_and_never_an_error_of_ours(coordinator: Coordinator) -> None:
    async with coordinator.http() as http:
        for query in ("after=", "after=req_x", "limit=0", "limit=101", "format=xml", "request_id=%00", "from=1e9"):
            assert (await http.get(f"{LIST}?{query}")).status_code in (200, 400, 404), query
        for name in ("%00", "a%2Fb", "x" * 300, "req_", "chatcmpl-"):
            assert (await http.get(f"{LIST}/{name}")).status_code == 404, name


async def test_usage_is_filtered_and_a_file_too(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        await answered(coordinator, http, worker)
        rows = (await http.get("/v1/account/usage")).json()["data"]
        answer = await http.get("/v1/account/usage", params={"format": "csv", "model": "tiny", "key": rows[0]["key"]})
        (row,) = csv.DictReader(io.StringIO(answer.text, newline=""))
        assert row == {name: str(rows[0][name]) for name in row}
        assert (await http.get("/v1/account/usage", params={"model": "other"})).json()["data"] == []
        assert (await http.get("/v1/account/usage", params={"format": "xml"})).status_code == 400
