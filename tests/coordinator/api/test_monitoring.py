"""What the operator's tools ask."""

import asyncio

import httpx
import pytest

from tests.coordinator.conftest import Coordinator, make_key, until


@pytest.mark.parametrize("path", ["/health", "/livez", "/readyz"])
async def test_probes_need_no_key(coordinator: Coordinator, path: str) -> None:
    async with httpx.AsyncClient(base_url=coordinator.url) as http:
        assert (await http.get(path)).status_code == 200


async def test_metrics_need_a_key_of_their_own_scope(coordinator: Coordinator) -> None:
    key = await asyncio.to_thread(make_key, coordinator.config, scopes=("metrics",))
    await until(lambda: len(coordinator.running.services.accounts._keys) == 2)
    async with coordinator.http() as http:
        assert (await http.get("/metrics")).status_code == 403
    async with coordinator.http(key) as http:
        page = await http.get("/metrics")
        assert (await http.get("/v1/models")).status_code == 403
    assert page.status_code == 200 and "supernet_draining 0.0" in page.text


async def test_a_disk_that_fails_makes_it_unready_and_leaves_it_alive(coordinator: Coordinator) -> None:
    coordinator.running.services.accounts.healthy = False
    async with httpx.AsyncClient(base_url=coordinator.url) as http:
        ready, alive = await http.get("/readyz"), await http.get("/livez")
    assert (ready.status_code, ready.json()) == (503, {"status": "database down"})
    assert alive.status_code == 200
