"""Objects in a bucket of a real S3 server."""

import hashlib
import os
from pathlib import Path

import httpx
import pytest

from coordinator.artefacts.objects import ObjectsError
from coordinator.artefacts.s3 import S3Objects
from tests.coordinator.artefacts.files import png
from tests.coordinator.conftest import Coordinator, Start

pytestmark = pytest.mark.process
NAME = "ab" * 32


async def test_an_object_is_put_in_parts_read_by_link_and_goes(env: None, tmp_path: Path) -> None:
    objects, file, data = S3Objects("s3://media/some/where"), tmp_path / "file", os.urandom(20_000_000)
    for _ in range(2):
        file.write_bytes(data)
        await objects.put(NAME, file, "video/mp4")
    assert hashlib.sha256(await objects.read(NAME)).digest() == hashlib.sha256(data).digest()
    assert [listed.sha256 async for listed in objects.all()] == [NAME]
    assert [listed async for listed in S3Objects("s3://media/some/other").all()] == []
    link = await objects.place(NAME, "video/mp4")
    assert isinstance(link, str)
    async with httpx.AsyncClient() as http:
        part = await http.get(link, headers={"range": "bytes=5-14"})
        assert (part.status_code, part.content) == (206, data[5:15])
        assert part.headers["content-type"] == "video/mp4"
        assert part.headers["content-disposition"].startswith("inline")
        assert (await http.get(link.partition("?")[0])).status_code == 403  # nobody without a signature
        assert (await http.put(link, content=b"x")).status_code == 403  # nor to write
    await objects.delete(NAME)
    await objects.delete(NAME)
    with pytest.raises(ObjectsError):
        await objects.read(NAME)


async def test_a_bucket_that_is_not_there_is_told_without_its_keys(
    env: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
    file = tmp_path / "file"
    file.write_bytes(b"x")
    with pytest.raises(ObjectsError) as refused:
        await S3Objects("s3://media/x").put(NAME, file, "image/png")
    assert "another-secret" not in str(refused.value) and "Debug" not in str(refused.value)


async def kept(coordinator: Coordinator) -> str:
    services = coordinator.running.services
    principal = services.accounts.authenticate({"authorization": f"Bearer {coordinator.key}"}, "client")
    return services.artefacts.link(await services.artefacts.keep(principal.account, png(), "image/png"))


async def test_a_link_of_ours_leads_to_one_that_is_signed_now(env: None, start_coordinator: Start) -> None:
    async with start_coordinator(artefacts="s3://media/network") as coordinator, httpx.AsyncClient() as http:
        link = await kept(coordinator)
        led = await http.get(link)
        assert (led.status_code, led.headers["cache-control"]) == (302, "no-store")
        shown = await http.get(led.headers["location"])
        assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")
        artefact_id = link.rpartition("/")[2].removesuffix(".png")
        row = await coordinator.running.services.artefacts.find(artefact_id)
        assert hashlib.sha256(shown.content).hexdigest() == row.artefact.sha256
        await coordinator.running.services.artefacts.delete(row.account, artefact_id)
        assert (await http.get(link)).status_code == 404
        assert (await http.get(led.headers["location"])).status_code == 404
