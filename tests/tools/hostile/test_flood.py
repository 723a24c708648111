"""Every flood against real processes: who floods is left and refused, who is flooded lives, and takes little memory."""

import pytest

from tools.hostile.flood import coordinator, floods, worker
from tools.hostile.flood.__main__ import RSS_GROWTH_MB, broken
from tools.hostile.flood.felt import QUIET, Felt, least_and_most
from tools.hostile.flood.floods import CHUNK_BYTES

pytestmark = pytest.mark.process
SECONDS, BYTES = 4.0, 20_000_000


def test_a_coordinator_leaves_a_worker_that_floods_and_its_account_waits() -> None:
    for flood, felt in zip(
        floods.of_a_worker(), coordinator.felt(list(floods.of_a_worker()), SECONDS, BYTES), strict=True
    ):
        assert felt.closed >= 1 and felt.refused >= 1, (flood.name, felt)
        assert felt.sent_mb < BYTES / 1e6, (flood.name, felt)
        assert felt.rss_growth_mb < RSS_GROWTH_MB, (flood.name, felt)


def test_a_worker_leaves_a_coordinator_that_floods_and_answers_its_owner() -> None:
    for flood, felt in zip(
        floods.of_a_coordinator(), worker.felt(list(floods.of_a_coordinator()), SECONDS, BYTES), strict=True
    ):
        assert felt.opened >= 1 and felt.asked_p99_ms > 0, (flood.name, felt)
        assert felt.sent_mb <= (BYTES + 4 * CHUNK_BYTES) / 1e6, (flood.name, felt)
        assert felt.rss_growth_mb < RSS_GROWTH_MB, (flood.name, felt)


def test_a_promise_is_broken_when_the_best_run_breaks_it() -> None:
    def row(**more: float) -> dict[str, tuple[float, float]]:
        quiet = dict(sent_mb=1, opened=1, closed=1, refused=1, asked_p99_ms=9, asked_worst_ms=9, worst_gap_ms=60)
        return least_and_most([Felt(**{**quiet, "rss_growth_mb": 1, "cpu_s": 1, **more})])  # type: ignore[arg-type]

    fine = {QUIET: row(), "pings": row(worst_gap_ms=300, asked_p99_ms=99)}
    assert broken(fine, fine) == []
    assert broken({**fine, "pings": row(worst_gap_ms=320)}, fine) == ["pings: a stream stood still for 320 ms"]
    assert broken(fine, {**fine, "pings": row(rss_growth_mb=70)}) == ["worker, pings: memory"]
    assert len(broken({**fine, "pings": row(asked_p99_ms=101)}, {**fine, "pings": row(asked_p99_ms=1001)})) == 2
