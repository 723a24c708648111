"""Where each job is: in our own cell, in another one, or here for another edge; and its way between them."""

from collections import deque
from collections.abc import Callable, Iterable

from coordinator.cluster.cell.lodging import Lodging
from coordinator.cluster.edge.itinerary import Itinerary
from coordinator.cluster.lanes.post import Post
from coordinator.cluster.peers.pictures import Pictures
from coordinator.cluster.protocol.effects import BusEffect
from coordinator.cluster.protocol.errands import Route, Tell
from coordinator.cluster.protocol.ids import ReplicaId
from coordinator.cluster.protocol.messages import (
    MAX_FILES_BYTES,
    Kept,
    No,
    Reclaim,
    Reclaimed,
    Submit,
    ToCell,
    ToEdge,
    crosses,
)
from coordinator.cluster.routing import MOST_SHED, Dice, choose, shed
from coordinator.dispatch import ends
from coordinator.dispatch.dispatch import Dispatch
from coordinator.dispatch.effects import Effect, Failed, Handback
from coordinator.dispatch.overview import ModelStock
from coordinator.dispatch.so_far import Claim
from coordinator.scheduler.prefix_affinity import PromptPrefixes
from coordinator.scheduler.state import Job, JobSpec, Peer
from wire.errors import ErrorCode, SupernetError
from wire.messages import Hello

Brought = list[tuple[ReplicaId, Kept]]  # jobs that a worker brings from other cells, each with its edge
Hints = Callable[[PromptPrefixes, float], tuple[ReplicaId, int] | None]
Out = Effect | BusEffect | Tell | Route
STRANDED_S = 10.0  # a worker may dial us until then


