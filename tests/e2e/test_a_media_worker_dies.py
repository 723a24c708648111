"""A worker that is killed while it draws, and a client that leaves: real programs around a scripted pipeline."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.coordinator.conftest import Coordinator, Start
from tests.coordinator.conftest import migrated_file as migrated_file
from tests.coordinator.conftest import start_coordinator as start_coordinator
from tests.coordinator.media_worker import CATALOG
from worker.daemon import control_socket

pytestmark = pytest.mark.process

PATIENCE_S = 120
STEPS = 20  # of 50 ms each
PRICE = 3_000_000  # nano-dollars, of a picture of up to a million pixels


class Worker:
    """`supernet-worker --scripted-media` in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self.process, self.folder = process, folder

    async def pipeline(self) -> dict[str, Any] | None:
        """The pipeline as --status shows it; None: it is not registered yet."""
        with contextlib.suppress(control_socket.ControlError):
            said = await asyncio.to_thread(control_socket.ask, self.folder, "status")
            if said is not None and said["coordinator"] == "registered" and said["media"]:
                shown: dict[str, Any] = said["media"][0]
                return shown
        return None

    async def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            if (shown := await self.pipeline()) is not None and wanted(shown):
                return shown
            await asyncio.sleep(0.02)


@asynccontextmanager
async def working(coordinator: Coordinator, folder: Path) -> AsyncIterator[Worker]:
    arguments = ["--scripted-media", "--media", "draws", "--catalog", str(coordinator.config.catalog)]
    arguments += ["--coordinator", coordinator.url, "--key", coordinator.key, "--state-dir", str(folder)]
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "worker", *arguments)
    try:
        worker = Worker(process, folder)
        await worker.until(lambda shown: shown["status"] == "ready")
        yield worker
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def drawn(coordinator: Coordinator, seed: int) -> str:
    async with coordinator.openai(timeout=PATIENCE_S) as client:
        wish = {"seed": seed, "steps": STEPS}
        answer = await client.images.generate(prompt="a fox", model="draws", size="64x64", extra_body=wish)
    assert answer.data is not None and answer.data[0].b64_json is not None
    return answer.data[0].b64_json


async def spent(coordinator: Coordinator) -> int:
    async with coordinator.http() as http:
        return sum(row["cost_nano_usd"] for row in (await http.get("/v1/account/usage")).json()["data"])


async def test_killed_at_half_of_its_steps_it_is_drawn_again_elsewhere_with_one_charge(
    start_coordinator: Start, tmp_path: Path
) -> None:
    async with asyncio.timeout(2 * PATIENCE_S), start_coordinator(CATALOG) as coordinator:
        async with working(coordinator, tmp_path / "a") as first:
            task = asyncio.create_task(drawn(coordinator, seed=5))
            await first.until(lambda shown: shown["step"] >= STEPS // 2)
            async with working(coordinator, tmp_path / "b") as second:
                whole = await task  # nobody disturbs it: this is what the picture looks like
                again = asyncio.create_task(drawn(coordinator, seed=5))
                busy, idle = await _at_half(first, second)
                busy.process.send_signal(signal.SIGKILL)
                assert await again == whole, "the same seed"
                assert (await idle.until(lambda shown: shown["ended"].get("done", 0) >= 1))["uploads"] >= 1
        assert await spent(coordinator) == 2 * PRICE, "one charge for each"


async def _at_half(*workers: Worker) -> tuple[Worker, Worker]:
    """The one that draws, once it is half through, and the other."""
    first, second = workers
    while True:
        for busy, idle in ((first, second), (second, first)):
            shown = await busy.pipeline()
            if shown is not None and shown["step"] >= STEPS // 2:
                return busy, idle
        await asyncio.sleep(0.02)


async def test_a_client_that_leaves_frees_the_slot_and_pays_nothing(start_coordinator: Start, tmp_path: Path) -> None:
    async with asyncio.timeout(2 * PATIENCE_S), start_coordinator(CATALOG) as coordinator:
        async with working(coordinator, tmp_path / "a") as worker:
            task = asyncio.create_task(drawn(coordinator, seed=5))
            await worker.until(lambda shown: shown["step"] >= 2)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            left = await worker.until(lambda shown: shown["ended"].get("cancelled", 0) == 1)
            assert (left["running"], left["ended"].get("done", 0), left["uploads"]) == (0, 0, 0)
            await drawn(coordinator, seed=6)
        assert await spent(coordinator) == PRICE, "of two requests one was paid"
