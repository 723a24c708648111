"""/v1/media, over HTTP."""

import asyncio
from hashlib import sha256

import httpx
import pytest

from coordinator.accounts.accounts import create_account
from coordinator.artefacts import artefacts as room
from coordinator.artefacts import rows
from coordinator.artefacts.rows import Room, list_reports
from coordinator.store.database import Database
from tests.coordinator.api.test_artefact_uploads import files
from tests.coordinator.artefacts.files import WORDS, jpeg, mp4, of_every_type, png
from tests.coordinator.conftest import Coordinator, make_key, until

PNG = {"content-type": "image/png"}


async def stranger(coordinator: Coordinator) -> str:
    """The key of another account."""

    def make() -> str:
        database = Database(coordinator.config.db)
        create_account(database, "stranger", 0)
        database.close()
        return make_key(coordinator.config, account="stranger")

    key = await asyncio.to_thread(make)
    accounts = coordinator.running.services.accounts
    await until(lambda: len(accounts._keys) == 2)
    return key


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


async def test_a_file_of_every_type_is_sent_shown_listed_and_deleted(coordinator: Coordinator) -> None:
    async with coordinator.http() as http:
        made = []
        for media_type, data in of_every_type().items():
            answer = await http.post("/v1/media", content=data, headers={"content-type": media_type})
            assert answer.status_code == 201, answer.text
            shown = answer.json()
            assert (shown["object"], shown["media_type"], shown["origin"]) == ("media", media_type, "upload")
            content = (await http.get(shown["url"])).content
            assert (len(content), sha256(content).hexdigest()) == (shown["bytes"], shown["sha256"])
            assert WORDS.encode() not in content
            assert (await http.get(f"/v1/media/{shown['id']}")).json() == shown
            made.append(shown)
        listed = (await http.get("/v1/media")).json()
        assert listed["object"] == "list" and not listed["has_more"]
        assert {one["id"] for one in listed["data"]} == {one["id"] for one in made}
        first = (await http.get("/v1/media", params={"limit": "3"})).json()
        rest = (await http.get("/v1/media", params={"after": first["last_id"]})).json()
        assert first["has_more"] and first["data"] + rest["data"] == listed["data"]
        for one in made:
            gone = await http.delete(f"/v1/media/{one['id']}")
            assert gone.json() == {"object": "media.deleted", "id": one["id"], "deleted": True}
            assert code(await http.get(f"/v1/media/{one['id']}")) == (404, "not_found")
            assert (await http.get(one["url"])).status_code == 404
    assert files(coordinator) == []


async def test_a_form_is_taken_too(coordinator: Coordinator) -> None:
    async with coordinator.http() as http:
        picture, film = jpeg(40, 24, orientation=6), mp4()
        answer = await http.post("/v1/media", files={"file": ("me.jpg", picture, "image/jpeg")})
        assert (answer.json()["width"], answer.json()["height"]) == (24, 40)
        answer = await http.post("/v1/media", files={"file": ("../../a.mp4", film, "video/mp4")})
        assert (answer.status_code, answer.json()["frames"]) == (201, 9)
        for form in (
            {"other": ("a.png", png(), "image/png")},
            {"file": ("a.html", b"<html>", "text/html")},
            {"file": (None, "text")},
        ):
            assert code(await http.post("/v1/media", files=form)) == (400, "invalid_request")
    assert len(files(coordinator)) == 2


HOSTILE = [
    ("image/svg+xml", b"<svg/>", 400),
    ("text/html", b"<html>", 400),
    ("", png(), 400),
    ("image/gif", b"GIF89a", 400),
    ("image/png", b"<html>", 422),
    ("image/png", b"", 422),
    ("image/png", png()[:-5], 422),
    ("image/png", jpeg(), 422),
    ("video/mp4", png(), 422),
    ("video/mp4", mp4()[:-100], 422),
    ("audio/mpeg", b"ID3" + bytes(5000), 422),
    ("audio/wav", b"RIFF\xff\xff\xff\x7fWAVEfmt ", 422),
    ("audio/flac", b"fLaC" + bytes(100), 422),
]


