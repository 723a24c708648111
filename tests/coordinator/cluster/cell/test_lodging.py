"""Jobs of other edges, from the cell: dispatch is real here, its workers are played."""

from dataclasses import replace
from typing import Any, TypeVar

from coordinator.cluster.cell.lodging import GONE_S, STAYS_S, Lodging
from coordinator.cluster.protocol.errands import Tell
from coordinator.cluster.protocol.ids import ReplicaId
from coordinator.cluster.protocol.messages import (
    Accepted,
    Attach,
    Attached,
    Cancel,
    Ended,
    Event,
    Events,
    HandedBack,
    Kept,
    No,
    Placed,
    Release,
    Resync,
    Still,
    Submit,
    Taken,
    Unheard,
    Unknown,
    Waits,
)
from coordinator.dispatch.effects import Effect, Finished, Send, Stopped
from coordinator.dispatch.so_far import AttemptSoFar, Claim, SoFar, Tried
from coordinator.dispatch.upload_tokens import token
from coordinator.scheduler.state import JobSpec, Peer
from tests.coordinator.cluster.samples import EDGE, JOB, OTHER, REQUEST
from tests.coordinator.dispatch.driver import Driver, M
from wire import messages as wire
from wire.errors import ErrorCode
from wire.offers import ModelOffer
from wire.request import UnknownRequest

T = TypeVar("T")
SPEC = JobSpec(JOB, "client", M, REQUEST, 1)


class Cell(Driver):
    """A driver of which everything passes the lodging."""

    def __init__(self) -> None:
        super().__init__()
        self.lodging = Lodging(self.dispatch)
        self.told: list[Any] = []

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "out" and hasattr(self, "lodging"):
            self.told = self.lodging.pass_on(value, self.now)

    def hears(self, message: Any, edge: ReplicaId = EDGE) -> None:
        self.told = self.lodging.heard(edge, message, self.now)

    def lodges(self, leg: int = 1, spec: JobSpec = SPEC, so_far: SoFar | None = None) -> None:
        self.hears(Submit(spec.id, leg, spec, so_far or SoFar()))

    def waits(self, seconds: float, alive: tuple[str, ...] = ("w1",)) -> None:
        told: list[Any] = []
        for _ in range(round(seconds / 0.25)):
            self.passes(0.25, alive)
            told += self.told + self.lodging.tick(self.now)
        self.told = told

    def messages(self, kind: type[T], edge: ReplicaId = EDGE) -> list[T]:
        return [
            one.message
            for one in self.told
            if isinstance(one, Tell) and one.to == edge and isinstance(one.message, kind)
        ]

    def events(self, edge: ReplicaId = EDGE) -> list[Event | Unheard]:
        return [event for message in self.messages(Events, edge) for _, _, _, event in message.items]

    def numbers(self, edge: ReplicaId = EDGE) -> list[tuple[int, int]]:
        return [(leg, number) for message in self.messages(Events, edge) for _, leg, number, _ in message.items]

    def effects(self, kind: type[Effect]) -> list[Effect]:
        return [one for one in self.told if isinstance(one, kind)]

    def to_worker(self, kind: type[T]) -> list[T]:
        return [one.message for one in self.told if isinstance(one, Send) and isinstance(one.message, kind)]


def serving() -> Cell:
    cell = Cell()
    cell.join(slots=1)
    cell.lodges()
    return cell


def streaming(text: str = "abc") -> Cell:
    """A worker gives a token a frame; the edge has been told of Placed, Accepted and these."""
    cell = serving()
    cell.accepts(job=JOB, prompt=7)
    for frame, one in enumerate(text):
        cell.delta(job=JOB, seq=frame, tokens=one)
    return cell


# ---- events ----------------------------------------------------------------------------------------------------------


def test_a_job_is_served_as_any_other_and_its_edge_hears_of_it() -> None:
    cell = serving()
    (placed,) = cell.events()
    assert isinstance(placed, Placed)
    assert (placed.worker, placed.instance, placed.attempt, placed.tried.starts) == ("gpus/w1", "a", 1, 1)
    assert placed.tried.charged > 0 and cell.to_worker(wire.Start)
    cell.accepts(job=JOB, prompt=7)
    assert cell.events() == [Accepted(1, 7)]
    cell.delta(job=JOB, tokens="ab")
    (step,) = cell.events()
    assert isinstance(step, wire.Delta) and (step.seq, step.tokens) == (0, (97, 98))
    assert cell.numbers() == [(1, 2)]
    cell.done(job=JOB, seq=1)
    (ended,) = cell.events()
    assert isinstance(ended, Ended)
    assert (ended.kind, ended.attempts, ended.usage.completion, ended.finish_reason) == ("finished", 1, 2, "stop")
    assert not cell.effects(Finished)
    assert (
        len(cell.lodging) == 1 and cell.lodging.running() == cell.dispatch.running() == 0
    )  # its edge has not taken it


