"""A job that is elsewhere, from its edge."""

from dataclasses import replace

import pytest

from coordinator.artefact import Artefact
from coordinator.cluster.edge.clocks import QUIET_S, SILENT_S
from coordinator.cluster.protocol.errands import Route, Tell
from coordinator.cluster.protocol.messages import (
    Accepted,
    Attached,
    Cancel,
    Ended,
    HandedBack,
    No,
    Placed,
    Reclaim,
    Release,
    Resync,
    Still,
    Submit,
    Taken,
    Unheard,
    Unknown,
    Waits,
)
from coordinator.dispatch.effects import Accepted as Begun
from coordinator.dispatch.effects import Deliver, Failed, Finished, Made, Progressed, Stopped
from coordinator.dispatch.membership import ORPHAN_S
from coordinator.dispatch.outlook import QueuePosition
from coordinator.dispatch.so_far import SoFar, Tried
from coordinator.scheduler.state import JobSpec, Limits
from tests.coordinator.cluster.samples import CELL, JOB, OTHER, PROCESS, REQUEST, SPEC, WORKER, Edge, delta, placed
from wire.chat import Usage
from wire.errors import ErrorCode, SupernetError
from wire.media import GenerateImage, MediaRequest

ENDED = Ended("finished", 1, Usage(prompt=7, completion=3))
BUSY = SupernetError(ErrorCode.QUEUE_FULL, "full")


def text(edge: Edge) -> str:
    return "".join(chr(token) for one in edge.all(Deliver) for token in one.delta.tokens)


# ---- a job that goes well --------------------------------------------------------------------------------------------


def test_a_job_is_submitted_under_its_first_leg() -> None:
    edge = Edge()
    assert edge.out == [Tell(CELL, Submit(JOB, 1, SPEC, SoFar(legs=1)))]


def test_a_client_is_told_what_dispatch_would_tell() -> None:
    edge = Edge()
    edge.hears(placed())
    edge.hears(Accepted(1, 7))
    assert edge.one(Begun) == Begun(JOB, 1)
    edge.hears(delta("ab", 0), delta("c", 1))
    assert text(edge) == "abc" and [one.completion for one in edge.all(Deliver)] == [2, 3]
    edge.now += 2
    edge.hears(ENDED)
    end = edge.one(Finished)
    assert (end.report.usage, end.report.served) == (Usage(prompt=7, completion=3), ((WORKER, 3),))
    assert (end.report.attempts, end.report.worker, end.report.reader) == (1, WORKER, WORKER)
    assert (end.report.queued_s, end.report.first_token_s, end.report.total_s) == (0, 0, 2)
    assert edge.told(Release) == [Release(((JOB, 1),))] and not edge.itinerary.jobs


def test_tokens_count_as_its_client_was_given_them_whatever_the_cell_says() -> None:
    edge = Edge()
    edge.streams("abc")
    edge.hears(Ended("finished", 1, Usage(prompt=10**6, completion=900)))
    assert edge.one(Finished).report.usage.completion == 3


def test_tokens_that_said_nothing_are_taken_back_with_its_cell() -> None:
    edge = Edge()
    edge.streams("abc")
    edge.hears(placed(starts=2, kept=1, failures=1))
    assert edge.job.delivered == [ord("a")] and edge.job.served == {WORKER: 1}


def test_what_was_made_goes_to_its_client() -> None:
    request = MediaRequest(make=GenerateImage(prompt="x", width=64, height=64, steps=4))
    edge = Edge(JobSpec(JOB, "client", "m", request, 7))
    edge.hears(placed(), Accepted(1, 0), Progressed(JOB, "denoising", 1, 4))
    assert edge.one(Progressed).percent == 24
    edge.hears(Progressed(JOB, "loading"))
    assert not edge.all(Progressed)  # another one that begins anew is silent
    artefact = Artefact("x", "0" * 64, "image/png", 9, 0, 1)
    edge.hears(Made(JOB, artefact), Ended("finished", 1, Usage(prompt=0, completion=0)))
    assert edge.one(Made).artefact == artefact and edge.all(Finished)


