"""Turns that a dishonest or a very unlucky cell may take; test_itinerary.py has the others."""

from coordinator.cluster.edge.hearing import MOST_TURNED_AWAY
from coordinator.cluster.protocol.errands import Route
from coordinator.cluster.protocol.messages import Accepted, Ended, HandedBack, No
from coordinator.dispatch.effects import Failed, Stopped
from coordinator.dispatch.so_far import Tried
from coordinator.scheduler.state import JobSpec
from tests.coordinator.cluster.samples import CELL, JOB, OTHER, REQUEST, Edge, delta, placed
from wire.chat import Usage
from wire.errors import ErrorCode, SupernetError
from wire.messages import Delta

BUSY = SupernetError(ErrorCode.OVERLOADED, "busy")


def test_cells_that_turn_a_job_away_are_asked_so_often() -> None:
    edge = Edge()
    for leg in range(1, MOST_TURNED_AWAY + 1):
        edge.out = edge.itinerary.heard(CELL, No(JOB, leg, BUSY), edge.now)
        assert edge.routes() == [Route(JOB, CELL)]
        edge.itinerary.send(JOB, CELL, edge.now)
    edge.out = edge.itinerary.heard(CELL, No(JOB, MOST_TURNED_AWAY + 1, BUSY), edge.now)
    assert edge.one(Failed).error is BUSY
    assert edge.itinerary.counts.handbacks == {"refused": MOST_TURNED_AWAY + 1}


def test_a_refusal_of_a_leg_of_before_counts_for_nothing() -> None:
    edge = Edge()
    edge.out = edge.itinerary.heard(OTHER, No(JOB, 1, BUSY), edge.now)
    assert not edge.routes()


def test_a_cell_that_says_what_cannot_be_loses_the_job() -> None:
    edge = Edge()
    edge.hears(placed(), Accepted(1, 0), delta("a", attempt=7))
    assert edge.routes() == [Route(JOB, CELL)]


def test_a_job_whose_client_has_left_goes_nowhere() -> None:
    for event in (HandedBack(Tried(), "shed"), Ended("failed", 0, Usage(prompt=0, completion=0), error=BUSY)):
        edge = Edge()
        edge.itinerary.cancel(JOB, edge.now)
        edge.hears(event)
        assert edge.one(Stopped) and not edge.routes()


def test_a_job_whose_worker_is_away_may_still_be_brought_along() -> None:
    edge = Edge()
    edge.streams("abc")
    edge.hears(HandedBack(Tried(starts=1, handbacks=1, kept=3), "its worker is away"))
    assert edge.itinerary.jobs[JOB].left is not None and edge.job.failures == 1
    failed = Edge()
    failed.streams("abc")
    failed.hears(HandedBack(Tried(starts=1, failures=1, handbacks=1, kept=3), "failed here"))
    assert failed.itinerary.jobs[JOB].left is None and failed.job.failures == 1


def test_what_stays_is_remembered_as_the_client_was_told() -> None:
    edge = Edge(JobSpec(JOB, "client", "m", REQUEST, 7, stays=True))
    edge.streams("abc")
    assert [type(event) for event in edge.itinerary.jobs[JOB].so_much()] == [type(placed()), Accepted, Delta]
