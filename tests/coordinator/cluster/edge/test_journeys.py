from coordinator.cluster.edge.journey import Journey
from coordinator.cluster.edge.journeys import Journeys
from coordinator.cluster.protocol.errands import Tell
from coordinator.cluster.protocol.messages import MAX_JOBS, Cancel, Release, Resync, Taken
from coordinator.scheduler.state import Job, JobSpec, Limits
from tests.coordinator.cluster.samples import CELL, OTHER, REQUEST


def table(count: int, cell: str = CELL) -> Journeys:
    table = Journeys(Limits())
    for number in range(count):
        spec = JobSpec(f"j{number}.0.eeeeeeee", "client", "m", REQUEST, 7)
        table.jobs[spec.id] = Journey(Job(spec, submitted=0.0, waiting_since=0.0), cell)
    return table


def test_lists_for_a_cell_are_told_once_and_what_is_over_first() -> None:
    found = table(2)
    first, second = found.jobs.values()
    found.release(CELL, "x", 1)
    found.took(first)
    found.ask(first, 5.0)
    found.release(OTHER, "y", 2)
    found.release(CELL, "z", 3)
    found.took(second)
    found.tell(CELL, Cancel("c", 1))
    out = [one for one in found.flush() if isinstance(one, Tell)]
    assert [type(one.message) for one in out] == [Release, Release, Cancel, Resync, Taken]
    assert out[0] == Tell(CELL, Release((("x", 1), ("z", 3)))) and out[1].to == OTHER
    assert isinstance(out[4].message, Taken) and len(out[4].message.items) == 2
    assert first.asked_at == 5.0 and found.flush() == [] and found.counts.resyncs == 1


def test_what_a_cell_has_is_asked_for_as_a_whole() -> None:
    found = table(2)
    found.ask_all(CELL, 5.0)
    (tell,) = found.flush()
    assert isinstance(tell, Tell) and isinstance(tell.message, Resync)
    assert tell.message.whole and len(tell.message.items) == 2
    found.ask_all(OTHER, 5.0)
    assert found.flush() == [Tell(OTHER, Resync((), Taken(()), True))]


def test_but_not_where_it_is_too_much_for_one_message() -> None:
    found = table(MAX_JOBS + 1)
    found.ask_all(CELL, 5.0)
    (tell,) = found.flush()
    assert isinstance(tell, Tell) and isinstance(tell.message, Resync)
    assert not tell.message.whole and len(tell.message.items) == MAX_JOBS


def test_jobs_in_no_cell_tell_nobody_anything() -> None:
    found = table(1)
    (journey,) = found.jobs.values()
    journey.cell = None
    found.took(journey)
    found.ask(journey, 5.0)
    found.drop(journey)
    assert found.flush() == []