def test_its_place_in_the_queue_is_the_newest_that_its_cell_said() -> None:
    edge = Edge()
    edge.itinerary.heard(CELL, Waits(((JOB, 1, 3, 9.0),)), edge.now)
    assert edge.itinerary.jobs[JOB].position == QueuePosition(3, 9.0)
    edge.hears(placed())
    assert edge.itinerary.jobs[JOB].position is None


# ---- events that are lost, doubled, old ------------------------------------------------------------------------------


def test_an_event_counts_once_and_in_order() -> None:
    edge = Edge()
    edge.streams("ab")
    edge.hears(delta("b", 1), number=3)
    assert not edge.all(Deliver)
    edge.now += 1
    edge.hears(delta("d", 3), number=5)
    assert not edge.all(Deliver)
    assert edge.told(Resync)[0].items == ((JOB, 1, 4),)
    edge.hears(delta("c", 2), delta("d", 3), number=4)
    assert text(edge) == "cd"


def test_a_leg_that_is_not_the_current_one_is_told_to_stop() -> None:
    edge = Edge()
    edge.hears(placed(), leg=2)
    assert edge.told(Release) == [Release(((JOB, 2),))] and edge.job.lease is None
    edge.hears(placed(), cell=OTHER, number=0)
    assert edge.told(Release, OTHER) == [Release(((JOB, 1),))]


def test_what_its_client_takes_opens_the_workers_window() -> None:
    edge = Edge()
    edge.streams("abc")
    edge.passes(0.25)
    assert edge.told(Taken) == [Taken(((JOB, 1, 2, 1, 0),))]  # the first two were for the edge alone
    edge.out = edge.itinerary.acknowledged(JOB, 1, 1, edge.now)
    assert not edge.out
    edge.passes(0.5)
    assert edge.told(Taken) == [Taken(((JOB, 1, 4, 1, 2),))]


def test_much_that_was_taken_is_told_at_once() -> None:
    edge = Edge()
    edge.streams("x" * 40)
    edge.out = edge.itinerary.acknowledged(JOB, 1, 35, edge.now)
    assert edge.told(Taken) == [Taken(((JOB, 1, 38, 1, 36),))]


def test_a_quiet_leg_is_asked_for_with_all_that_was_taken() -> None:
    edge = Edge()
    edge.streams("abc")
    edge.itinerary.acknowledged(JOB, 1, 2, edge.now)
    edge.passes(QUIET_S)
    (resync,) = edge.told(Resync)
    assert (resync.items, resync.whole) == (((JOB, 1, 5),), False)
    assert resync.taken.items == ((JOB, 1, 5, 1, 3),)
    edge.itinerary.heard(CELL, Still(((JOB, 1),)), edge.now)
    edge.passes(QUIET_S - 0.25)
    assert not edge.told(Resync)


def test_after_a_loss_all_jobs_of_the_cell_are_asked_for() -> None:
    edge = Edge()
    edge.out = edge.itinerary.resync(CELL, edge.now)
    (resync,) = edge.told(Resync)
    assert (resync.items, resync.whole) == (((JOB, 1, 0),), True)


# ---- cells that fail -------------------------------------------------------------------------------------------------


def test_a_job_without_a_token_leaves_a_dead_cell_at_once() -> None:
    edge = Edge()
    edge.out = edge.itinerary.lost(CELL, edge.now)
    assert edge.routes() == [Route(JOB, CELL)]
    edge.out = edge.itinerary.send(JOB, OTHER, edge.now)
    assert edge.told(Submit, OTHER)[0].leg == 2
    assert edge.job.failures == 0  # nobody had tried


