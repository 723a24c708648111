"""What the operator reads of workers."""

from typing import Any

from tests.coordinator.hub.test_hub import Stage
from wire import messages as wire


async def test_a_worker_forges_no_line_of_the_log(caplog: Any) -> None:
    caplog.set_level("INFO", "supernet.hub")
    stage = Stage()
    words = "boom\n2026-01-01 INFO supernet.hub worker joined \x1b[2J"
    stage.hub.received("s1", wire.Issue(code="x", severity="error", message=words))
    assert "boom" in caplog.text
    assert all("\n" not in record.getMessage() and "\x1b" not in record.getMessage() for record in caplog.records)


async def test_what_happens_to_a_worker_is_logged_with_its_id_in_a_field_of_its_own(caplog: Any) -> None:
    caplog.set_level("INFO", "supernet.hub")
    Stage()
    (joined,) = (record for record in caplog.records if getattr(record, "event", "") == "worker joined")
    assert (joined.worker, joined.job) == ("gpus/w", "")
