"""What can be asked for now: of workers that are ready, and of the catalog's pipelines alone."""

from coordinator.api.media_ready import ready_now
from coordinator.media.ready import Ready
from tests.coordinator.conftest import Start, until
from tests.coordinator.media_worker import CATALOG, media_worker


async def test_it_is_what_workers_have_ready(start_coordinator: Start) -> None:
    async with start_coordinator(CATALOG) as running:
        hub, catalog = running.running.services.hub, running.running.services.catalog.now
        assert ready_now(hub.dispatch, catalog) == Ready()
        async with media_worker(running, "edits", "films"):
            await until(lambda: len(ready_now(hub.dispatch, catalog).offers) == 2)
            (offer,) = ready_now(hub.dispatch, catalog).offers["edits"]
            assert offer.modes == ("generate_image", "edit_image")
        await until(lambda: not ready_now(hub.dispatch, catalog).offers)
