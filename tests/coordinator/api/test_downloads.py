"""/downloads as pip, browsers and the installer meet it."""

import asyncio
import hashlib
import os
import re
from pathlib import Path

import httpx
import pytest

from coordinator.api import downloads
from coordinator.identity.addresses import read_networks
from tests.coordinator.a_release import release
from tests.coordinator.conftest import Coordinator, Start, until
from tools.release import manifest

WHEEL = "supernet-0.2.0-py3-none-any.whl"
CPU = "engines/cpu/llama_cpp_python-0.3.36-py3-none-any.whl"


async def test_without_a_release_there_is_none_and_the_page_is_told_so(coordinator: Coordinator) -> None:
    async with httpx.AsyncClient(base_url=coordinator.url) as http:
        told = (await http.get("/downloads")).json()
        assert (told["version"], told["engines"], told["installer_sha256"], told["image"]) == (None, [], None, None)
        for path in ("/downloads/install.sh", "/downloads/simple/cpu", "/downloads/simple/cpu/supernet"):
            assert (await http.get(path)).status_code == 404


async def test_the_index_leads_to_every_file_and_says_its_hash(start_coordinator: Start, tmp_path: Path) -> None:
    async with (
        start_coordinator(downloads=release(tmp_path / "release")) as running,
        httpx.AsyncClient(base_url=running.url) as http,
    ):
        index = (await http.get("/downloads/simple/cpu/")).text
        projects = re.findall(r'href="([^"]+)"', index)
        assert len(projects) == 4 and "/downloads/simple/cpu/llama-cpp-python/" in projects
        links = [link for path in projects for link in re.findall(r'href="([^"]+)"', (await http.get(path)).text)]
        assert len(links) == 5
        for link in links:
            path, _, sha256 = link.partition("#sha256=")
            file = await http.get(path)
            assert hashlib.sha256(file.content).hexdigest() == sha256
            assert "max-age" in file.headers["cache-control"] and file.headers["x-content-type-options"] == "nosniff"


async def test_the_installer_is_read_as_text_and_never_kept(start_coordinator: Start, tmp_path: Path) -> None:
    async with (
        start_coordinator(downloads=release(tmp_path / "release"), worker_image="registry.example/w:1") as running,
        httpx.AsyncClient(base_url=running.url) as http,
    ):
        told = (await http.get("/downloads")).json()
        script = await http.get("/downloads/install.sh")
        assert script.headers["content-type"].startswith("text/plain") and script.headers["cache-control"] == "no-cache"
        assert hashlib.sha256(script.content).hexdigest() == told["installer_sha256"]
        assert (told["version"], told["engines"], told["image"]) == ("0.2.0", ["cpu", "vulkan"], "registry.example/w:1")
        again = await http.get("/downloads/install.sh", headers={"if-none-match": script.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        part = await http.get(f"/downloads/{WHEEL}", headers={"range": "bytes=0-7"})
        assert (part.status_code, part.content) == (206, b"supernet")


@pytest.mark.parametrize(
    "name",
    ["..%2fsecret", "%2e%2e/secret", "../secret", "/etc/passwd", "engines", "engines/cpu/../../secret", "nothing"],
)
async def test_a_name_that_the_manifest_lacks_is_never_a_path(
    start_coordinator: Start, tmp_path: Path, name: str
) -> None:
    (tmp_path / "secret").write_text("x")
    async with (
        start_coordinator(downloads=release(tmp_path / "release")) as running,
        httpx.AsyncClient(base_url=running.url) as http,
    ):
        for path in (f"/downloads/{name}", f"/downloads/simple/{name}", f"/downloads/simple/cpu/{name}"):
            assert (await http.get(path)).status_code == 404


async def test_too_many_at_once_are_told_to_wait_and_a_place_is_free_again(
    start_coordinator: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        start_coordinator(downloads=release(tmp_path / "release")) as running,
        httpx.AsyncClient(base_url=running.url) as http,
    ):
        api = running.running.services.downloads
        monkeypatch.setattr(downloads, "MAX_AT_ONCE", 1)
        with api.under_way("elsewhere"):
            busy = await http.get(f"/downloads/{WHEEL}")
            assert (busy.status_code, busy.headers["retry-after"]) == (503, "10")
        for _ in range(3):
            assert (await http.get(f"/downloads/{WHEEL}")).status_code == 200
            await until(lambda: not api._at_once)  # its file is closed after the last byte


async def test_who_fetches_many_leaves_places_to_others(
    start_coordinator: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        start_coordinator(downloads=release(tmp_path / "release")) as running,
        httpx.AsyncClient(base_url=running.url) as http,
    ):
        services = running.running.services
        services.identity.proxies = read_networks("127.0.0.1")
        monkeypatch.setattr(downloads, "MAX_OF_ONE", 1)
        with services.downloads.under_way(services.identity.place("203.0.113.9", [])):
            for address, status in (("203.0.113.9", 503), ("203.0.113.77", 503), ("198.51.100.7", 200)):
                answer = await http.get(f"/downloads/{WHEEL}", headers={"x-forwarded-for": address})
                assert answer.status_code == status
        answer = await http.get(f"/downloads/{WHEEL}", headers={"x-forwarded-for": "203.0.113.9"})
        assert answer.status_code == 200


async def test_a_transfer_ends_also_where_its_reader_stands_still(
    start_coordinator: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = release(tmp_path / "release")
    os.truncate(folder / WHEEL, 2**26)  # more than a connection holds
    manifest.write(folder, "0.2.0", ["3.11"], {"cpu": manifest.Engine(CPU, "x86_64", "2.17", ())})
    monkeypatch.setattr(downloads, "TRANSFER_S", 0.5)
    async with start_coordinator(downloads=folder) as running:
        api = running.running.services.downloads
        address = httpx.URL(running.url)
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(f"GET /downloads/{WHEEL} HTTP/1.1\r\nhost: {address.host}\r\n\r\n".encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        await until(lambda: not api._at_once)
        writer.close()