def test_one_with_tokens_waits_for_its_worker_and_then_goes_on_with_them() -> None:
    edge = Edge()
    edge.streams("abc")
    edge.out = edge.itinerary.lost(CELL, edge.now)
    assert not edge.out
    edge.passes(ORPHAN_S - 0.25)
    assert not edge.routes()
    edge.passes(0.25)
    assert edge.routes() == [Route(JOB, CELL)]
    edge.out = edge.itinerary.send(JOB, OTHER, edge.now)
    so_far = edge.told(Submit, OTHER)[0].so_far
    assert so_far.delivered == tuple(map(ord, "abc")) and so_far.attempt is None
    assert (so_far.tried.starts, so_far.tried.failures, so_far.tried.avoid) == (1, 1, ((WORKER, PROCESS),))
    assert (so_far.submitted_s, so_far.waiting_s, so_far.tried.charged) == (3.0, 0.0, 5.0)


def test_a_cell_that_was_only_slow_goes_on() -> None:
    edge = Edge()
    edge.streams("abc")
    edge.itinerary.lost(CELL, edge.now)
    edge.passes(1)
    edge.hears(delta("d", 3))
    assert text(edge) == "d"
    edge.passes(1.75)
    assert not edge.routes()


def test_a_takeover_counts_as_an_attempt() -> None:
    """Else a job is tried as often as cells die."""
    edge = Edge(limits=Limits(attempts=1))
    edge.hears(placed())
    edge.out = edge.itinerary.lost(CELL, edge.now)
    assert edge.one(Failed).error.code is ErrorCode.WORKER_LOST and not edge.routes()


def test_a_job_on_its_last_try_waits_for_its_worker_as_long_as_there_is_hope() -> None:
    edge = Edge(limits=Limits(attempts=1))
    edge.streams("abc")
    edge.itinerary.lost(CELL, edge.now)
    edge.passes(59.75)
    assert not edge.all(Failed)
    edge.passes(0.25)
    assert edge.one(Failed).report.usage.completion == 3


def test_what_was_tried_is_known_when_the_cell_dies() -> None:
    edge = Edge()
    edge.hears(placed())
    crashed = Tried(starts=1, failures=1, crashes=1, witnesses=(("gpus", WORKER),), avoid=((WORKER, PROCESS),))
    edge.hears(Placed(None, "", 0, crashed))
    edge.itinerary.lost(CELL, edge.now)
    edge.out = edge.itinerary.send(JOB, OTHER, edge.now)
    tried = edge.told(Submit, OTHER)[0].so_far.tried
    assert (tried.crashes, tried.failures, tried.witnesses) == (1, 1, crashed.witnesses)


def test_a_cell_that_does_not_answer_loses_the_job() -> None:
    edge = Edge()
    edge.passes(SILENT_S)
    assert edge.routes() == [Route(JOB, CELL)] and edge.told(Release) == [Release(((JOB, 1),))]


def test_an_event_that_is_not_known_here_loses_the_job_unless_it_may_be_passed_over() -> None:
    edge = Edge()
    edge.streams("a")
    edge.hears(Unheard(passes=True), delta("b", 1))
    assert text(edge) == "b" and not edge.routes()
    edge.hears(Unheard())
    assert edge.routes() == [Route(JOB, CELL)] and edge.told(Release) == [Release(((JOB, 1),))]


def test_a_cell_that_does_not_know_it_loses_the_job() -> None:
    edge = Edge()
    edge.out = edge.itinerary.heard(CELL, Unknown(((JOB, 1),)), edge.now)
    assert edge.routes() == [Route(JOB, CELL)]


def test_a_cell_that_took_us_for_dead_loses_the_job() -> None:
    edge = Edge()
    edge.hears(Ended("stopped", 0, Usage(prompt=0, completion=0)))
    assert edge.routes() and not edge.all(Stopped)


def test_a_job_waits_for_a_cell_as_long_as_for_a_slot() -> None:
    edge = Edge()
    edge.hears(placed())
    edge.itinerary.lost(CELL, edge.now)
    for _ in range(29):
        edge.out = edge.itinerary.nobody(JOB, edge.now)
        assert not edge.out
        edge.passes(1)
        assert edge.routes()
    edge.passes(1)
    assert edge.one(Failed).error.code is ErrorCode.QUEUE_TIMEOUT