class Jobs:
    """All jobs of this replica's edge and cell. What follows from a call goes to the post, in order.

    `closed`: our own cell takes no jobs that another can take. `is_dark`: whether nobody else can be reached now.
    """

    def __init__(self, dispatch: Dispatch, pictures: Pictures, post: Post, hints: Hints, dice: Dice) -> None:
        self.dispatch = dispatch
        self.itinerary = Itinerary(dispatch.limits)
        self.lodging = Lodging(dispatch)
        self.closed = False
        self.is_dark: Callable[[float], bool] = lambda now: False
        self._pictures = pictures
        self._post = post
        self._hints = hints
        self._dice = dice

    # ---- what follows --------------------------------------------------------------------------------------------

    def dispatched(self, effects: list[Effect], now: float) -> None:
        """What our own dispatch wants done: often nothing. Of guests it goes to their edges."""
        if effects:
            self.carry(self.lodging.pass_on(effects, now), now)

    def carry(self, out: Iterable[Out], now: float) -> None:
        """What itinerary and lodging want done, and what follows from that."""
        left = deque(out)
        while left:
            one = left.popleft()
            match one:
                case Tell():
                    left.extend(self._tell(one, now))
                case Route():
                    left.extend(self._route(one, now))
                case Handback():
                    left.extend(self.itinerary.take(one.spec, one.so_far, now, one.why, but=self._post.me))
                case _:
                    self._post.emit([one])

    def _tell(self, tell: Tell, now: float) -> Iterable[Out]:
        if tell.to == self._post.me:
            return self.heard(tell.to, tell.message, now)
        if not self._post.tell(tell.to, tell.message) and isinstance(tell.message, Submit):
            error = SupernetError(ErrorCode.NO_WORKER, "this request is too long for another coordinator's workers")
            return self.itinerary.heard(tell.to, No(tell.message.job, tell.message.leg, error), now)
        return ()

    def heard(self, sender: ReplicaId, message: object, now: float) -> Iterable[Out]:
        """What another replica says of jobs."""
        if isinstance(message, ToCell):
            return self.lodging.heard(sender, message, now)
        if isinstance(message, ToEdge):
            return self.itinerary.heard(sender, message, now)
        return ()

    # ---- the choice of a cell ------------------------------------------------------------------------------------

    def submit(self, spec: JobSpec, now: float) -> None:
        """A new job of one of our clients."""
        if error := self._stranded(spec, now):
            self._post.emit([Failed(spec.id, error, ends.report(Job(spec, now, now), now))])
            return
        others = self._others(spec, now)
        cell = None
        if others:
            cell = self._chosen(Job(spec, now, now), others, now, but=None)
        if cell is None or cell == self._post.me:
            self.dispatched(self.dispatch.submit(spec, now), now)
        else:
            self._pictures.sent(cell, spec.model)
            self.carry(self.itinerary.start(spec, cell, now), now)

    def _route(self, route: Route, now: float) -> Iterable[Out]:
        journey = self.itinerary.jobs.get(route.job)
        if journey is None:
            return ()
        job, me = journey.job, self._post.me
        others = self._others(job.spec, now)
        cell = route.to if route.to in dict(others) else self._chosen(job, others, now, route.but)
        if cell is None:
            return self.itinerary.nobody(route.job, now)
        if cell != me:
            self._pictures.sent(cell, job.spec.model)
            return self.itinerary.send(route.job, cell, now)
        home = self.itinerary.home(route.job, now)
        if home is None:
            return ()
        spec, so_far = home
        left = self.lodging.drop(spec.id, now, home=True)
        return [*left, *self.lodging.pass_on(self.dispatch.submit(spec, now, so_far), now)]

    def _stranded(self, spec: JobSpec, now: float) -> SupernetError | None:
        """Why nobody can have the job: its files are too large for the bus, and its model is in other cells alone."""
        if crosses(spec) or self.dispatch.online(spec.model).workers or not self._pictures.stocks(spec.model, now):
            return None
        most = f"{MAX_FILES_BYTES >> 20} MiB of files"
        text = (
            f"the workers of {spec.model} are at other coordinators, which take {most}: send less, or try again later"
        )
        return SupernetError(ErrorCode.NO_WORKER, text, retry_after_s=STRANDED_S)

    def _others(self, spec: JobSpec, now: float) -> list[tuple[ReplicaId, ModelStock]]:
        """What other cells have for the job. Where none has its model, one that leaves may: its workers will be in
        another before long."""
        if self.is_dark(now) or not crosses(spec):
            return []
        stay = self._pictures.stocks(spec.model, now)
        if any(kind.offering for _, stock in stay for kind in stock.kinds):
            return stay
        return stay + self._pictures.stocks(spec.model, now, leaving=True)

    def _chosen(
        self, job: Job, others: list[tuple[ReplicaId, ModelStock]], now: float, but: ReplicaId | None
    ) -> ReplicaId | None:
        me, mine, hint = self._post.me, self.dispatch.stock(job.spec.model, now), self._hints(job.work.prefixes, now)
        avoided = {cell for cell in (but, me if self.closed else None) if cell is not None}
        cell = choose(job, mine, others, me, hint, self._dice, avoided)
        if cell is None and self.closed and but != me:
            return choose(job, mine, (), me, hint, self._dice)
        return cell

    # ---- jobs that leave our cell --------------------------------------------------------------------------------

    def shed(self, now: float) -> None:
        """Jobs that wait here go where slots are free; from a cell that is closed all, wherever they are served."""
        for model in () if self.is_dark(now) else self.dispatch.waited_for():
            others = self._pictures.stocks(model, now)
            jobs = self.dispatch.waiting(model) if others else []
            if self.closed:
                for job in jobs[:MOST_SHED]:
                    to = self._chosen(job, others, now, but=self._post.me)
                    if to is not None:
                        self._give(job, to, "leaving", now)
            elif jobs:
                for job, to in shed(self.dispatch.stock(model, now), others, jobs):
                    self._give(job, to, "shed", now)

    def _give(self, job: Job, to: ReplicaId, why: str, now: float) -> None:
        """Give a job that waits in our cell to another one."""
        if self.lodging.has(job.spec.id):
            self.carry(self.lodging.handback(job.spec.id, why, to, now), now)
        elif crosses(job.spec):
            so_far, effects = self.dispatch.release(job.spec.id, now)
            self.dispatched(effects, now)
            if so_far is not None:
                self.carry(self.itinerary.take(job.spec, so_far, now, why, self._post.me, to), now)

    # ---- jobs that come and go with their worker -----------------------------------------------------------------

    def reclaim(self, question: Reclaim, cell: ReplicaId, now: float) -> Reclaimed:
        """A worker has come to this cell, with jobs of our edge: those that may go on with it are the cell's."""
        for job_id, attempt, number in question.items:
            spec = self.dispatch.reclaimable(job_id, attempt, question.worker, question.instance, number)
            if spec is None or self.lodging.has(job_id) or not crosses(spec):
                continue
            so_far, effects = self.dispatch.release(job_id, now, goes=question.worker)
            self.dispatched(effects, now)
            if so_far is not None:
                self.itinerary.expect(spec, so_far, now)
        answer, out = self.itinerary.reclaim(question, cell, now)
        self.carry(out, now)
        return answer

    def admit(self, hello: Hello, peer: Peer, brought: Brought, now: float) -> None:
        """A worker joins our cell and goes on with what it brings."""
        claims = self._claims(brought, now)
        effects = (
            self.dispatch.adopt(hello, peer, claims, now) if claims else self.dispatch.worker_joined(hello, peer, now)
        )
        self.dispatched(effects, now)

    def settle(self, brought: Brought, now: float) -> None:
        """Jobs whose worker came to our cell and is not here any more: they wait for another."""
        for claim in self._claims(brought, now):
            self.dispatched(self.dispatch.submit(claim.spec, now, claim.so_far), now)

    def _claims(self, brought: Brought, now: float) -> list[Claim]:
        claims = []
        for edge, kept in brought:
            if edge == self._post.me:
                home = self.itinerary.home(kept.job, now)
                if home is not None:
                    self.carry(self.lodging.drop(kept.job, now, home=True), now)
                    claims.append(Claim(*home))
            else:
                self.carry(self.lodging.adopt(edge, kept, now), now)
                claims.append(Claim(kept.spec, kept.so_far))
        return claims