def test_a_job_of_our_own_is_our_own_clients() -> None:
    cell = serving()
    cell.submit("own", request=REQUEST)
    cell.capacity(slots=2)
    cell.accepts(job="own")
    cell.delta(job="own", tokens="ab")
    cell.done(job="own", seq=1)
    assert cell.effects(Finished) and not cell.messages(Events)


def test_a_failed_attempt_is_told_at_once_though_no_other_worker_is_free() -> None:
    cell = serving()
    cell.join("w2", slots=1)
    cell.submit("own", request=REQUEST)
    cell.fails(job=JOB)
    waits = cell.events()[-1]
    assert isinstance(waits, Placed) and waits.worker is None and waits.tried.failures == 1


def test_a_job_that_waits_says_where_once_a_second() -> None:
    cell = serving()
    cell.submit("own", request=REQUEST)
    cell.lodges(spec=replace(SPEC, id=f"k.0.{EDGE}"))
    cell.waits(2)
    assert [message.items[0][:3] for message in cell.messages(Waits)] == [(f"k.0.{EDGE}", 1, 2)] * 2


# ---- acknowledgements ------------------------------------------------------------------------------------------------


def test_a_worker_is_acknowledged_what_the_edges_client_has_taken_and_no_more() -> None:
    cell = streaming()
    cell.waits(2)
    assert not cell.to_worker(wire.Ack)
    cell.hears(Taken(((JOB, 1, 4, 1, 2),)))
    cell.waits(1)
    assert cell.to_worker(wire.Ack)[0].items == (wire.AckItem(job=JOB, attempt=1, next_seq=2),)


def test_frames_that_were_never_sent_are_not_acknowledged() -> None:
    cell = streaming()
    cell.hears(Taken(((JOB, 1, 99, 1, 99),)))
    cell.waits(1)
    assert cell.to_worker(wire.Ack)[0].items == (wire.AckItem(job=JOB, attempt=1, next_seq=3),)


def test_what_was_taken_of_another_leg_or_by_another_edge_counts_for_nothing() -> None:
    cell = streaming()
    cell.hears(Taken(((JOB, 2, 4, 1, 2),)))
    cell.hears(Taken(((JOB, 1, 4, 1, 2),)), OTHER)
    cell.waits(2)
    assert not cell.to_worker(wire.Ack)


# ---- what was lost on the way ----------------------------------------------------------------------------------------


def test_events_are_sent_again_from_where_the_edge_says() -> None:
    cell = streaming()
    cell.hears(Resync(((JOB, 1, 3),)))
    assert cell.numbers() == [(1, 3), (1, 4)]
    cell.hears(Resync(((JOB, 1, 5),)))
    assert cell.messages(Still) == [Still(((JOB, 1),))]
    cell.hears(Resync(((JOB, 1, 0),), Taken(((JOB, 1, 3, 1, 1),))))
    assert cell.numbers() == [(1, 3), (1, 4)]  # what was taken is not needed again


def test_a_leg_that_is_not_here_is_not_known() -> None:
    cell = streaming()
    cell.hears(Resync(((JOB, 2, 0), (f"k.0.{EDGE}", 1, 0))))
    assert cell.messages(Unknown) == [Unknown(((JOB, 2), (f"k.0.{EDGE}", 1)))]


def test_what_a_whole_resync_does_not_name_is_over() -> None:
    cell = streaming()
    cell.hears(Resync((), whole=True), OTHER)
    assert cell.lodging.has(JOB)
    cell.hears(Resync((), whole=True))
    assert not cell.lodging.has(JOB) and cell.to_worker(wire.Cancel)


