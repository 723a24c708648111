"""The pages of the dashboard and their files, as a browser gets them."""

import httpx
import pytest

from coordinator.dashboard.files import FOLDER
from tests.coordinator.conftest import Coordinator


async def get(coordinator: Coordinator, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=coordinator.url) as http:
        return await http.get(path, headers=headers)


@pytest.mark.parametrize("path", ["/", "/playground", "/account", "/earnings", "/add-worker", "/workers/0123456789ab"])
async def test_every_page_is_the_document_under_a_strict_policy(coordinator: Coordinator, path: str) -> None:
    response = await get(coordinator, path)
    assert response.status_code == 200 and response.text.startswith("<!doctype html>")
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert "img-src 'self' data:;" in policy and "media-src 'self';" in policy, "nothing of another host"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"


async def test_an_address_that_leads_nowhere_is_a_page_for_a_browser_and_json_for_a_program(
    coordinator: Coordinator,
) -> None:
    browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    etag = (await get(coordinator, "/")).headers["etag"]
    page = await get(coordinator, "/no/such/page", **browser, **{"if-none-match": etag})
    assert page.status_code == 404 and page.text.startswith("<!doctype html>")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for path, accept in (("/no/such/page", "*/*"), ("/v1/nothing", browser["accept"])):
        told = await get(coordinator, path, accept=accept)
        assert (told.status_code, told.json()["error"]["code"]) == (404, "unknown_url")


async def test_an_unchanged_file_is_not_sent_again(coordinator: Coordinator) -> None:
    first = await get(coordinator, "/web/main.js")
    assert first.headers["cache-control"] == "no-cache"
    assert first.headers["content-type"].startswith("text/javascript")
    again = await get(coordinator, "/web/main.js", **{"if-none-match": f'"other", W/{first.headers["etag"]}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    other = await get(coordinator, "/web/main.js", **{"if-none-match": '"other"'})
    assert other.status_code == 200


async def test_a_file_is_packed_for_who_can_unpack_it(coordinator: Coordinator) -> None:
    packed = await get(coordinator, "/web/base.css", **{"accept-encoding": "gzip"})
    plain = await get(coordinator, "/web/base.css", **{"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
    assert packed.content == plain.content == (FOLDER / "base.css").read_bytes()


@pytest.mark.parametrize("name", ["nothing.js", "..%2f..%2fcli.py", "%2e%2e/static.py", "../static.py", ""])
async def test_nothing_else_is_served(coordinator: Coordinator, name: str) -> None:
    assert (await get(coordinator, f"/web/{name}")).status_code == 404
