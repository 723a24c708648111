"""GET /v1/models: what is in the catalog, and what is online."""

import openai
import pytest

from tests.coordinator import media_worker
from tests.coordinator.api.test_chat import ASK
from tests.coordinator.conftest import CATALOG, Coordinator, Start, until
from wire.blobs import VISION
from wire.messages import Hello
from wire.offers import ModelOffer


async def test_models_say_what_is_online(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.openai() as client:
        await worker.join(slots=3)
        await until(lambda: coordinator.running.services.hub.dispatch.online("tiny").free == 3)
        listed = [model async for model in client.models.list()]
        one = await client.models.retrieve("tiny")
    assert [model.id for model in listed] == ["tiny", "other"]
    assert one.model_extra is not None
    assert (one.model_extra["workers_online"], one.model_extra["slots"], one.model_extra["free_slots"]) == (1, 3, 3)


async def test_models_tell_the_longest_context_of_the_workers_that_are_online(coordinator: Coordinator) -> None:
    async with coordinator.worker() as small, coordinator.openai() as client:
        await small.join("small", context=1024)
        await until(lambda: coordinator.running.services.hub.dispatch.online("tiny").workers == 1)
        alone = (await client.models.retrieve("tiny")).model_extra
        async with coordinator.worker() as large:
            await large.join("large", context=2048)
            await until(lambda: coordinator.running.services.hub.dispatch.online("tiny").workers == 2)
            both = (await client.models.retrieve("tiny")).model_extra
    assert alone and both
    assert [told["context_length"] for told in (alone, both)] == [1024, 2048]
    assert both["max_context_length"] == 4096


async def test_models_say_which_see_pictures_and_whether_a_worker_is_there_that_does(
    start_coordinator: Start,
) -> None:
    catalog = CATALOG.replace("thinking: true", "projector: {name: mmproj.gguf}, thinking: true")
    async with start_coordinator(catalog) as coordinator, coordinator.worker() as blind, coordinator.openai() as client:
        await blind.join("blind", slots=3)
        online = coordinator.running.services.hub.dispatch.online
        await until(lambda: online("tiny").free == 3)
        before = (await client.models.retrieve("tiny")).model_extra
        async with coordinator.worker() as seeing:
            offer = ModelOffer(id="tiny", context=4096, slots=2, features=(VISION,))
            await seeing.say(Hello(worker="seeing", instance="a", models=(offer,)))
            await seeing.ready(2)
            await until(lambda: online("tiny").free == 5)
            after = (await client.models.retrieve("tiny")).model_extra
        other = (await client.models.retrieve("other")).model_extra
    assert before and after and other
    assert (before["vision"]["workers_online"], before["vision"]["free_slots"]) == (0, 0)
    assert (after["vision"]["workers_online"], after["vision"]["free_slots"]) == (1, 2)
    assert other["vision"] is None and "vision" not in other["features"]


async def test_an_unknown_model_is_404_with_the_parameter(coordinator: Coordinator) -> None:
    async with coordinator.openai() as client:
        with pytest.raises(openai.NotFoundError) as caught:
            await client.models.retrieve("no/such")
        assert caught.value.code == "model_not_found"
        with pytest.raises(openai.NotFoundError) as caught:
            await client.chat.completions.create(**{**ASK, "model": "gpt-9"})
        assert caught.value.param == "model"


async def test_models_that_make_media_are_listed_when_they_are_asked_for(start_coordinator: Start) -> None:
    async with start_coordinator(media_worker.CATALOG) as coordinator, coordinator.openai() as client:
        assert [model.id async for model in client.models.list()] == ["tiny"]
        for kind, ids in (("image", ["draws", "edits"]), ("video", ["films"]), ("audio", []), ("chat", ["tiny"])):
            assert [model.id async for model in client.models.list(extra_query={"type": kind})] == ids
        with pytest.raises(openai.BadRequestError, match="supported values are 'chat', 'image', 'video', 'audio'"):
            await client.models.list(extra_query={"type": "music"})


async def test_a_model_that_makes_media_says_what_can_be_asked_for_now(start_coordinator: Start) -> None:
    async with start_coordinator(media_worker.CATALOG) as coordinator, coordinator.openai() as client:
        before = (await client.models.retrieve("films")).model_extra
        async with media_worker.media_worker(coordinator, "films"):
            await until(lambda: coordinator.running.services.hub.dispatch.online("films").free == 1)
            after = (await client.models.retrieve("films")).model_extra
    assert before and after
    assert (before["workers_online"], before["modes"]) == (0, [])
    assert (after["workers_online"], after["modes"]) == (1, ["generate_video", "generate_video.first"])