def test_an_end_stays_until_its_edge_has_it() -> None:
    cell = streaming()
    cell.done(job=JOB, seq=3)
    cell.hears(Resync(((JOB, 1, 5),)))
    assert cell.numbers() == [(1, 5)]
    cell.hears(Release(((JOB, 1),)))
    assert not cell.lodging.has(JOB)


def test_a_submit_that_comes_twice_is_one_job() -> None:
    cell = serving()
    cell.lodges()
    assert cell.told == [] and cell.dispatch.running() == 1


# ---- legs ------------------------------------------------------------------------------------------------------------


def test_a_higher_leg_replaces_the_one_before() -> None:
    cell = streaming()
    cell.join("w2")
    cell.lodges(leg=2, so_far=SoFar(delivered=(97, 98, 99)))
    assert cell.to_worker(wire.Cancel) == [wire.Cancel(job=JOB, attempt=1)]
    assert cell.to_worker(wire.Start)[0].delivered == (97, 98, 99)
    assert cell.numbers() == [(2, 0)] and cell.dispatch.running() == 1


def test_two_legs_that_come_together_are_two_attempts_though_their_edge_has_counted_none() -> None:
    """As where a cell was frozen, and its edge gave the first leg up unheard."""
    cell = Cell()
    cell.join()
    cell.lodges()
    cell.hears(Release(((JOB, 1),)))
    cell.lodges(leg=2)
    assert [start.attempt for start in cell.to_worker(wire.Start)] != [1]
    cell.cancelled(job=JOB, attempt=1, seq=0)
    assert cell.dispatch.counters.violations == 0


def test_a_leg_that_is_over_ends_in_silence() -> None:
    cell = streaming()
    assert cell.lodging.running() == cell.dispatch.running() == 1
    cell.hears(Release(((JOB, 1),)))
    assert cell.to_worker(wire.Cancel) and not cell.messages(Events)
    cell.cancelled(job=JOB, seq=3)
    assert cell.told == [] or not cell.effects(Stopped)
    assert len(cell.lodging) == 0 and cell.lodging.running() == cell.dispatch.running() == 0


def test_a_client_that_leaves_is_told_of_by_its_edge() -> None:
    cell = streaming()
    cell.hears(Cancel(JOB, 1))
    assert cell.to_worker(wire.Cancel)
    cell.cancelled(job=JOB, seq=3)
    (ended,) = cell.events()
    assert isinstance(ended, Ended) and ended.kind == "stopped"
    cell.hears(Cancel(f"k.0.{EDGE}", 1))
    assert cell.messages(Unknown)


def test_an_edge_that_has_ended_a_job_does_not_hear_of_its_end() -> None:
    cell = streaming()
    cell.hears(Cancel(JOB, 1))
    cell.hears(Release(((JOB, 1),)))
    cell.cancelled(job=JOB, seq=3)
    assert not cell.messages(Events) and not cell.effects(Stopped)


def test_a_job_that_another_cell_should_have_goes_back_with_its_counts() -> None:
    cell = serving()
    job = f"k.0.{EDGE}"
    cell.lodges(spec=replace(SPEC, id=job))
    cell.told = cell.lodging.handback(job, "shed", OTHER, cell.now)
    (event,) = cell.events()
    assert isinstance(event, HandedBack) and (event.why, event.to, event.tried.handbacks) == ("shed", OTHER, 1)
    assert cell.dispatch.job(job) is None and cell.lodging.handback(job, "shed", None, cell.now) == []


def test_what_this_version_cannot_serve_is_refused() -> None:
    cell = Cell()
    cell.lodges(spec=replace(SPEC, request=UnknownRequest(kind="dance")))
    assert cell.messages(No)[0].error.code is ErrorCode.NO_WORKER
    cell.lodges(spec=replace(SPEC, blobs={"x": bytes(1024)}))
    assert not cell.messages(No)


def test_a_job_that_is_here_is_not_taken_twice() -> None:
    cell = Cell()
    cell.join()
    cell.submit(JOB)
    cell.lodges()
    assert cell.messages(No)[0].error.code is ErrorCode.OVERLOADED and not cell.lodging.has(JOB)


# ---- workers that bring jobs along -----------------------------------------------------------------------------------


