"""What Sogni's SDKs ask over HTTP beside the API that is everybody's."""

from typing import Any

import httpx
import pytest

from tests.coordinator.conftest import Coordinator


async def test_the_balance_is_that_of_the_account(coordinator: Coordinator) -> None:
    async with httpx.AsyncClient(base_url=coordinator.url, headers={"api-key": coordinator.key}) as http:
        told = (await http.get("/v4/account/balance")).json()
        ours = (await http.get("/v1/account")).json()["balances"]
    assert told["status"] == "success"
    assert told["data"]["spark"]["net"] == ours["spark"]["available"]["spark"] == "1000"
    assert told["data"]["spark"]["premiumCredit"] == "0"
    assert told["data"]["sogni"]["net"] == "0"


async def test_signing_out_is_nothing_that_a_key_can_do(coordinator: Coordinator) -> None:
    async with coordinator.http() as http:
        assert (await http.post("/v1/account/logout")).json() == {"status": "success", "data": None}
        assert (await http.get("/v1/account/me")).status_code == 200


async def test_an_estimate_is_that_of_everybody(coordinator: Coordinator) -> None:
    async with coordinator.http() as http:
        told = (await http.get("/api/v1/job-llm/estimate/sogni/tiny/1000/500")).json()
    assert told["request"].items() >= {"model": "tiny", "inputTokens": 1000, "maxOutputTokens": 500}.items()
    nano = 1000 * 300 + 500 * 900
    assert told["quote"] == {
        "costInUSD": nano / 10**9,
        "costInToken": nano / 10_000_000,
        "costInSogni": nano / 10_000_000,
        "costInSpark": nano / 5_000_000,
        "inputTokens": 1000,
        "outputTokens": 500,
    }


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("gold/tiny/1/1", 400),
        ("spark/tiny/-1/1", 400),
        ("spark/tiny/1/1.5", 400),
        ("spark/tiny/1/99999999999", 400),
        ("spark/tiny/١/1", 400),
        ("spark/nothing/1/1", 404),
        ("spark/a/b/1/1", 404),
    ],
)
async def test_an_estimate_of_nothing_is_an_error_in_their_envelope(
    coordinator: Coordinator, path: str, status: int
) -> None:
    async with coordinator.http() as http:
        response = await http.get(f"/api/v1/job-llm/estimate/{path}")
    told = response.json()
    assert (response.status_code, told["status"], told["errorCode"]) == (status, "error", status)
    assert told["message"] == told["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/account/me", "/v4/account/balance", "/api/v1/job-llm/estimate/spark/tiny/1/1"])
async def test_without_a_key_their_paths_say_so_in_their_envelope(coordinator: Coordinator, path: str) -> None:
    async with httpx.AsyncClient(base_url=coordinator.url) as http:
        response = await http.get(path)
    told: dict[str, Any] = response.json()
    assert (response.status_code, told["errorCode"], told["error"]["code"]) == (401, 401, "invalid_api_key")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/chat/runs"),
        ("GET", "/v1/chat/runs/run_1"),
        ("POST", "/v1/creative-agent/tools/execute"),
        ("POST", "/v1/account/login"),
        ("GET", "/v2/wallet/balance"),
        ("GET", "/api/v1/models/list"),
        ("GET", "/v1/subscriptions/status"),
    ],
)
async def test_what_is_not_offered_is_an_error_of_its_own(coordinator: Coordinator, method: str, path: str) -> None:
    async with coordinator.http() as http:
        response = await http.request(method, path)
    told = response.json()
    assert (response.status_code, told["error"]["code"], told["errorCode"]) == (404, "not_offered", 404)
    assert told["message"] == told["error"]["message"]
    assert response.headers["x-should-retry"] == "false"
