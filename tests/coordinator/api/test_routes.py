"""Every path with every method: which are served, and what the router says to all others."""

import asyncio

import httpx
import pytest

from coordinator.dashboard.files import FOLDER, TYPES
from tests.coordinator.api.test_chat import ASK
from tests.coordinator.conftest import Coordinator

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SCRIPT = next(file.name for file in sorted(FOLDER.iterdir()) if file.suffix in TYPES and file.name != "index.html")

# Path -> method -> the status without a key; HEAD is as GET. What is not here is 405.
SERVED: dict[str, dict[str, int]] = {
    "/v1/chat/completions": {"POST": 401},
    "/v1/responses": {"POST": 401},
    "/v1/messages": {"POST": 401},
    "/v1/models": {"GET": 401},
    "/v1/models/tiny": {"GET": 401},
    "/v1/models/some/one": {"GET": 401},
    "/v1/account": {"GET": 401, "DELETE": 401},
    "/v1/account/passkeys": {"GET": 401, "POST": 401},
    "/v1/account/passkey-options": {"POST": 401},
    "/v1/account/passkeys/p": {"DELETE": 401},
    "/v1/account/links": {"GET": 401, "POST": 401},
    "/v1/account/links/l": {"DELETE": 401},
    "/v1/account/recovery-codes": {"POST": 401},
    "/v1/account/invites": {"GET": 401, "POST": 401},
    "/v1/account/invites/i": {"DELETE": 401},
    "/v1/account/export": {"GET": 401},
    "/identity": {"GET": 200},
    "/identity/signup/options": {"POST": 403},
    "/identity/signup": {"POST": 403},
    "/identity/signin/options": {"POST": 403},
    "/identity/signin": {"POST": 403},
    "/identity/provider/start": {"POST": 403},
    "/identity/provider/finish": {"POST": 403},
    "/identity/recover": {"POST": 403},
    "/identity/signout": {"POST": 403},
    "/v1/account/me": {"GET": 401},
    "/v1/account/logout": {"POST": 401},
    "/v4/account/balance": {"GET": 401},
    "/api/v1/job-llm/estimate/spark/tiny/1/1": {"GET": 401},
    "/v1/account/usage": {"GET": 401},
    "/v1/account/requests": {"GET": 401},
    "/v1/account/requests/req_1": {"GET": 401},
    "/v1/account/workers": {"GET": 401},
    "/v1/account/bonus": {"POST": 401},
    "/v1/account/earnings/spend": {"POST": 401},
    "/v1/account/keys": {"GET": 401, "POST": 401},
    "/v1/account/keys/key_1": {"GET": 401, "PATCH": 401, "DELETE": 401},
    "/v1/account/keys/key_1/regenerate": {"POST": 401},
    "/v1/account/earnings": {"GET": 401},
    "/v1/account/electricity": {"POST": 401},
    "/v1/account/payouts": {"GET": 401, "POST": 401},
    "/v1/account/payouts/payout_1/withdraw": {"POST": 401},
    "/v1/payouts": {"GET": 401},
    "/v1/payouts/payout_1": {"POST": 401},
    "/v1/admin/overview": {"GET": 401},
    "/v1/admin/accounts": {"GET": 401},
    "/v1/admin/accounts/a": {"GET": 401, "POST": 401},
    "/v1/admin/accounts/a/grants": {"POST": 401},
    "/v1/admin/keys/key_1": {"DELETE": 401},
    "/v1/admin/invites": {"GET": 401, "POST": 401},
    "/v1/admin/invites/inv_1": {"DELETE": 401},
    "/v1/admin/workers": {"GET": 401},
    "/v1/admin/worker-orders": {"GET": 401, "POST": 401},
    "/v1/admin/problems": {"GET": 401},
    "/v1/admin/holds": {"GET": 401},
    "/v1/admin/audit": {"GET": 401},
    "/v1/admin/ledger-check": {"GET": 401, "POST": 401},
    "/v1/deposits": {"POST": 404},
    "/v1/estimate": {"GET": 401},
    "/v1/media": {"GET": 401, "POST": 401},
    "/v1/media/AAAAAAAAAAAAAAAAAAAAAA": {"GET": 401, "DELETE": 401},
    "/v1/media/AAAAAAAAAAAAAAAAAAAAAA/report": {"POST": 401},
    "/v1/network": {"GET": 401},
    "/v1/network/events": {"GET": 401},
    "/v1/network/history": {"GET": 401},
    "/v1/network/models": {"GET": 401},
    "/v1/network/models/m": {"GET": 401},
    "/v1/network/workers/w/history": {"GET": 401},
    "/models": {"GET": 404},
    "/models/tiny": {"GET": 200},
    "/v1/network/workers/w": {"GET": 401},
    "/v1/network/workers/w/earnings": {"GET": 401},
    "/v1/worker": {"GET": 401},
    "/v1/worker/catalog": {"GET": 401},
    "/v1/worker/artefacts/j/1": {"PUT": 403},
    "/m/AAAAAAAAAAAAAAAAAAAAAA.png": {"GET": 404},
    "/health": {"GET": 200},
    "/livez": {"GET": 200},
    "/readyz": {"GET": 200},
    "/metrics": {"GET": 401},
    "/openapi.json": {"GET": 200},
    "/downloads": {"GET": 200},
    "/downloads/install.sh": {"GET": 404},
    "/downloads/simple/cpu": {"GET": 404},
    "/downloads/simple/cpu/supernet": {"GET": 404},
    "/earnings": {"GET": 200},
    "/add-worker": {"GET": 200},
    "/requests": {"GET": 200},
    "/docs": {"GET": 200},
    "/operator": {"GET": 200},
    "/operator/workers": {"GET": 200},
    "/operator/accounts/acc_1": {"GET": 200},
    "/": {"GET": 200},
    "/playground": {"GET": 200},
    "/account": {"GET": 200},
    "/account/provider/example": {"GET": 200},
    "/workers/w": {"GET": 200},
    f"/web/{SCRIPT}": {"GET": 200},
    "/web/no-such-file.js": {"GET": 404},
    "/web/parts/dom.js": {"GET": 200},
    "/web/a/b": {"GET": 404},
}
SLASHES = ["/v1/chat/completions/", "/v1//chat/completions", "//v1/models/", "/v1/account/", "/health//", "/workers/w/"]
UNKNOWN = [
    "/m",
    "/m/a/b.png",
    "/v1",
    "/v1/",
    "/v1/embeddings",
    "/web",
    "/web/",
    "/workers",
    "/v1/account/keys/a/b",
    "/docs/x",
]