def brings(cell: Cell, leg: int = 2) -> None:
    attempt = AttemptSoFar(1, "gpus/w1", "a", True, 7, next_seq=3, taken_seq=1, untaken=((1, 1), (2, 1)), tokens=3)
    so_far = SoFar(delivered=(97, 98, 99), legs=leg, attempt=attempt)
    cell.told = cell.lodging.adopt(EDGE, Kept(JOB, leg, SPEC, so_far), cell.now)
    alive = (wire.RunningJob(job=JOB, attempt=1, next_seq=3),)
    hello = wire.Hello(
        worker="w1",
        instance="a",
        models=(ModelOffer(id=M, context=4096, slots=2),),
        resume=wire.Resume(session="another-cells", jobs=alive),
    )
    cell.sessions["w1"] = "s9"
    cell.out = cell.dispatch.adopt(hello, Peer("s9", "gpus", "key-1"), [Claim(SPEC, so_far)], cell.now)


def test_a_worker_goes_on_with_a_job_of_another_cell() -> None:
    cell = Cell()
    brings(cell)
    assert cell.events() == [Accepted(1, 7)] and cell.numbers() == [(2, 0)]
    cell.capacity()
    cell.delta(job=JOB, seq=3, tokens="d")
    assert cell.numbers() == [(2, 1)]
    cell.hears(Taken(((JOB, 2, 1, 1, 3),)))
    cell.waits(1)
    assert cell.to_worker(wire.Ack)[0].items == (wire.AckItem(job=JOB, attempt=1, next_seq=3),)


def test_and_with_one_of_this_cell_whose_session_is_forgotten() -> None:
    cell = streaming()
    brings(cell)
    assert cell.numbers() == [(2, 0)] and cell.dispatch.running() == 1
    assert not cell.to_worker(wire.Cancel)


def test_whoever_was_given_the_job_since_is_told_to_stop_as_its_worker_comes_back_with_it() -> None:
    """Before, that one was told nothing: it held its slot for good, and its next attempt had the number of this one."""
    cell = Cell()
    cell.join("w2", slots=1)
    cell.lodges(so_far=SoFar(tried=Tried(starts=1)))
    cell.accepts("w2", JOB, 2)
    attempt = AttemptSoFar(1, "gpus/w1", "a", True, 7, next_seq=3, taken_seq=3, tokens=3)
    so_far = SoFar(delivered=(97, 98, 99), legs=2, attempt=attempt)
    cell.told = cell.lodging.adopt(EDGE, Kept(JOB, 2, SPEC, so_far), cell.now)
    assert cell.to_worker(wire.Cancel) == [wire.Cancel(job=JOB, attempt=2)]
    assert [list(worker.leases) for worker in cell.dispatch.workers] == [[(JOB, 2)]]
    cell.cancelled("w2", JOB, 2)
    assert [list(worker.leases) for worker in cell.dispatch.workers] == [[]]


# ---- edges that are gone ---------------------------------------------------------------------------------------------


def test_jobs_of_a_dead_edge_end_after_a_while() -> None:
    cell = streaming()
    cell.lodging.edge_lost(EDGE, cell.now)
    cell.waits(GONE_S - 0.25)
    assert cell.lodging.has(JOB) and not cell.messages(Events)
    cell.waits(0.25)
    assert not cell.lodging.has(JOB) and cell.to_worker(wire.Cancel)
    cell.cancelled(job=JOB, seq=3)
    assert not cell.effects(Stopped)


def test_an_edge_that_was_only_slow_hears_what_it_has_missed() -> None:
    cell = streaming("a")
    cell.lodging.edge_lost(EDGE, cell.now)
    cell.delta(job=JOB, seq=1, tokens="b")
    assert not cell.messages(Events)
    cell.told = cell.lodging.edge_found(EDGE)
    assert cell.numbers() == [(1, 0), (1, 1), (1, 2), (1, 3)]


def staying(text: str = "abc") -> Cell:
    cell = Cell()
    cell.join()
    cell.lodges(spec=replace(SPEC, stays=True))
    cell.accepts(job=JOB, prompt=7)
    for frame, one in enumerate(text):
        cell.delta(job=JOB, seq=frame, tokens=one)
    return cell


def told_again(cell: Cell) -> str:
    steps = [event for event in cell.events(OTHER) if isinstance(event, wire.Delta)]
    return "".join(chr(token) for step in steps for token in step.tokens)


