"""The files of the dashboard, as a browser gets them."""

import gzip
import re

import httpx
import pytest

from coordinator.dashboard.files import FOLDER, PAGES, read_files
from tests.coordinator.conftest import Coordinator

SCRIPTS = sorted(path.name for path in FOLDER.glob("*.js"))


async def get(coordinator: Coordinator, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=coordinator.url) as http:
        return await http.get(path, headers=headers)


@pytest.mark.parametrize("path", [path.replace("{worker}", "0123456789ab") for path in PAGES])
async def test_every_page_is_the_document_under_a_strict_policy(coordinator: Coordinator, path: str) -> None:
    response = await get(coordinator, path)
    assert response.status_code == 200 and response.text.startswith("<!doctype html>")
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
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
    file = read_files()["base.css"]
    assert file.packed is not None and gzip.decompress(file.packed) == file.plain


@pytest.mark.parametrize("name", ["nothing.js", "..%2f..%2fcli.py", "%2e%2e/static.py", "../static.py", ""])
async def test_nothing_else_is_served(coordinator: Coordinator, name: str) -> None:
    assert (await get(coordinator, f"/web/{name}")).status_code == 404


def test_the_document_holds_no_inline_script_or_style_and_names_no_other_host() -> None:
    text = (FOLDER / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|https?://", text)


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_makes_html_or_code_out_of_text(name: str) -> None:
    text = (FOLDER / name).read_text()
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser", text
    )


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_one_thought(name: str) -> None:
    assert len((FOLDER / name).read_text().splitlines()) <= 300