def test_one_that_nobody_has_begun_fails_with_what_it_was_told() -> None:
    edge = Edge()
    edge.out = edge.itinerary.heard(CELL, No(JOB, 1, BUSY), edge.now)
    assert edge.routes() == [Route(JOB, CELL)]
    edge.out = edge.itinerary.nobody(JOB, edge.now)
    assert edge.one(Failed).error is BUSY


def test_a_cell_that_is_full_is_not_the_last_word() -> None:
    edge = Edge()
    edge.hears(Ended("failed", 0, Usage(prompt=0, completion=0), error=BUSY))
    assert edge.routes() == [Route(JOB, CELL)] and not edge.all(Failed)


# ---- jobs that are handed back ---------------------------------------------------------------------------------------


def test_a_job_that_was_handed_back_goes_where_its_cell_thinks_it_should() -> None:
    edge = Edge()
    edge.hears(placed())
    edge.hears(HandedBack(Tried(starts=1, failures=1, handbacks=1), "failed here", OTHER))
    assert edge.routes() == [Route(JOB, CELL, OTHER)]
    assert (edge.job.failures, edge.job.handbacks, edge.job.lease) == (1, 1, None)
    assert edge.told(Release) == [Release(((JOB, 1),))]


def test_one_that_comes_home_is_dispatchs() -> None:
    """Under a leg of its own: the cell that it was in may have begun more attempts than it has told of."""
    edge = Edge()
    edge.streams("abc")
    edge.hears(HandedBack(Tried(starts=1, failures=1, handbacks=1, kept=3), "failed here"))
    home = edge.itinerary.home(JOB, edge.now)
    assert home is not None
    spec, so_far = home
    assert spec is SPEC and so_far.legs == 2 and len(so_far.delivered) == 3 and not edge.itinerary.jobs
    assert edge.itinerary.home(JOB, edge.now) is None


def test_and_goes_out_again_under_a_higher_leg() -> None:
    edge = Edge()
    spec, so_far = edge.itinerary.home(JOB, edge.now) or pytest.fail("gone")
    edge.out = edge.itinerary.take(spec, so_far, edge.now, "shed", but="eeeeeeee", to=OTHER)
    assert edge.routes() == [Route(JOB, "eeeeeeee", OTHER)]
    edge.out = edge.itinerary.send(JOB, OTHER, edge.now)
    assert edge.told(Submit, OTHER)[0].leg == 3


# ---- workers that bring jobs along -----------------------------------------------------------------------------------


def asks(edge: Edge, attempt: int = 1, frame: int = 3, worker: str = WORKER, process: str = PROCESS) -> int | None:
    """The leg under which the job goes on in OTHER; None: it does not."""
    answer, edge.out = edge.itinerary.reclaim(Reclaim(worker, process, ((JOB, attempt, frame),)), OTHER, edge.now)
    return answer.jobs[0].leg if answer.jobs else None


def test_a_job_goes_on_in_the_cell_to_which_its_worker_has_come() -> None:
    edge = Edge()
    edge.streams("abc")
    edge.itinerary.acknowledged(JOB, 1, 0, edge.now)
    edge.now += 4
    answer, edge.out = edge.itinerary.reclaim(Reclaim(WORKER, PROCESS, ((JOB, 1, 5),)), OTHER, edge.now)
    (kept,) = answer.jobs
    attempt = kept.so_far.attempt
    assert attempt is not None
    assert (kept.leg, attempt.attempt, attempt.next_seq, attempt.taken_seq) == (2, 1, 3, 1)
    assert (attempt.untaken, attempt.progress_s, attempt.prompt) == (((1, 1), (2, 1)), 4.0, 7)
    assert edge.told(Release) == [Release(((JOB, 1),))]
    edge.hears(Accepted(1, 7), delta("d", 3), cell=OTHER, leg=2, number=0)
    assert text(edge) == "d"