def test_an_answer_that_stays_runs_on_without_its_edge_and_is_told_whole_to_the_next() -> None:
    cell = staying()
    cell.hears(Taken(((JOB, 1, 5, 1, 3),)))
    cell.lodging.edge_lost(EDGE, cell.now)
    cell.waits(GONE_S)
    cell.delta(job=JOB, seq=3, tokens="d")
    cell.waits(1)
    assert cell.to_worker(wire.Ack)[-1].items[0].next_seq == 4  # nobody else takes it
    attached = cell.lodging.attach(Attach(JOB, "client"), OTHER, cell.now)
    assert (attached.leg, attached.spec) == (2, replace(SPEC, stays=True)) and attached.age_s == GONE_S + 1
    cell.delta(job=JOB, seq=4, tokens="e")
    assert not cell.messages(Events, OTHER)  # it may not have our answer yet
    cell.hears(Resync(((JOB, 2, 0),)), OTHER)
    assert told_again(cell) == "abcde"
    cell.done(job=JOB, seq=5)
    assert isinstance(cell.events(OTHER)[-1], Ended)


def test_a_long_answer_is_told_a_window_at_a_time() -> None:
    """All of it at once looks like a client that does not read."""
    cell = staying("")
    for frame in range(900):
        cell.delta(job=JOB, seq=frame, tokens="a")
        cell.hears(Taken(((JOB, 1, 3 + frame, 1, frame + 1),)))
    cell.lodging.edge_lost(EDGE, cell.now)
    cell.lodging.attach(Attach(JOB, "client"), OTHER, cell.now)
    cell.hears(Resync(((JOB, 2, 0),)), OTHER)
    told, most = told_again(cell), len(told_again(cell))
    for _ in range(20):
        at = cell.numbers(OTHER)[-1][1] + 1
        if len(told) == 900:
            break
        cell.hears(Taken(((JOB, 2, at, 1, 0),)), OTHER)
        told, most = told + told_again(cell), max(most, len(told_again(cell)))
    assert (told, most) == ("a" * 900, 512)
    cell.delta(job=JOB, seq=900, tokens="b")
    assert told_again(cell) == "b"


def test_an_answer_whose_attempt_was_begun_in_another_cell_says_whose_it_is() -> None:
    """Before, it began with a worker's word that nobody had placed: its new edge took that for nonsense, and had it
    made again from the first token on."""
    cell = Cell()
    spec = replace(SPEC, stays=True)
    so_far = SoFar(legs=2, attempt=AttemptSoFar(1, "gpus/w1", "a", True, 7))
    cell.told = cell.lodging.adopt(EDGE, Kept(JOB, 2, spec, so_far), cell.now)
    alive = wire.Resume(session="another-cells", jobs=(wire.RunningJob(job=JOB, attempt=1, next_seq=0),))
    models = (ModelOffer(id=M, context=4096, slots=2),)
    hello = wire.Hello(worker="w1", instance="a", models=models, resume=alive)
    cell.out = cell.dispatch.adopt(hello, Peer("s9", "gpus", "key-1"), [Claim(spec, so_far)], cell.now)
    cell.lodging.edge_lost(EDGE, cell.now)
    cell.lodging.attach(Attach(JOB, "client"), OTHER, cell.now)
    cell.hears(Resync(((JOB, 3, 0),)), OTHER)
    assert cell.events(OTHER) == [Placed("gpus/w1", "a", 1, so_far.tried), Accepted(1, 7)]


def test_an_end_without_an_edge_stays_a_while() -> None:
    cell = staying()
    cell.lodging.edge_lost(EDGE, cell.now)
    cell.waits(GONE_S)
    cell.done(job=JOB, seq=3)
    cell.waits(STAYS_S - 1)
    assert cell.lodging.attach(Attach(JOB, "client"), OTHER, cell.now).leg == 2
    assert cell.lodging.attach(Attach(JOB, "client"), OTHER, cell.now).leg == 2  # our answer was lost
    cell.hears(Resync(((JOB, 2, 0),)), OTHER)
    assert told_again(cell) == "abc"
    cell.waits(1)
    assert not cell.lodging.has(JOB)


def test_an_edge_that_never_asks_is_as_good_as_gone() -> None:
    """Else nobody takes what the worker gives, and it is paused for ever."""
    cell = staying()
    cell.lodging.edge_lost(EDGE, cell.now)
    cell.lodging.attach(Attach(JOB, "client"), OTHER, cell.now)
    cell.waits(GONE_S)
    cell.delta(job=JOB, seq=3, tokens="d")
    cell.waits(GONE_S + 2)
    assert cell.to_worker(wire.Ack)[-1].items[0].next_seq == 4
    assert cell.lodging.attach(Attach(JOB, "client"), "bbbbbbbb", cell.now).leg == 3