async def test_every_path_serves_its_methods_and_names_them_to_all_others(coordinator: Coordinator) -> None:
    async with httpx.AsyncClient(base_url=coordinator.url) as http:
        for path, served in SERVED.items():
            if "GET" in served:
                served = {**served, "HEAD": served["GET"]}
            for method in METHODS:
                response = await http.request(method, path)
                assert response.status_code == served.get(method, 405), f"{method} {path}"
                if method not in served:
                    allowed = ", ".join(sorted(served))
                    assert response.headers["allow"] == allowed, f"{method} {path}"
                    assert response.headers["x-should-retry"] == "false"
                    if method != "HEAD":
                        told = response.json()["error"]
                        assert told["code"] == "method_not_allowed"
                        assert told["message"] == f"Not allowed to {method} {path}: use {allowed}."
                else:
                    assert "allow" not in response.headers


async def test_head_has_the_headers_of_get_and_ends_even_where_a_stream_would_not(coordinator: Coordinator) -> None:
    async with coordinator.http() as http:
        for path in ("/v1/models", "/v1/account", "/v1/network", "/v1/network/events", "/", "/openapi.json"):
            response = await http.head(path)
            assert (response.status_code, response.content) == (200, b""), path
        assert (await http.head("/v1/network/events")).headers["content-type"].startswith("text/event-stream")


@pytest.mark.parametrize("path", SLASHES)
async def test_a_slash_too_many_is_no_matter_whatever_the_method(coordinator: Coordinator, path: str) -> None:
    plain = "/" + "/".join(part for part in path.split("/") if part)
    async with httpx.AsyncClient() as http:
        for method in METHODS:
            with_it, without = [await http.request(method, coordinator.url + each + "?a=b") for each in (path, plain)]
            assert with_it.status_code == without.status_code == SERVED_PLAIN.get((method, plain), 405)


SERVED_PLAIN = {
    (method, path): status
    for path, served in {**SERVED, "/workers/w": {"GET": 200}}.items()
    for method, status in ({**served, "HEAD": served["GET"]} if "GET" in served else served).items()
}


async def test_a_completion_is_given_behind_a_slash_too_many(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        for path in ("/v1/chat/completions/", "//v1//chat/completions"):
            asked = asyncio.create_task(http.post(coordinator.url + path, json=ASK))
            await worker.serve("hello")
            assert (await asked).json()["choices"][0]["message"]["content"] == "hello"


@pytest.mark.parametrize("path", UNKNOWN)
async def test_an_unknown_path_is_404_whatever_the_method(coordinator: Coordinator, path: str) -> None:
    async with httpx.AsyncClient(base_url=coordinator.url) as http:
        for method in METHODS:
            response = await http.request(method, path)
            assert response.status_code == 404, f"{method} {path}"
            assert "allow" not in response.headers
            if method != "HEAD":
                assert response.json()["error"]["code"] == "unknown_url"


async def test_a_browser_is_shown_a_page_where_nothing_is(coordinator: Coordinator) -> None:
    async with httpx.AsyncClient(base_url=coordinator.url, headers={"accept": "text/html,*/*"}) as http:
        for method, path, page in (
            ("GET", "/nowhere", True),
            ("HEAD", "/nowhere", True),
            ("POST", "/nowhere", False),
            ("GET", "/v1/nowhere", False),
            ("GET", "/web/nowhere", False),
        ):
            response = await http.request(method, path)
            assert response.status_code == 404
            assert response.headers["content-type"].startswith("text/html") == page, f"{method} {path}"


async def test_answers_are_counted_under_the_pattern_of_their_route(coordinator: Coordinator) -> None:
    async with httpx.AsyncClient(base_url=coordinator.url) as http:
        for path in ("/v1/models/some/one", "/v1/network/workers/w", "/nowhere", "/health/"):
            await http.get(path)
        await http.put("/v1/models")
        await http.delete("/v1/account/keys/key_1")
    metrics = coordinator.server.config.app._metrics  # type: ignore[union-attr]
    text = metrics.exposition("")[0].decode()
    counted = [line for line in text.splitlines() if line.startswith("supernet_http_requests_total{")]
    assert counted == [
        'supernet_http_requests_total{route="/v1/models/{model_id:path}",status="401"} 1.0',
        'supernet_http_requests_total{route="/v1/network/workers/{worker}",status="401"} 1.0',
        'supernet_http_requests_total{route="other",status="404"} 1.0',
        'supernet_http_requests_total{route="/health",status="200"} 1.0',
        'supernet_http_requests_total{route="/v1/models",status="405"} 1.0',
        'supernet_http_requests_total{route="/v1/account/keys/{key_id}",status="401"} 1.0',
    ]
