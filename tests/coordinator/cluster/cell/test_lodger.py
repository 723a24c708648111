from coordinator.cluster.cell.lodger import MOST_PROGRESS, Lodger
from coordinator.cluster.protocol.answer import Answer
from coordinator.cluster.protocol.messages import Accepted
from coordinator.dispatch.effects import Progressed
from tests.coordinator.cluster.samples import EDGE, JOB, OTHER, SPEC, delta


def test_events_are_numbered_and_kept_until_they_are_taken() -> None:
    lodger = Lodger(SPEC, EDGE, 1, 0.0)
    assert [lodger.happens(Accepted(1, 0)), lodger.happens(delta("a"))] == [0, 1]
    lodger.taken(1)
    assert list(lodger.untaken) == [(1, delta("a"))]


def test_of_progress_only_so_much_is_on_the_way() -> None:
    lodger = Lodger(SPEC, EDGE, 1, 0.0)
    said = [lodger.happens(Progressed(JOB, "denoising", step, 100)) for step in range(MOST_PROGRESS + 2)]
    assert said == [*range(MOST_PROGRESS), None, None]
    assert lodger.happens(Accepted(1, 0)) == MOST_PROGRESS
    lodger.taken(1)
    assert lodger.happens(Progressed(JOB, "denoising", 50, 100)) == MOST_PROGRESS + 1


def test_another_edge_has_it_from_the_beginning() -> None:
    lodger = Lodger(SPEC, EDGE, 3, 0.0, answer=Answer())
    lodger.happens(Accepted(1, 0))
    lodger.happens(delta("a", 0))
    lodger.taken(2)
    lodger.happens(delta("b", 1))
    lodger.lost_at = 5.0
    lodger.moves_to(OTHER, 9.0)
    assert (lodger.edge, lodger.leg, lodger.next, lodger.is_told) == (OTHER, 4, 2, False)
    assert [number for number, _ in lodger.untaken] == [0, 1]
    assert lodger.happens(delta("c", 2)) == 2


def test_what_nobody_waits_for_is_not_kept_twice() -> None:
    lodger = Lodger(SPEC, EDGE, 1, 0.0, answer=Answer(), stays_alone=True)
    assert lodger.happens(delta("a")) == 0 and not lodger.untaken
