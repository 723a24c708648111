"""Pictures as items of a Response: of the official types, with one id from beginning to end."""

from dataclasses import replace
from typing import Any

import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from coordinator.filled import Places
from coordinator.media.results import Piece, Result
from coordinator.openai.responses.drawings import picture_id
from coordinator.openai.responses.events import ResponseEvents
from coordinator.request import PictureWish
from coordinator.rounds.events import ToolProgress
from tests.coordinator.openai.responses.test_events import ENVELOPE, REPEATED, USAGE
from tests.coordinator.rounds.scripts import artefact, url
from wire.chat import Content
from wire.errors import ErrorCode, SupernetError

Json = dict[str, Any]

DRAW, EDIT = "sogni_generate_image", "sogni_edit_image"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAEAAAABA"
EVENT: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
QUEUED = ToolProgress("1.1", "call_1", DRAW, "{}", "queued")
RUNS = replace(QUEUED, status="running", percent=50)


def begun(**wish: Any) -> ResponseEvents:
    places = Places("mark:")
    return ResponseEvents(ENVELOPE, REPEATED, {}, (), (PictureWish(frozenset({DRAW, EDIT}), **wish), places))


def done(*numbers: int, progress: ToolProgress = QUEUED, **fields: Any) -> ToolProgress:
    pieces = tuple(Piece(artefact(number), url(number), None, number) for number in numbers)
    result = Result(progress.call_id, progress.name, pieces, "image", "draws", "a cat", 7, **fields)
    return replace(progress, status="done" if pieces else "failed", percent=100, preview="", result=result)


def told(events: ResponseEvents, *steps: ToolProgress) -> list[Json]:
    said = [event for step in steps for event in events.tool(step)]
    for event in said:
        EVENT.validate_python(event)
    return said


def kinds(events: list[Json]) -> list[str]:
    return [event["type"].removeprefix("response.").removeprefix("image_generation_call.") for event in events]


def output(events: ResponseEvents) -> list[Json]:
    end = events.finish("stop", USAGE)[-1]
    Response.model_validate(end["response"])
    found: list[Json] = end["response"]["output"]
    return found


def test_a_picture_from_its_first_step_to_its_last() -> None:
    events = begun(previews=2, format="webp")
    events.first()
    events.parts((Content(text="I draw."),))
    said = told(events, QUEUED, RUNS, replace(RUNS, percent=60, preview=PNG), replace(RUNS, percent=70), done(0))
    assert kinds(said) == [
        *("output_text.done", "content_part.done", "output_item.done"),
        *("output_item.added", "in_progress", "generating", "partial_image", "completed", "output_item.done"),
    ]
    added, preview, finished = said[3], said[6], said[-1]
    assert (added["item"]["status"], added["item"]["result"]) == ("in_progress", None)
    assert (preview["partial_image_b64"], preview["partial_image_index"]) == (PNG, 0)
    item = finished["item"]
    assert item["id"] == added["item"]["id"] == preview["item_id"] == picture_id("1", "1.1", 0)
    assert (item["status"], item["result"], item["revised_prompt"]) == ("completed", "mark:" + artefact(0).id, "a cat")
    assert (item["size"], item["action"], added["item"]["output_format"]) == ("64x64", "generate", "webp")
    events.parts((Content(text="Here."),))
    assert [one["type"] for one in output(events)] == ["message", "image_generation_call", "message"]
    assert output(events)[1] == item


def test_no_more_unfinished_pictures_than_were_asked_for_and_nothing_that_is_none() -> None:
    events = begun(previews=1)
    steps = [replace(RUNS, preview=preview) for preview in ("PGh0bWw+PGJvZHk+", PNG, PNG)]
    assert kinds(told(events, *steps)).count("partial_image") == 1
    assert "partial_image" not in kinds(told(begun(), *steps))


def test_pictures_side_by_side_keep_apart() -> None:
    events = begun()
    other = ToolProgress("1.2", "call_2", EDIT, "{}", "running")
    said = told(events, RUNS, other, done(0, progress=other), done(0))
    first, second = picture_id("1", "1.1", 0), picture_id("1", "1.2", 0)
    of = {(event["output_index"], event.get("item_id") or event["item"]["id"]) for event in said}
    assert of == {(0, first), (1, second)}
    assert [(one["id"], one["action"], one["status"]) for one in output(events)] == [
        (first, "generate", "completed"),
        (second, "edit", "completed"),
    ]


def test_variations_are_items_of_their_own_and_the_one_that_is_missing_failed() -> None:
    events = begun()
    told(events, replace(RUNS, name=EDIT), done(1, 2, progress=replace(RUNS, name=EDIT)))
    ids = [(one["id"], one["status"]) for one in output(events)]
    states = ("failed", "completed", "completed")
    assert ids == [(picture_id("1", "1.1", choice), state) for choice, state in enumerate(states)]


def test_a_drawing_that_failed_says_why() -> None:
    events = begun()
    said = told(events, RUNS, done(error="no", code=ErrorCode.CONTENT_FILTER))
    assert kinds(said)[-1] == "output_item.done"
    (item,) = output(events)
    assert (item["status"], item["result"]) == ("failed", "")
    assert (item["error"]["code"], item["error"]["message"]) == ("content_filter", "no")


@pytest.mark.parametrize(("code", "items"), [(None, 0), (ErrorCode.NO_WORKER, 1)])
def test_a_call_that_cannot_be_carried_out_is_between_the_model_and_us(code: ErrorCode | None, items: int) -> None:
    events = begun()
    told(events, QUEUED, done(error="prompt is missing", code=code))
    shown = [one for one in output(events) if one["type"] == "image_generation_call"]
    assert len(shown) == items
    assert events.whole()["sogni_tool_results"][0]["error"] == "prompt is missing"


def test_an_answer_that_breaks_off_leaves_no_picture_open() -> None:
    events = begun()
    told(events, RUNS)
    end = events.fail(SupernetError(ErrorCode.NO_WORKER, "gone"))[-1]
    assert [item["status"] for item in end["response"]["output"]] == ["failed"]


def test_what_is_no_picture_or_not_wanted_as_one_is_no_item() -> None:
    music = replace(QUEUED, name="sogni_generate_music")
    assert told(begun(), music, done(0, progress=music)) == []
    assert told(ResponseEvents(ENVELOPE, REPEATED, {}), RUNS, done(0)) == []
