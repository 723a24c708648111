from dataclasses import replace

from coordinator.cluster.edge import reclaiming
from coordinator.cluster.edge.journey import Journey
from coordinator.cluster.edge.journeys import Journeys
from coordinator.cluster.protocol.messages import Reclaim
from coordinator.scheduler.state import Job, Lease, Limits
from tests.coordinator.cluster.samples import CELL, OTHER, PROCESS, SPEC, WORKER


def journeys(*bytes_each: int) -> Journeys:
    """Jobs on one worker, with files of so many bytes."""
    table = Journeys(Limits())
    for number, size in enumerate(bytes_each):
        spec = replace(SPEC, id=f"j{number}.0.eeeeeeee", blobs={"a" * 64: bytes(size)})
        journey = table.jobs[spec.id] = Journey(Job(spec, submitted=0.0, waiting_since=0.0))
        journey.board(CELL, 1.0)
        journey.job.lease, journey.instance = Lease(spec.id, 1, WORKER, "m", "client", since=1.0), PROCESS
    return table


def kept(table: Journeys, cell: str = OTHER) -> list[str]:
    items = tuple((job, 1, 0) for job in table.jobs)
    return [one.job[:2] for one in reclaiming.reclaim(table, Reclaim(WORKER, PROCESS, items), cell, 2.0)]


def test_all_jobs_of_the_worker_go_on_under_new_legs() -> None:
    table = journeys(0, 0)
    assert kept(table) == ["j0", "j1"]
    assert {(one.cell, one.job.legs, one.sure_at) for one in table.jobs.values()} == {(OTHER, 2, 4.0)}
    assert len(table.flush()) == 1 and table.counts.reclaimed == 2


def test_a_cell_to_which_the_worker_has_come_back_is_not_told_to_stop() -> None:
    table = journeys(0)
    assert kept(table, CELL) == ["j0"] and table.flush() == []


def test_more_than_an_answer_carries_is_left_where_it_is() -> None:
    table = journeys(3_000_000, 4_000_000)
    assert kept(table) == ["j0"]
    assert [one.job.legs for one in table.jobs.values()] == [2, 1]


def test_jobs_that_are_not_ours_are_nobodys() -> None:
    assert reclaiming.reclaim(journeys(), Reclaim(WORKER, PROCESS, (("x", 1, 0),)), OTHER, 2.0) == ()
