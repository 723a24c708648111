"""Every error has OpenAI's envelope, and a client that still sends is heard out."""

import httpx
import pytest

from coordinator.api.errors import renamed
from coordinator.store.errors import Busy, StoreError, Unavailable
from coordinator.store.reading import Reader
from tests.coordinator.api.test_chat import ASK
from tests.coordinator.conftest import Coordinator
from wire.errors import ErrorCode, SupernetError


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/no/such/page", 404, "unknown_url"),
        ("POST", "/v1/embeddings", 404, "unknown_url"),
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
        ("DELETE", "/v1/models/tiny", 405, "method_not_allowed"),
    ],
)
async def test_what_is_not_there_has_openais_shape(
    coordinator: Coordinator, method: str, path: str, status: int, code: str
) -> None:
    async with coordinator.http() as http:
        response = await http.request(method, path)
    assert response.status_code == status
    assert response.json()["error"]["code"] == code
    assert response.headers["x-should-retry"] == "false"
    assert "x-request-id" in response.headers


@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic x"}, {"authorization": "Bearer sk-sn-guess"}])
async def test_without_a_key_nothing_is_read(coordinator: Coordinator, headers: dict[str, str]) -> None:
    async with httpx.AsyncClient(base_url=coordinator.url, headers=headers) as http:
        response = await http.post("/v1/chat/completions", content=b"not even json")
        assert (await http.get("/v1/models")).status_code == 401
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "invalid_api_key"
    assert response.headers["www-authenticate"] == "Bearer"


async def test_garbage_instead_of_json_names_the_problem(coordinator: Coordinator) -> None:
    async with coordinator.http() as http:
        for body in (b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100_000):
            response = await http.post("/v1/chat/completions", content=body)
            assert response.status_code == 400, body[:10]
            assert response.json()["error"]["type"] == "invalid_request_error"


async def test_a_bug_is_a_500_without_detail(coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(type(coordinator.running.services.hub), "submit", broken)
    async with coordinator.http() as http:
        response = await http.post("/v1/chat/completions", json=ASK)
        assert (await http.get("/health")).status_code == 200
    assert response.status_code == 500
    assert response.json()["error"]["code"] == "internal_error"
    assert "secret" not in response.text


@pytest.mark.parametrize(
    ("lacks", "status", "code"),
    [(Unavailable("secret"), 503, "overloaded"), (Busy("yours"), 429, "rate_limit_exceeded")],
)
@pytest.mark.parametrize("path", ["/v1/network/history", "/v1/network/models", "/v1/account/usage"])
async def test_a_database_that_cannot_answer_is_no_bug(
    coordinator: Coordinator,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    lacks: StoreError,
    status: int,
    code: str,
) -> None:
    """Pages of the history answered 500, with a traceback in the log each time and no word of when to try again."""

    async def away(*arguments: object, **more: object) -> None:
        raise lacks

    monkeypatch.setattr(Reader, "_in_line", away)
    async with coordinator.http() as http:
        response = await http.get(path)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert float(response.headers["retry-after"]) > 0
    assert "secret" not in response.text


@pytest.mark.parametrize(
    ("param", "named", "words"),
    [
        ("messages", "input", "no"),
        ("stop", "stop", "no"),
        (None, None, "no"),
        ("images[1]", "input[2].image_url", "Invalid 'input[2].image_url': no"),
        ("images[2]", "images[2]", "no"),  # there are two
        ("images[999]", "images[999]", "no"),
        ("images[-1]", "images[-1]", "no"),
    ],
)
def test_what_a_worker_blames_has_its_name_in_the_request(param: str | None, named: str | None, words: str) -> None:
    error = SupernetError(ErrorCode.INVALID_REQUEST, "no", param=param, retry_after_s=3)
    told = renamed(error, {"messages": "input"}, ["input[0].image_url", "input[2].image_url"])
    assert (told.code, told.param, told.message) == (error.code, named, words)
    assert told.retry_after_s == 3