def test_an_edge_that_comes_back_too_late_does_not_know_its_leg() -> None:
    cell = staying()
    cell.lodging.edge_lost(EDGE, cell.now)
    cell.waits(GONE_S)
    assert cell.lodging.edge_found(EDGE) == []
    cell.hears(Resync(((JOB, 1, 5),), whole=True))
    assert cell.messages(Unknown) == [Unknown(((JOB, 1),))] and cell.lodging.has(JOB)


def test_a_job_that_was_handed_back_has_no_answer_here() -> None:
    cell = Cell()
    cell.dispatch.elsewhere = frozenset({M})
    cell.lodges(spec=replace(SPEC, stays=True))
    assert isinstance(cell.events()[-1], HandedBack)
    cell.lodging.edge_lost(EDGE, cell.now)
    assert cell.lodging.attach(Attach(JOB, "client"), OTHER, cell.now) == Attached()
    cell.waits(GONE_S, ())
    assert not cell.lodging.has(JOB)


def test_a_job_that_comes_home_is_no_other_edges_any_more() -> None:
    """Else what dispatch says of it goes to an edge that is gone, and its client waits for ever."""
    cell = staying()
    cell.done(job=JOB, seq=3)
    cell.lodging.edge_lost(EDGE, cell.now)
    cell.waits(GONE_S)
    assert cell.lodging.drop(JOB, cell.now, home=True) == [] == cell.lodging.drop(JOB, cell.now, home=True)
    cell.submit(JOB, request=REQUEST)
    cell.accepts(job=JOB)
    cell.delta(job=JOB, tokens="ab")
    cell.done(job=JOB, seq=1)
    assert cell.effects(Finished)


def test_a_job_may_come_home_before_the_worker_that_had_it_has_let_go() -> None:
    """Its client had left, and came back at our edge: what the old leg was not to say, the new one could not."""
    cell = serving()
    cell.hears(Cancel(JOB, 1))
    cell.told = cell.lodging.drop(JOB, cell.now, home=True)
    cell.submit(JOB, request=REQUEST)
    cell.cancelled(job=JOB, seq=0)
    assert not cell.effects(Stopped)
    (start,) = cell.to_worker(wire.Start)
    cell.accepts(job=JOB, attempt=start.attempt)
    cell.delta(job=JOB, attempt=start.attempt, tokens="ab")
    cell.done(job=JOB, attempt=start.attempt, seq=1)
    assert cell.effects(Finished) and cell.lodging.running() == 0


def test_nobody_else_is_told() -> None:
    cell = staying()
    cell.lodging.edge_lost(EDGE, cell.now)
    assert cell.lodging.attach(Attach(JOB, "a stranger"), OTHER, cell.now) == Attached()
    assert cell.lodging.attach(Attach(f"k.0.{EDGE}", "client"), OTHER, cell.now) == Attached()
    assert cell.lodging.edges() == {EDGE}


def test_who_comes_for_an_answer_may_know_sooner_than_we_that_its_edge_is_dead() -> None:
    cell = staying()
    assert cell.lodging.attach(Attach(JOB, "client"), OTHER, cell.now).leg == 2
    assert cell.lodging.edges() == {OTHER}


def test_an_answer_whose_beginning_is_not_here_does_not_stay() -> None:
    cell = Cell()
    cell.join()
    cell.lodges(leg=2, spec=replace(SPEC, stays=True), so_far=SoFar(delivered=(97,)))
    cell.lodging.edge_lost(EDGE, cell.now)
    assert cell.lodging.attach(Attach(JOB, "client"), OTHER, cell.now) == Attached()


def test_attempts_of_two_legs_have_numbers_and_tokens_of_their_own() -> None:
    """A cell may have begun some that its edge never heard of. Before, the next one began with the same number, and one
    worker's token opened the upload of the other's attempt."""
    starts = []
    for leg in (1, 2):
        cell = Cell()
        cell.join()
        cell.lodges(leg)
        starts += cell.to_worker(wire.Start)
    assert len({token("secret", start.attempt) for start in starts}) == 2
