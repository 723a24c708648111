"""A picture that was made earlier in a conversation is edited by a later turn, through the real HTTP API: the link in
the text of the earlier answer is all that the next request has of it."""

import asyncio
import json
import re
from contextlib import closing
from hashlib import sha256
from typing import Any

import pytest

from coordinator.store.database import Database
from tests.coordinator.api.platform_driver import call, turn
from tests.coordinator.api.test_platform_attachments import calls, network, stranger, upload
from tests.coordinator.conftest import Start, chat_of
from tests.coordinator.media_catalog import png
from tests.coordinator.media_worker import make_of, media_worker
from wire.media import EditImage, GenerateImage

LINK = re.compile(r"http://[0-9.:]+/m/[A-Za-z0-9_-]{22}\.png")


def body(api: str, streams: bool, *said: str) -> dict[str, Any]:
    """A request of that API with these turns, the user's first."""
    turns = [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(said)]
    return {"model": "tiny", "stream": streams, "sogni_tools": True, "messages" if "chat" in api else "input": turns}


@pytest.mark.parametrize("api", ["chat/completions", "responses"])
@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("name", ["link", "media:1", ""])
async def test_a_later_turn_edits_what_an_earlier_one_drew(
    start_coordinator: Start, api: str, streams: bool, name: str
) -> None:
    async with (
        network(start_coordinator) as (coordinator, worker),
        media_worker(coordinator, "draws", "edits", serves=True) as media,
        coordinator.http() as http,
    ):
        asked = asyncio.create_task(http.post(f"/v1/{api}", json=body(api, streams, "draw an alley")))
        await turn(worker, call())
        await turn(worker, "Here.")
        found = LINK.search((await asked).text)
        assert found is not None
        drawn = (await http.get(found[0])).content
        talk = ("draw an alley", f"Here.\n\n![a neon alley]({found[0]})", "make it blue")
        asked = asyncio.create_task(http.post(f"/v1/{api}", json=body(api, streams, *talk)))
        named = {"source_image_url": found[0] if name == "link" else name} if name else {}
        first = await turn(worker, calls(**named))
        second = await turn(worker, "Blue.")
        answer = await asked
    assert [message.content for message in chat_of(first).messages] == list(talk)
    assert json.loads(chat_of(second).messages[-1].content)["success"] is True
    drawing, editing = media.asked
    assert isinstance(make_of(drawing), GenerateImage)
    make = make_of(editing)
    assert isinstance(make, EditImage)
    assert make.images == (sha256(drawn).hexdigest(),)
    assert len(set(LINK.findall(answer.text))) == 1
    assert found[0] not in answer.text


async def test_what_is_gone_or_somebody_elses_is_told_to_the_model_and_not_fetched(start_coordinator: Start) -> None:
    async with (
        network(start_coordinator) as (coordinator, worker),
        media_worker(coordinator, "edits", serves=True) as media,
        coordinator.http() as http,
        coordinator.http(await stranger(coordinator)) as other,
    ):
        theirs = await upload(other, png(32, 16), "image/png")
        over = await upload(http, png(16, 16), "image/png")
        with closing(Database(coordinator.config.db)) as database, database.transaction() as connection:
            ended = "UPDATE artefacts SET expires_ms = 1 WHERE id = ?"
            connection.exec_driver_sql(ended, (over.rpartition("/")[2].removesuffix(".png"),))
        unknown = over.replace(over.rpartition("/")[2], f"{'Z' * 22}.png")
        elsewhere = "https://elsewhere.example/m/AAAAAAAAAAAAAAAAAAAAAA.png"
        links = (theirs, over, unknown, elsewhere)
        talk = ("draw", " and ".join(links), "make it blue")
        asked = asyncio.create_task(http.post("/v1/chat/completions", json=body("chat", False, *talk)))
        named = [calls(source_image_url=link).model_copy(update={"index": n}) for n, link in enumerate(links)]
        await turn(worker, *named)
        second = await turn(worker, "It is gone.")
        assert (await asked).status_code == 200
    told = [json.loads(message.content) for message in chat_of(second).messages[-4:]]
    assert [one["success"] for one in told] == [False] * 4
    assert [one["error"] for one in told[:3]] == [
        "There is no such media.",
        "This media has expired: its bytes are gone.",
        "There is no such media.",
    ]
    assert "nothing else is fetched" in told[3]["error"]
    assert media.asked == []