def test_a_stall_is_as_old_in_the_new_cell_as_in_the_one_before() -> None:
    """Else a worker that redials in time never stalls."""
    edge = Edge()
    edge.streams("abc")
    edge.now += 4
    assert asks(edge) == 2
    edge.hears(Accepted(1, 7), cell=OTHER, leg=2, number=0)
    edge.now += 4
    answer, _ = edge.itinerary.reclaim(Reclaim(WORKER, PROCESS, ((JOB, 1, 3),)), CELL, edge.now)
    attempt = answer.jobs[0].so_far.attempt
    assert attempt is not None and attempt.progress_s == 8.0


def test_what_its_client_takes_meanwhile_is_told_to_the_new_cell() -> None:
    """Frames of before have no number among the new leg's events. Left untold, the slot would stay paused for ever."""
    edge = Edge()
    edge.streams("abc")
    assert asks(edge) == 2
    edge.itinerary.acknowledged(JOB, 1, 2, edge.now)
    edge.passes(0.25)
    assert edge.told(Taken, OTHER) == [Taken(((JOB, 2, 0, 1, 3),))]


@pytest.mark.parametrize(
    "wrong",
    [{"attempt": 2}, {"frame": 2}, {"worker": "gpus/w2"}, {"process": "b"}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_only_the_process_that_has_all_of_it_goes_on(wrong: dict[str, object]) -> None:
    edge = Edge()
    edge.streams("abc")
    assert asks(edge, **wrong) is None  # type: ignore[arg-type]


def test_nobody_goes_on_with_a_job_whose_client_has_left() -> None:
    edge = Edge()
    edge.streams("abc")
    edge.itinerary.cancel(JOB, edge.now)
    assert asks(edge) is None


def test_a_worker_that_comes_late_is_preferred_to_one_that_has_given_nothing() -> None:
    edge = Edge()
    edge.streams("abc")
    edge.itinerary.lost(CELL, edge.now)
    edge.passes(ORPHAN_S)
    edge.itinerary.send(JOB, "bbbbbbbb", edge.now)
    edge.hears(placed(starts=2, kept=3, failures=1), cell="bbbbbbbb", leg=2, number=0)
    assert asks(edge) == 3
    assert edge.told(Release, "bbbbbbbb") == [Release(((JOB, 2),))]
    assert edge.job.failures == 0 and not edge.job.avoid  # it was not lost after all


def test_but_not_to_one_that_has() -> None:
    edge = Edge()
    edge.streams("abc")
    edge.itinerary.lost(CELL, edge.now)
    edge.passes(ORPHAN_S)
    edge.itinerary.send(JOB, "bbbbbbbb", edge.now)
    edge.hears(placed(starts=2, kept=3, failures=1), Accepted(2, 0), delta("d", 0, 2), cell="bbbbbbbb", leg=2, number=0)
    assert asks(edge) is None


def test_nor_after_the_resume_window() -> None:
    edge = Edge(limits=Limits(queue_wait_s=300))
    edge.streams("abc")
    edge.itinerary.lost(CELL, edge.now)
    edge.passes(ORPHAN_S + 60)
    assert asks(edge) is None


def test_a_new_cell_may_not_know_the_leg_yet() -> None:
    edge = Edge()
    edge.streams("abc")
    assert asks(edge) == 2
    edge.out = edge.itinerary.heard(OTHER, Unknown(((JOB, 2),)), edge.now)
    assert not edge.out
    edge.now += 2
    edge.out = edge.itinerary.heard(OTHER, Unknown(((JOB, 2),)), edge.now)
    assert edge.routes() == [Route(JOB, OTHER)]


def test_a_job_leaves_our_own_cell_with_its_worker() -> None:
    edge = Edge()
    edge.streams("abc")
    answer, _ = edge.itinerary.reclaim(Reclaim(WORKER, PROCESS, ((JOB, 1, 3),)), OTHER, edge.now)
    spec, so_far = answer.jobs[0].spec, answer.jobs[0].so_far
    edge.itinerary.home(JOB, edge.now)
    edge.itinerary.expect(spec, so_far, edge.now)
    assert asks(edge) == 3


# ---- clients ---------------------------------------------------------------------------------------------------------


def test_a_client_that_leaves_waits_for_its_slot_to_be_free() -> None:
    edge = Edge()
    edge.streams("abc")
    edge.out = edge.itinerary.cancel(JOB, edge.now)
    assert edge.out == [Tell(CELL, Cancel(JOB, 1))]
    assert edge.itinerary.cancel(JOB, edge.now) == []
    edge.hears(delta("d", 3))
    assert not edge.all(Deliver)
    edge.hears(Ended("stopped", 1, Usage(prompt=9, completion=4)))
    assert edge.one(Stopped).report.usage == Usage(prompt=9, completion=3)


def test_one_that_leaves_between_two_cells_is_ended_at_once() -> None:
    edge = Edge()
    edge.itinerary.lost(CELL, edge.now)
    edge.out = edge.itinerary.cancel(JOB, edge.now)
    assert edge.one(Stopped) and not edge.itinerary.jobs


def test_and_one_whose_cell_is_dead() -> None:
    edge = Edge()
    edge.streams("abc")
    edge.itinerary.lost(CELL, edge.now)
    edge.out = edge.itinerary.cancel(JOB, edge.now)
    assert edge.one(Stopped).report.usage.completion == 3


def test_a_cancel_that_is_not_answered_ends_all_the_same() -> None:
    edge = Edge()
    edge.streams("abc")
    edge.itinerary.cancel(JOB, edge.now)
    edge.passes(14.75)
    assert not edge.all(Stopped)
    edge.passes(0.25)
    assert edge.one(Stopped)


def test_a_key_that_has_ended_ends_its_jobs_wherever_they_are() -> None:
    edge = Edge(replace(SPEC, key="k"))
    edge.streams("abc")
    assert edge.itinerary.revoked({"another"}, edge.now) == []
    edge.out = edge.itinerary.revoked({"k"}, edge.now)
    assert edge.one(Failed).error.code is ErrorCode.INVALID_API_KEY and edge.told(Cancel) == [Cancel(JOB, 1)]


def test_a_clients_own_deadline_holds_wherever_the_job_is() -> None:
    edge = Edge(JobSpec(JOB, "client", "m", REQUEST, 7, deadline_s=5.0))
    edge.passes(5)
    assert edge.one(Failed).error.code is ErrorCode.DEADLINE_EXCEEDED and edge.told(Cancel) == [Cancel(JOB, 1)]


def test_a_client_comes_back_for_an_answer_whose_edge_is_gone() -> None:
    edge = Edge()
    edge.itinerary.home(JOB, edge.now)
    edge.out = edge.itinerary.attached(Attached(3, SPEC, 9.0), CELL, edge.now)
    assert edge.told(Resync)[0].items == ((JOB, 3, 0),)
    edge.hears(placed(), Accepted(1, 0), delta("abc", 2), ENDED, leg=3, number=0)
    assert text(edge) == "abc" and edge.one(Finished).report.total_s == 9.0


def test_an_answer_that_is_not_there_is_nobodys() -> None:
    edge = Edge()
    assert edge.itinerary.attached(Attached(), CELL, edge.now) == []


def test_a_job_that_is_not_elsewhere_is_left_alone() -> None:
    edge = Edge()
    unknown = "k.0.eeeeeeee"
    assert edge.itinerary.cancel(unknown, edge.now) == []
    assert edge.itinerary.acknowledged(unknown, 1, 0, edge.now) == edge.itinerary.nobody(unknown, edge.now) == []
    assert edge.itinerary.send(unknown, CELL, edge.now) == edge.itinerary.send(JOB, OTHER, edge.now) == []
    assert edge.itinerary.cells() == {CELL}
