from coordinator.cluster.cell.lodger import Lodger
from coordinator.cluster.cell.reporting import event_of, events, waits
from coordinator.cluster.protocol.messages import MAX_EVENTS, Accepted, Ended, Placed
from coordinator.dispatch import effects as says
from coordinator.dispatch.effects import Report
from tests.coordinator.cluster.samples import EDGE, SPEC
from tests.coordinator.dispatch.driver import Driver
from wire.chat import Usage
from wire.errors import ErrorCode, SupernetError


def test_a_placement_of_a_job_that_has_ended_meanwhile_is_no_news() -> None:
    dispatch = Driver().dispatch
    assert event_of(says.Placed("j1", "o/w", 1), dispatch) is None
    assert event_of(says.Queued("j1", 1), dispatch) is None
    assert event_of(says.Accepted("j1", 1), dispatch) == Accepted(1, 0)


def test_counts_go_along_with_each_placement() -> None:
    driver = Driver()
    driver.join()
    driver.submit()
    placed = event_of(says.Placed("j1", "gpus/w1", 1), driver.dispatch)
    assert isinstance(placed, Placed) and (placed.instance, placed.tried.starts) == ("a", 1)


def test_every_end_says_how_often_it_was_tried() -> None:
    dispatch, report = Driver().dispatch, Report(Usage(prompt=7, completion=3), attempts=2)
    error = SupernetError(ErrorCode.ENGINE_ERROR, "x")
    ends: list[says.JobEnd] = [
        says.Finished("j", "stop", report),
        says.Failed("j", error, report),
        says.Stopped("j", report),
    ]
    told = [event_of(end, dispatch) for end in ends]
    assert [(one.kind, one.attempts, one.usage.completion) for one in told if isinstance(one, Ended)] == [
        ("finished", 2, 3),
        ("failed", 2, 3),
        ("stopped", 2, 3),
    ]


def test_messages_are_not_too_long() -> None:
    told = events(EDGE, [("j", 1, number, Accepted(1, 0)) for number in range(MAX_EVENTS + 1)])
    assert [len(tell.message.items) for tell in told] == [MAX_EVENTS, 1]  # type: ignore[union-attr]


def test_those_that_run_do_not_wait() -> None:
    driver = Driver()
    driver.join(slots=1)
    driver.submit(SPEC.id)
    assert waits([Lodger(SPEC, EDGE, 1, 0.0)], driver.dispatch) == []
