import asyncio
import json
from hashlib import sha256
from typing import Any

import pytest

from coordinator.dispatch.effects import Finished, Made, Progressed, Report
from coordinator.hub.buffers import AnswerEvent
from coordinator.media.handles import Handles, Medium
from coordinator.media.results import Result
from coordinator.rounds.calls import Calls
from coordinator.rounds.course import Wanted
from coordinator.rounds.events import ToolProgress
from tests.coordinator.media.samples import LINK, PNG, PUBLIC_URL
from tests.coordinator.rounds.scripts import BROKEN, METADATA, Studio, artefact, drawing, fails, url
from wire.chat import Usage
from wire.errors import ErrorCode, SupernetError
from wire.media import EditImage, GenerateImage


def wanted(*arguments: dict[str, Any], name: str = "sogni_generate_image") -> list[Wanted]:
    return [Wanted(place, f"call_{place}", name, json.dumps(one)) for place, one in enumerate(arguments, 1)]


CAT = {"prompt": "a cat"}


async def run(
    studio: Studio, calls: list[Wanted], artefacts: int = 0, **shop: Any
) -> tuple[list[Result], list[ToolProgress]]:
    running = Calls(studio.workshop(**shop), "1", calls, artefacts)
    told: list[ToolProgress] = []
    async with asyncio.timeout(10):
        while running.results is None:
            told += await running.take(5)
    return running.results, told


async def test_a_call_becomes_a_job_and_its_artefact_a_result() -> None:
    studio = Studio(drawing())
    (result,), told = await run(studio, wanted({**CAT, "seed": 7}))
    assert result.success
    assert [piece.url for piece in result.pieces] == [url()]
    assert result.pieces[0].handle == "media:2"  # behind the one of the conversation
    assert (result.media_type, result.model, result.prompt, result.seed) == ("image", "z_image_turbo_bf16", "a cat", 7)
    name, job = studio.jobs[0]
    assert (name, job.n, job.seed, job.stream) == ("1.1", 1, 7, True)
    assert isinstance(job.request.make, GenerateImage)
    assert result.cost_nano == job.units
    assert [progress.status for progress in told][-1] == "done"
    percents = [progress.percent for progress in told]
    assert percents == sorted(percents)
    assert told[-1].result == result
    assert studio.ran[0].cancelled  # what has ended is not touched by that


async def test_a_seed_is_drawn_where_none_is_given() -> None:
    studio = Studio(drawing())
    (result,), _ = await run(studio, wanted(CAT))
    assert (result.seed, studio.jobs[0][1].seed) == (42, 42)


@pytest.mark.parametrize(
    ("arguments", "studio", "said"),
    [
        ({}, Studio(), "prompt is missing"),
        (CAT, Studio(SupernetError(ErrorCode.INSUFFICIENT_QUOTA, "the account has $0.01")), "the account has $0.01"),
        (CAT, Studio(SupernetError(ErrorCode.QUEUE_FULL, "busy")), "busy"),
        (CAT, Studio(SupernetError(ErrorCode.CONTENT_FILTER, "nothing of that")), "nothing of that"),
        (CAT, Studio([fails("no worker is left")]), "no worker is left"),
        (CAT, Studio([fails("blocked by the content filter")]), "blocked by the content filter"),
    ],
)
async def test_what_fails_is_told_to_the_model(arguments: dict[str, Any], studio: Studio, said: str) -> None:
    (result,), told = await run(studio, wanted(arguments))
    assert (result.success, result.error) == (False, said) or said in result.error
    assert told[-1].status == "failed"


async def test_an_account_without_room_draws_nothing() -> None:
    studio = Studio()
    studio.shelf.full = "no room"
    (result,), _ = await run(studio, wanted(CAT))
    assert (result.error, studio.jobs) == ("no room", [])


async def test_the_ninth_call_of_a_round_is_not_run() -> None:
    studio = Studio(*(drawing(number) for number in range(1, 9)))
    results, _ = await run(studio, wanted(*[CAT] * 9))
    assert [result.success for result in results] == [True] * 8 + [False]
    assert "at most 8 calls" in results[8].error


async def test_artefacts_of_a_request_are_bounded() -> None:
    studio = Studio()
    calls = wanted({**CAT, "number_of_variations": 16}, name="sogni_edit_image")
    (result,), _ = await run(studio, calls, artefacts=60)
    assert "at most 64 artefacts" in result.error
    assert studio.jobs == []


async def test_variations_that_are_lost_leave_the_others() -> None:
    ended = Finished("job", "stop", Report(Usage(prompt=0, completion=0), worker="w"))
    script: list[AnswerEvent] = [
        Progressed("job", "denoising", 8, 8),
        Made("job", artefact(1)),
        ended,
        fails("worker lost"),
    ]
    (result,), _ = await run(Studio(script), wanted({**CAT, "number_of_variations": 2}, name="sogni_edit_image"))
    assert result.success
    assert len(result.pieces) == 1
    assert result.notes == ("1 of 2 failed: worker lost",)


async def test_what_the_client_will_not_wait_for_is_refused_at_once() -> None:
    studio = Studio(left_s=2.0)
    fast = studio.ready.offers["z_image_turbo_bf16"][0].model_copy(update={"speed": 0.5})
    studio.ready = type(studio.ready)({"z_image_turbo_bf16": (fast,)})
    (result,), _ = await run(studio, wanted(CAT))
    assert "it takes about 16 s" in result.error
    assert studio.jobs == []


