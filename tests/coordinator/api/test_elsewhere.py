"""Who asks for another server's path is told what to ask for here."""

import httpx
import pytest

from coordinator.api.elsewhere import INSTEAD, instead
from tests.coordinator.conftest import Coordinator


def test_a_path_is_known_with_a_slash_too_many_and_others_are_not() -> None:
    assert instead("/v1/completions/") == instead("/v1/completions") != ""
    assert instead("/v1/models") == instead("/nowhere") == instead("/") == ""


@pytest.mark.parametrize("path", INSTEAD)
async def test_the_404_says_what_to_use_whether_with_a_key_or_not(coordinator: Coordinator, path: str) -> None:
    async with httpx.AsyncClient(base_url=coordinator.url) as http:
        for method in ("GET", "POST"):
            response = await http.request(method, path)
            if (method, path) == ("POST", "/models"):
                assert response.status_code == 405, "there is a page"
                continue
            assert response.status_code == 404
            message = response.json()["error"]["message"]
            assert message == f"Unknown request URL: {method} {path}. {INSTEAD[path]}"
        page = await http.get("/models", headers={"accept": "text/html,*/*"})
        assert (page.status_code, page.headers["content-type"][:9]) == (200, "text/html")
