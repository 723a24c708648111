"""What can be asked for now: of workers that are ready, and of the catalog's pipelines alone."""

from dataclasses import dataclass

from coordinator.api.media_ready import MediaReady
from coordinator.media.ready import Ready
from tests.coordinator.conftest import Coordinator, Start, until
from tests.coordinator.media_worker import CATALOG, media_worker
from wire.messages import DEAD_AFTER_S


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def looking(running: Coordinator, clock: Clock) -> MediaReady:
    services = running.running.services
    return MediaReady(services.hub.dispatch, services.catalog, clock)


def online(running: Coordinator, pipeline: str) -> int:
    return running.running.services.hub.dispatch.online(pipeline).workers


async def test_it_is_what_workers_have_ready(start_coordinator: Start) -> None:
    async with start_coordinator(CATALOG) as running:
        ready = looking(running, Clock())
        assert ready.now() == Ready()
        async with media_worker(running, "edits", "films"):
            await until(lambda: len(ready.now().offers) == 2)
            (offer,) = ready.now().offers["edits"]
            assert offer.modes == ("generate_image", "edit_image")


async def test_whose_workers_left_a_moment_ago_counts_until_they_would_be_back(start_coordinator: Start) -> None:
    async with start_coordinator(CATALOG) as running:
        clock = Clock()
        ready = looking(running, clock)
        async with media_worker(running, "films"):
            await until(lambda: bool(online(running, "films")))
            was = ready.now()
        await until(lambda: not online(running, "films"))
        clock.now += DEAD_AFTER_S - 1
        assert ready.now() == was and was.offers
        clock.now += 1
        assert ready.now() == Ready()


async def test_it_does_not_count_where_others_serve_its_tools(start_coordinator: Start) -> None:
    async with start_coordinator(CATALOG) as running:
        ready = looking(running, Clock())
        async with media_worker(running, "edits"):
            await until(lambda: bool(online(running, "edits")))
            async with media_worker(running, "draws", name="w2"):
                await until(lambda: ready.now().offers.keys() == {"draws", "edits"})
            await until(lambda: not online(running, "draws"))
            assert ready.now().offers.keys() == {"edits"}  # draws pictures as well
