import pytest
from starlette.requests import Request

from coordinator.api.query import whole_number
from wire.errors import ErrorCode, SupernetError


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
