"""Links, over HTTP."""

import asyncio

import httpx
import pytest

from coordinator.artefact import Artefact
from coordinator.artefacts.names import EXTENSIONS
from coordinator.artefacts.rows import block, end_all
from coordinator.artefacts.sweeper import Sweeper
from tests.coordinator.artefacts.files import of_every_type, png
from tests.coordinator.conftest import Coordinator, Start


async def kept(coordinator: Coordinator, data: bytes, media_type: str = "image/png") -> Artefact:
    services = coordinator.running.services
    principal = services.accounts.authenticate({"authorization": f"Bearer {coordinator.key}"}, "client")
    return await services.artefacts.keep(principal.account, data, media_type)


async def test_a_link_is_read_by_anybody_and_run_by_nobody(coordinator: Coordinator) -> None:
    artefacts = coordinator.running.services.artefacts
    async with httpx.AsyncClient() as http:
        for media_type, data in of_every_type().items():
            made = await kept(coordinator, data, media_type)
            link = artefacts.link(made)
            assert link == f"{coordinator.url}/m/{made.id}.{EXTENSIONS[media_type]}"
            for method in ("GET", "HEAD"):
                answer = await http.request(method, link)
                assert answer.status_code == 200
                assert len(answer.content) == (made.size_bytes if method == "GET" else 0)
                headers = dict(answer.headers)
                assert headers["content-type"] == media_type
                assert headers["content-length"] == str(made.size_bytes)
                assert headers["etag"] == f'"{made.sha256}"'
                assert headers["accept-ranges"] == "bytes"
                assert headers["x-content-type-options"] == "nosniff"
                assert headers["content-security-policy"] == "sandbox; default-src 'none'"
                assert headers["cross-origin-resource-policy"] == "cross-origin"
                assert headers["referrer-policy"] == "no-referrer"
                name = link.rpartition("/")[2]
                assert headers["content-disposition"] == f'inline; filename="supernet-{name}"'
                private, immutable, age = headers["cache-control"].split(", ")
                assert (private, immutable) == ("private", "immutable")
                assert 0 < int(age.removeprefix("max-age=")) <= 30 * 86_400
            saved = await http.get(link, params={"download": "1"})
            assert saved.headers["content-disposition"].startswith("attachment; ")


async def test_parts_of_it_are_given_by_range(coordinator: Coordinator) -> None:
    made = await kept(coordinator, png(100, 100))
    link = coordinator.running.services.artefacts.link(made)
    async with httpx.AsyncClient() as http:
        whole = (await http.get(link)).content
        size = len(whole)
        for wanted, part, told in (
            ("bytes=0-99", whole[:100], f"bytes 0-99/{size}"),
            ("bytes=100-", whole[100:], f"bytes 100-{size - 1}/{size}"),
            ("bytes=-7", whole[-7:], f"bytes {size - 7}-{size - 1}/{size}"),
        ):
            answer = await http.get(link, headers={"range": wanted})
            assert (answer.status_code, answer.content, answer.headers["content-range"]) == (206, part, told)
            assert answer.headers["x-content-type-options"] == "nosniff"
            head = await http.head(link, headers={"range": wanted})
            assert (head.status_code, head.content) == (206, b"")
        beyond = await http.get(link, headers={"range": f"bytes={size}-"})
        assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
        same = {"range": "bytes=0-9", "if-range": f'"{made.sha256}"'}
        assert (await http.get(link, headers=same)).status_code == 206
        assert (await http.get(link, headers=same | {"if-range": '"other"'})).status_code == 200


async def test_who_has_it_is_not_sent_it_again(coordinator: Coordinator) -> None:
    made = await kept(coordinator, png())
    link = coordinator.running.services.artefacts.link(made)
    async with httpx.AsyncClient() as http:
        for tag in ("*", f'"{made.sha256}"', f'W/"{made.sha256}"', f'"x", "{made.sha256}"'):
            answer = await http.get(link, headers={"if-none-match": tag})
            assert (answer.status_code, answer.content) == (304, b"")
        assert (await http.get(link, headers={"if-none-match": '"x"'})).status_code == 200


async def test_what_was_deleted_by_hand_is_over(coordinator: Coordinator) -> None:
    artefacts = coordinator.running.services.artefacts
    made = await kept(coordinator, png())
    await artefacts.objects.delete(made.sha256)
    async with httpx.AsyncClient() as http:
        gone = await http.get(artefacts.link(made))
        assert (gone.status_code, gone.json()["error"]["code"]) == (410, "expired")


async def test_what_is_over_or_withdrawn_says_so_and_what_never_was_is_unknown(coordinator: Coordinator) -> None:
    services, store = coordinator.running.services, coordinator.running.store
    made, other = await kept(coordinator, png()), await kept(coordinator, png())
    link = services.artefacts.link(made)
    async with httpx.AsyncClient() as http:
        await store.run(block, other.id, True)
        assert (await http.get(services.artefacts.link(other))).status_code == 410
        account = (await services.artefacts.find(made.id)).account
        await store.run(end_all, account, made.made_ms)
        for _ in range(2):
            gone = await http.get(link)
            assert (gone.status_code, gone.json()["error"]["code"]) == (410, "expired")
            assert made.sha256 not in str(gone.headers)
            await Sweeper(services.artefacts).once(orphans=False)


@pytest.mark.parametrize(
    "name",
    [
        "{id}.jpg",
        "{id}.svg",
        "{id}.html",
        "{id}",
        "{id}.png.html",
        "{id}.png%00.html",
        "../m/{id}.png",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/etc/passwd",
        "....//{id}.png",
        "{other}.png",
        "{id}.png%0d%0aset-cookie:%20a=b",
        "\\..\\{id}.png",
    ],
)
async def test_no_other_name_finds_anything(coordinator: Coordinator, name: str) -> None:
    made = await kept(coordinator, png())
    path = name.replace("{id}", made.id).replace("{other}", "A" * 22)
    host, port = coordinator.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET /m/{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 404") and b"PNG" not in answer and b"root:" not in answer


async def test_links_begin_with_the_operators_address(start_coordinator: Start) -> None:
    async with start_coordinator(public_url="https://supernet.example/api") as coordinator:
        made = await kept(coordinator, png())
        assert coordinator.running.services.artefacts.link(made) == f"https://supernet.example/api/m/{made.id}.png"
