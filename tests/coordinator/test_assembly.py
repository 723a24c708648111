"""What is opened for a coordinator, and what is not."""

import subprocess
import sys
from pathlib import Path

from tests.coordinator.conftest import Coordinator

ALONE = """
import sys
from coordinator import server
from coordinator.assembly import assembled
from coordinator.config import Config
with assembled(Config(db=sys.argv[1], port=0)) as running:
    assert running.services.joined is None
    print(*sorted(name for name in sys.modules if name.partition(".")[0] in ("nats", "nkeys")))
"""


def test_a_coordinator_that_is_alone_loads_nothing_of_nats(tmp_path: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-c", ALONE, str(tmp_path / "c.db")], capture_output=True, text=True, timeout=120, check=True
    )
    assert found.stdout.strip() == ""


async def test_a_coordinator_that_is_alone_names_its_jobs_after_no_edge(coordinator: Coordinator) -> None:
    assert coordinator.running.services.joined is None
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        await worker.prove(coordinator)
        assert (await http.get("/readyz")).json() == {"status": "ready"}
