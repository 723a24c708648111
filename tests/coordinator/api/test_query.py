import json
import re

import pytest
from starlette.requests import Request

from coordinator.api.pages import OPENAPI
from coordinator.api.query import only, whole_number
from tests.coordinator.conftest import Coordinator
from wire.errors import ErrorCode, SupernetError

LENIENT = ("/v1/models", "/v1/account/me", "/v1/worker")


def asked(query: str) -> Request:
    return Request({"type": "http", "query_string": query.encode(), "headers": []})


@pytest.mark.parametrize(("query", "found"), [("", 30), ("days=1", 1), ("days=007", 7), ("days=366&other=x", 366)])
def test_a_number_within_its_bounds_is_read(query: str, found: int) -> None:
    assert whole_number(asked(query), "days", 30, 1, 366) == found


@pytest.mark.parametrize("query", ["days=0", "days=367", "days=-1", "days=1.5", "days=1e2", "days=%D9%A1", "days=x"])
def test_all_else_is_refused_by_name(query: str) -> None:
    with pytest.raises(SupernetError) as caught:
        whole_number(asked(query), "days", 30, 1, 366)
    assert (caught.value.code, caught.value.param) == (ErrorCode.INVALID_REQUEST, "days")


@pytest.mark.parametrize("query", ["", "days=1", "days=1&api-version=2024-10-21", "beta=true&beta=true"])
def test_known_names_pass_and_so_does_what_sdks_add_to_every_request(query: str) -> None:
    only(asked(query), "days")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("dyas=1", "Unknown query parameter 'dyas'. Did you mean 'days'?"),
        ("x=1", "Unknown query parameter 'x'. Known here: 'days', 'model'."),
        ("days=1&days=2", "The query parameter 'days' is given twice."),
        ("=1", "Unknown query parameter ''. Known here: 'days', 'model'."),
        ("y" * 99 + "=1", f"Unknown query parameter '{'y' * 64}'. Known here: 'days', 'model'."),
    ],
)
def test_another_name_is_refused_with_what_it_may_have_meant(query: str, said: str) -> None:
    with pytest.raises(SupernetError) as caught:
        only(asked(query), "account", "days", "model")
    assert (caught.value.code, caught.value.message) == (ErrorCode.INVALID_REQUEST, said)


async def test_what_the_document_names_is_known_and_nothing_else_in_our_own_words(coordinator: Coordinator) -> None:
    """Of every GET of ours; those in others' words pass over what they do not know."""
    document = json.loads(OPENAPI)
    checked = 0
    async with coordinator.http() as http:
        for path, item in document["paths"].items():
            if "get" not in item or not path.startswith("/v1/") or path.startswith(LENIENT):
                continue
            named = [*item.get("parameters", ()), *item["get"].get("parameters", ())]
            place = re.sub(r"\{\w+\}", "x", path)
            for name in (one["name"] for one in named if one["in"] == "query"):
                answer = await http.get(place, params={name: "?"})
                assert "Unknown query parameter" not in answer.text, (path, name)
            answer = await http.get(place, params={"nonsense": "1"})
            if answer.status_code not in (403, 404):
                assert answer.status_code == 400 and answer.json()["error"]["param"] == "nonsense", path
                checked += 1
        assert checked >= 8
        assert (await http.get("/v1/models", params={"beta": "true", "client_version": "1", "limit": 9})).is_success
        spent = await http.post("/v1/account/earnings/spend", params={"knd": "credit"})
        assert (spent.status_code, spent.json()["error"]["param"]) == (400, "knd"), "all of it would have been moved"