async def test_what_is_none_of_them_is_refused_and_leaves_nothing(coordinator: Coordinator) -> None:
    async with coordinator.http() as http:
        for content_type, data, status in HOSTILE:
            answer = await http.post("/v1/media", content=data, headers={"content-type": content_type})
            assert answer.status_code == status, (content_type, data[:20], answer.text)
            assert answer.json()["error"]["type"] == "invalid_request_error"
        assert (await http.get("/v1/media")).json()["data"] == []
    assert files(coordinator) == []


async def test_what_no_file_is_called_is_looked_for_in_no_database(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "page", None)  # PostgreSQL takes no text with a character of the code 0
    async with coordinator.http() as http:
        assert code(await http.get("/v1/media", params={"after": "\0"})) == (404, "not_found")
        answer = await http.post(f"/v1/media/{'A' * 22}/report", json={"reason": "bad\0"})
        assert code(answer) == (400, "invalid_request")


FIELD = b'--b\r\ncontent-disposition: form-data; name="%b"\r\n\r\nx\r\n'


@pytest.mark.parametrize(
    ("content_type", "body", "said"),
    [
        ("multipart/form-data", b"x", "boundary"),
        ("multipart/form-data; boundary=b", b"x" * 1000, "cannot be read"),
        ("multipart/form-data; boundary=b", b"--b\r\nx", "'file'"),
        ("multipart/form-data; boundary=b", FIELD % (b"n" * 100_000) + b"--b--", "cannot be read"),
        ("multipart/form-data; boundary=b", FIELD % b"n" * 9 + b"--b--", "Too many fields"),
    ],
)
async def test_a_form_that_is_none_is_told_as_such(
    coordinator: Coordinator, content_type: str, body: bytes, said: str
) -> None:
    async with coordinator.http() as http:
        answer = await http.post("/v1/media", content=body, headers={"content-type": content_type})
    assert code(answer) == (400, "invalid_request")
    assert said in answer.json()["error"]["message"]


async def test_bounds_are_told_and_nothing_is_dropped_in_silence(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with coordinator.http() as http:
        kept = (await http.post("/v1/media", content=png(), headers=PNG)).json()
        coordinator.running.services.artefacts.room = Room(count=1)
        assert code(await http.post("/v1/media", content=png(), headers=PNG)) == (403, "media_quota_exceeded")
        assert (await http.get(kept["url"])).status_code == 200
        coordinator.running.services.artefacts.room = Room()
        monkeypatch.setitem(room.INPUT_BYTES, "image", 100)
        assert code(await http.post("/v1/media", content=png(), headers=PNG)) == (413, "request_too_large")
        form = {"file": ("a.png", png(), "image/png")}
        assert code(await http.post("/v1/media", files=form)) == (413, "request_too_large")
        for limit in ("0", "101", "x"):
            assert (await http.get("/v1/media", params={"limit": limit})).status_code == 400
        assert code(await http.get("/v1/media", params={"after": "A" * 22})) == (404, "not_found")
    assert len(files(coordinator)) == 1


async def test_another_account_sees_and_deletes_nothing_and_may_report(coordinator: Coordinator) -> None:
    async with coordinator.http() as http:
        made = (await http.post("/v1/media", content=png(), headers=PNG)).json()
    async with coordinator.http(await stranger(coordinator)) as http:
        assert (await http.get("/v1/media")).json()["data"] == []
        for name in (made["id"], "A" * 22, made["id"] + ".png", "..%2f" + made["id"], made["id"][:-1] + "%00"):
            for method in ("GET", "DELETE"):
                assert (await http.request(method, f"/v1/media/{name}")).status_code == 404
        assert code(await http.get("/v1/media", params={"after": made["id"]})) == (404, "not_found")
        assert (await http.get("/v1/media", params={"account": "default"})).status_code == 403
        path = f"/v1/media/{made['id']}/report"
        assert (await http.post(path, json={"reason": "it shows me"})).status_code == 201
        for wrong in ({}, {"reason": ""}, {"reason": "x" * 2001}, {"reason": 5}, {"reason": "x", "more": 1}):
            assert (await http.post(path, json=wrong)).status_code == 400
        assert code(await http.post(f"/v1/media/{'A' * 22}/report", json={"reason": "x"})) == (404, "not_found")
    (told,) = await coordinator.running.store.run(list_reports, 9)
    assert (told.artefact, told.reason) == (made["id"], "it shows me")
    async with coordinator.http() as http:
        assert (await http.get(made["url"])).status_code == 200