async def test_a_picture_that_is_stored_here_is_read_for_its_own_account() -> None:
    studio = Studio(drawing(2))
    studio.shelf.files["AbCdEfGhIjKlMnOpQrStUv"] = b"the picture"
    arguments = {**CAT, "source_image_url": LINK}
    (result,), _ = await run(studio, wanted(arguments, name="sogni_edit_image"), handles=Handles(PUBLIC_URL))
    assert result.success
    job = studio.jobs[0][1]
    assert isinstance(job.request.make, EditImage)
    assert job.request.make.images == (artefact(7).sha256,)
    assert job.blobs == {artefact(7).sha256: b"the picture"}
    strange = {**CAT, "source_image_url": LINK.replace("AbCd", "ZZZZ")}
    (result,), _ = await run(Studio(), wanted(strange, name="sogni_edit_image"), handles=Handles(PUBLIC_URL))
    assert result.error == "There is no such media."


async def test_files_are_read_in_turn_and_what_has_none_waits_for_nobody() -> None:
    studio = Studio(drawing())
    studio.crowded = "too many files are read"
    studio.shelf.files["AbCdEfGhIjKlMnOpQrStUv"] = b"the picture"
    edit = {**CAT, "source_image_url": LINK}
    (result,), _ = await run(studio, wanted(edit, name="sogni_edit_image"), handles=Handles(PUBLIC_URL))
    assert (result.error, studio.jobs) == (studio.crowded, [])
    (result,), _ = await run(studio, wanted(CAT))
    assert result.success


async def test_what_a_client_sent_is_verified_before_a_worker_gets_it() -> None:
    handles = Handles(PUBLIC_URL)
    handles.add(Medium("image", sha256="1" * 64, data=PNG + METADATA))
    handles.add(Medium("image", sha256="2" * 64, data=PNG + BROKEN))
    handles.add(Medium("image", sha256="3" * 64, data=PNG + METADATA, verified=True))
    studio = Studio(drawing(2), drawing(3))
    names = [{**CAT, "source_image_url": f"media:{number}"} for number in (1, 2, 3)]
    calls = [one for name in names for one in wanted(name, name="sogni_edit_image")]
    results = [(await run(studio, [call], handles=handles))[0][0] for call in calls]
    assert [result.success for result in results] == [True, False, True]
    assert results[1].error == "The file is damaged or cut off."
    (_, first), (_, third) = studio.jobs
    assert first.blobs == {sha256(PNG).hexdigest(): PNG}
    assert isinstance(first.request.make, EditImage)
    assert first.request.make.images == (sha256(PNG).hexdigest(),)
    assert third.blobs == {"3" * 64: PNG + METADATA}


async def test_a_link_with_the_wrong_ending_is_told_to_the_model() -> None:
    studio = Studio()
    studio.shelf.files["AbCdEfGhIjKlMnOpQrStUv"] = b"a picture"
    handles = Handles(PUBLIC_URL)
    handles.add(Medium("video", artefact="AbCdEfGhIjKlMnOpQrStUv"))
    arguments = {**CAT, "reference_video_url": "media:1"}
    (result,), _ = await run(studio, wanted(arguments, name="sogni_video_to_video"), handles=handles)
    assert "leads to image/png" in result.error
    assert studio.jobs == []


async def test_two_run_at_a_time_and_all_are_cancelled() -> None:
    studio = Studio([], [], [])
    running = Calls(studio.workshop(), "1", wanted(CAT, CAT, CAT), 0)
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(studio.jobs) == 2
    running.cancel()
    for _ in range(10):
        await asyncio.sleep(0)
    assert [script.cancelled for script in studio.ran] == [True, True]
    assert len(studio.jobs) == 2


async def test_a_fault_of_ours_is_not_told_as_a_tools() -> None:
    studio = Studio()  # it has no script for the job
    with pytest.raises(IndexError):
        await run(studio, wanted(CAT))


async def test_an_unfinished_picture_is_told_once_and_is_not_lost_behind_later_news() -> None:
    shown = Progressed("job", "denoising", 2, 8, "iVBO")
    other = Progressed("job", "denoising", 6, 8)
    studio = Studio([shown, other, *drawing()])
    _, told = await run(studio, wanted(CAT))
    assert [progress.preview for progress in told if progress.preview] == ["iVBO"]
    assert {progress.part for progress in told} == {"1.1"}


async def test_of_several_variations_those_of_the_first_are_shown() -> None:
    events = [Progressed("job", "denoising", step, 8, f"iVBO{step}") for step in (1, 2)]
    studio = Studio([*events, *drawing(0), *drawing(1)])
    edit = wanted({**CAT, "number_of_variations": 2}, name="sogni_edit_image")
    running = Calls(studio.workshop(), "1", edit, 0)
    async with asyncio.timeout(10):
        while not studio.ran:  # noqa: ASYNC110 - no event says it
            await asyncio.sleep(0)
        choices = iter([0, 1, 0, 0, 0, 1, 1, 1])
        studio.ran[0].choice = lambda _: next(choices)
        told: list[ToolProgress] = []
        while running.results is None:
            told += await running.take(5)
    assert [progress.preview for progress in told if progress.preview] == ["iVBO1"]
    assert [(piece.artefact, piece.choice) for piece in running.results[0].pieces] == [
        (artefact(0), 0),
        (artefact(1), 1),
    ]
