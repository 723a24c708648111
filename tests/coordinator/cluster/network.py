"""A storm against several replicas: that of dispatch, with workers that dial any of them, replicas that die, and a bus
that loses messages, says them twice and keeps no order between any two pairs.

A node is what a replica is without lanes and pictures: dispatch, itinerary and lodging, and the order of their effects.
"""

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

from coordinator.cluster.cell.lodging import STAYS_S, Lodging
from coordinator.cluster.edge.itinerary import Itinerary
from coordinator.cluster.protocol import codec
from coordinator.cluster.protocol.errands import Route, Tell
from coordinator.cluster.protocol.ids import edge_of
from coordinator.cluster.protocol.messages import Attach, Kept, Message, Reclaim, Reclaimed, ToCell
from coordinator.dispatch.dispatch import Dispatch
from coordinator.dispatch.effects import Deliver, Effect, Failed, Finished, Handback, Stopped
from coordinator.dispatch.so_far import Claim
from coordinator.scheduler.state import JobSpec, Peer
from tests.coordinator.dispatch import storm
from tests.coordinator.dispatch.driver import REQUEST, M
from wire import messages as wire

NODES = 3
NOTICED_S = 0.7  # a death
LAG_S = 1.0  # until a gap in a lane is seen, if nothing else comes


class Node:
    def __init__(self, network: "Network", name: str) -> None:
        self.network, self.name = network, name
        self.dispatch = Dispatch(replica=name)
        self.dispatch.elsewhere = frozenset({M})
        self.itinerary = Itinerary(self.dispatch.limits)
        self.lodging = Lodging(self.dispatch)
        self.out: deque[Any] = deque()
        self.performing = False

    def has(self, job: str) -> bool:
        """Whether a job of ours is in our own cell. One that was attached may be there as any other edge's, or as what
        its worker has yet to let go of from when it was another edge's."""
        others = self.lodging.has(job) or job in self.lodging._stopping
        return self.dispatch.job(job) is not None and not others

    def dispatched(self, effects: list[Effect]) -> None:
        """Effects that come from dispatch."""
        self.does(self.lodging.pass_on(effects, self.network.now))

    def does(self, out: list[Any]) -> None:
        self.out.extend(out)
        if self.performing:
            return
        self.performing = True
        while self.out:
            self.one(self.out.popleft())
        self.performing = False

    def one(self, effect: Any) -> None:
        now = self.network.now
        match effect:
            case Tell():
                message = codec.decode(codec.encode(effect.message))
                if effect.to == self.name:
                    self.hears(self.name, message)
                else:
                    self.network.tell(self.name, effect.to, message)
            case Route():
                cell = self.network.choose(self, effect)
                if cell is None:
                    self.out.extend(self.itinerary.nobody(effect.job, now))
                elif cell == self.name:
                    if (home := self.itinerary.home(effect.job, now)) is not None:
                        spec, so_far = home
                        self.out.extend(self.lodging.drop(effect.job, now, home=True))
                        self.out.extend(self.lodging.pass_on(self.dispatch.submit(spec, now, so_far), now))
                else:
                    self.out.extend(self.itinerary.send(effect.job, cell, now))
            case Handback():
                self.out.extend(self.itinerary.take(effect.spec, effect.so_far, now, effect.why, self.name))
            case _:
                self.network.perform_at(self, effect)

    def hears(self, sender: str, message: Message) -> None:
        now = self.network.now
        if isinstance(message, ToCell):
            self.does(self.lodging.heard(sender, message, now))
        else:
            self.does(self.itinerary.heard(sender, message, now))  # type: ignore[arg-type]

    def reclaim(self, question: Reclaim, cell: str) -> Reclaimed:
        now = self.network.now
        for job, attempt, frame in question.items:
            spec = self.dispatch.reclaimable(job, attempt, question.worker, question.instance, frame)
            if spec is not None and edge_of(job) == self.name:
                so_far, effects = self.dispatch.release(job, now, goes=question.worker)
                assert so_far is not None
                self.itinerary.expect(spec, so_far, now)
                self.dispatched(effects)
        answer, out = self.itinerary.reclaim(question, cell, now)
        self.does(out)
        return answer

    def joins(self, hello: wire.Hello, peer: Peer) -> None:
        """A worker says hello: jobs of sessions that are not known here are asked for at their edges."""
        now, claims = self.network.now, list[Claim]()
        known = any(hello.resume and hello.resume.session in worker.sessions for worker in self.dispatch.workers)
        if hello.resume is None or known:
            self.dispatched(self.dispatch.worker_joined(hello, peer, now))
            return
        asked: defaultdict[str, list[tuple[str, int, int]]] = defaultdict(list)
        for one in hello.resume.jobs:
            asked[edge_of(one.job) or ""].append((one.job, one.attempt, one.next_seq))
        for edge, items in asked.items():
            question = Reclaim(f"{peer.account}/{hello.worker}", hello.instance, tuple(items))
            for kept in self.network.ask(self, edge, question):
                if edge == self.name:
                    home = self.itinerary.home(kept.job, now)
                    assert home is not None
                    self.does(self.lodging.drop(kept.job, now, home=True))
                else:
                    self.does(self.lodging.adopt(edge, kept, now))
                claims.append(Claim(kept.spec, kept.so_far))
        self.dispatched(self.dispatch.adopt(hello, peer, claims, now))


@dataclass
class Lane:
    messages: deque[Message] = field(default_factory=deque)
    lost_at: float | None = None


class Network(storm.Storm):
    """`dispatch` of a storm is the box's own node here."""

    def __init__(self, seed: int, nodes: int = NODES, *, faults: bool = True) -> None:
        super().__init__(seed)
        self.faults = faults
        self.nodes: dict[str, Node] = {}
        self.dead: dict[str, float] = {}  # and not noticed yet
        self.lanes: defaultdict[tuple[str, str], Lane] = defaultdict(Lane)
        self.at: dict[str, str] = {}  # session -> node
        self.here: list[tuple[str, str, str, str]] = []  # (to, worker, instance, cell)
        self.acks: dict[str, Deliver] = {}
        self.stay: dict[str, str] = {}  # jobs whose clients come back -> their accounts
        self.returning: list[tuple[str, str, float]] = []  # (job, cell, when)
        self.moved: dict[str, str] = {}  # job -> its edge, if that is not the first
        self.attached = self.started = 0
        self.cuts: dict[tuple[str, str], float] = {}
        self.heal_at: dict[tuple[str, str], float] = {}
        self.reasons: list[str] = []
        for _ in range(nodes):
            self.start()

    # ---- replicas ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self.started += 1
        name = f"{self.started:08x}"
        self.nodes[name] = Node(self, name)

    def kill(self) -> None:
        """A replica dies with its clients; another takes its place."""
        name = self.random.choice(list(self.nodes))
        del self.nodes[name]
        self.dead[name] = self.now
        for box in self.boxes:
            if box.session and self.at[box.session] == name:
                del self.at[box.session]
                box.session = None
        for job in [job for job in self.live if self.edge(job) == name]:
            self.live.remove(job)
            self.acks.pop(job, None)
            cell = next((one for one, node in self.nodes.items() if node.lodging.has(job)), None)
            if cell is not None and job in self.stay:
                self.returning.append((job, cell, self.now + self.random.choice((1, 2, 8))))
        self.acks = {job: effect for job, effect in self.acks.items() if self.edge(job) != name}
        for pair in [pair for pair in self.lanes if name in pair]:
            del self.lanes[pair]
        self.start()

    def edge(self, job: str) -> str:
        """The replica that has the job's client now."""
        return self.moved.get(job) or edge_of(job) or ""

    def returns(self) -> None:
        """Clients whose edge died come to another for their answer, and are given all of it."""
        for job, cell, at in list(self.returning):
            if at > self.now:
                continue
            self.returning.remove((job, cell, at))
            edge = self.nodes[self.random.choice(list(self.nodes))]
            if cell not in self.nodes:
                continue
            answer = self.nodes[cell].lodging.attach(Attach(job, self.stay[job]), edge.name, self.now)
            if answer.spec is not None and job not in self.live:
                self.moved[job] = edge.name
                self.live.append(job)
                self.got[job], self.ends[job] = [], 0
                self.attached += 1
                edge.does(edge.itinerary.attached(answer, cell, self.now))

    def cut(self) -> None:
        """Two replicas do not hear each other for a while."""
        one, other = self.random.sample(list(self.nodes), 2)
        self.cuts[one, other] = self.now
        self.heal_at[one, other] = self.now + self.random.choice((1, 5, 12))

    def is_cut(self, pair: tuple[str, str]) -> bool:
        return pair in self.cuts or pair[::-1] in self.cuts

    def notice(self) -> None:
        for pair, at in list(self.cuts.items()):
            if not self.faults or self.now >= self.heal_at[pair]:
                del self.cuts[pair]
                for one, other in (pair, pair[::-1]):
                    if one in self.nodes and other in self.nodes:
                        self.nodes[one].does(self.nodes[one].lodging.edge_found(other))
                        self.gap((one, other))
            elif self.now - at >= 3.0:
                for one, other in (pair, pair[::-1]):
                    if one in self.nodes:
                        self.nodes[one].does(self.nodes[one].itinerary.lost(other, self.now))
                        self.nodes[one].lodging.edge_lost(other, self.now)
        for name, at in list(self.dead.items()):
            if self.now - at >= NOTICED_S:
                del self.dead[name]
                for node in list(self.nodes.values()):
                    node.does(node.itinerary.lost(name, self.now))
                    node.lodging.edge_lost(name, self.now)

    def choose(self, node: Node, route: Route) -> str | None:
        """A cell with workers, mostly; the pictures that replicas have of each other are old."""
        if route.to in self.nodes:
            return route.to
        serving = [name for name, one in self.nodes.items() if one.dispatch.workers and name != route.but]
        if self.random.random() < 0.1:
            serving = list(self.nodes)
        return self.random.choice(serving) if serving else None

    # ---- bus -----------------------------------------------------------------------------------------------------

    def tell(self, sender: str, to: str, message: Message) -> None:
        if to in self.nodes:
            self.lanes[sender, to].messages.append(message)

    def carry(self) -> None:
        """One message of one pair arrives, or does not."""
        full = [pair for pair, lane in self.lanes.items() if lane.messages]
        if not full:
            return
        pair = self.random.choice(full)
        lane, (sender, to) = self.lanes[pair], pair
        message = lane.messages.popleft()
        chance = self.random.random() if self.faults else 1.0
        if chance < 0.04 or self.is_cut(pair):
            lane.lost_at = self.now if lane.lost_at is None else lane.lost_at
            return
        self.nodes[to].hears(sender, message)
        if chance < 0.08 and to in self.nodes:
            self.nodes[to].hears(sender, message)
        if lane.lost_at is not None:
            self.gap(pair)

    def gap(self, pair: tuple[str, str]) -> None:
        """Both ends have seen that something was lost."""
        self.lanes[pair].lost_at = None
        for one, other in (pair, pair[::-1]):
            if one in self.nodes:
                self.nodes[one].does(self.nodes[one].itinerary.resync(other, self.now))

    def ask(self, cell: Node, edge: str, question: Reclaim) -> tuple[Kept, ...]:
        lost = self.random.random() if self.faults else 1.0
        if edge not in self.nodes or self.is_cut((edge, cell.name)) or (lost < 0.05 and edge != cell.name):
            return ()
        answer = codec.decode(codec.encode(self.nodes[edge].reclaim(question, cell.name)))
        assert isinstance(answer, Reclaimed)
        return () if lost < 0.1 and edge != cell.name else answer.jobs

    # ---- workers -------------------------------------------------------------------------------------------------

    def dial(self, box: storm.Box) -> None:
        if box.session:
            return
        self.sessions += 1
        session = f"s{self.sessions}"
        resume = box.resume() if box.last and self.random.random() < 0.9 else None
        node = self.nodes[self.random.choice(list(self.nodes))]
        box.session, box.inbox = session, []
        self.at[session] = node.name
        node.joins(self.hello(box, resume), Peer(session, self.owner, "k"))
        if box.session:
            self.read(box)
        if box.session:
            worker = f"{self.owner}/{box.name}"
            self.here += [(to, worker, str(box.instance), node.name) for to in self.nodes if to != node.name]

    def gossip(self) -> None:
        """A replica hears that a worker is in another's cell, and it is still."""
        if self.here:
            to, worker, instance, cell = self.here.pop(self.random.randrange(len(self.here)))
            now_at = {f"{self.owner}/{box.name}": self.at.get(box.session or "") for box in self.boxes}
            if to in self.nodes and now_at.get(worker) == cell:
                node = self.nodes[to]
                node.dispatched(node.dispatch.departed(worker, instance, self.now))

    def hang_up(self, box: storm.Box) -> None:
        if box.session:
            session, box.session = box.session, None
            node = self.nodes.get(self.at.pop(session, ""))
            if node is not None and self.random.random() < 0.7:  # else it does not know yet
                node.dispatched(node.dispatch.worker_left(session, self.random.random() < 0.9, self.now))

    def say(self, box: storm.Box, message: wire.ToCoordinator) -> None:
        if box.session:
            node = self.nodes[self.at[box.session]]
            node.dispatched(node.dispatch.received(box.session, message, self.now))

    # ---- clients -------------------------------------------------------------------------------------------------

    def perform_at(self, node: Node, effect: Effect) -> None:
        if isinstance(effect, Deliver | Finished | Failed | Stopped):
            assert effect.job in self.live, f"{effect} for a client that is gone"
        match effect:
            case Deliver():
                assert not self.ends[effect.job], "delivered after the end"
                self.got[effect.job] += effect.delta.tokens
                assert effect.completion == len(self.got[effect.job])
                self.acks[effect.job] = effect
            case Failed():
                self.reasons.append(effect.error.code)
                self.perform([effect])
            case _:
                self.perform([effect])

    def takes(self) -> None:
        """A client takes all that it was sent."""
        if self.acks:
            job = self.random.choice(list(self.acks))
            effect = self.acks.pop(job)
            node = self.nodes[self.edge(job)]
            if node.has(job):
                node.dispatched(node.dispatch.acknowledged(job, effect.delta.attempt, effect.delta.seq, self.now))
            else:
                node.does(node.itinerary.acknowledged(job, effect.delta.attempt, effect.delta.seq, self.now))

    def submit(self) -> None:
        self.submitted += 1
        edge = self.nodes[self.random.choice(list(self.nodes))]
        job = f"j{self.submitted}.0.{edge.name}"
        self.live.append(job)
        spec = JobSpec(job, f"a{self.submitted % 3}", M, REQUEST, 1, stays=self.submitted % 3 == 0)
        if spec.stays:
            self.stay[job] = spec.account
        cell = self.choose(edge, Route(job)) or edge.name
        if cell == edge.name:
            edge.dispatched(edge.dispatch.submit(spec, self.now))
        else:
            edge.does(edge.itinerary.start(spec, cell, self.now))

    def cancel(self) -> None:
        if self.live:
            job = self.random.choice(self.live)
            node = self.nodes[self.edge(job)]
            if node.has(job):
                node.dispatched(node.dispatch.cancel(job, self.now))
            else:
                node.does(node.itinerary.cancel(job, self.now))

    def shed(self) -> None:
        """A cell gives back a job that waits."""
        node = self.nodes[self.random.choice(list(self.nodes))]
        if self.live:
            job = self.random.choice(self.live)
            found = node.dispatch.job(job)
            if found is None or node.dispatch.queue_position(job) is None or found.handbacks >= 3:
                return
            if node.lodging.has(job):
                node.does(node.lodging.handback(job, "shed", None, self.now))
            else:
                so_far, effects = node.dispatch.release(job, self.now)
                if so_far is not None:
                    node.does(node.itinerary.take(found.spec, so_far, self.now, "shed", node.name))
                    node.dispatched(effects)

    def pass_time(self, seconds: float) -> None:
        while seconds > 0:
            self.now += 0.25
            seconds -= 0.25
            for node in list(self.nodes.values()):
                node.dispatched(node.dispatch.tick(self.now))
                node.does(node.itinerary.tick(self.now))
                node.does(node.lodging.tick(self.now))
            self.notice()
            self.returns()
            for pair, lane in list(self.lanes.items()):
                if lane.lost_at is not None and self.now - lane.lost_at >= LAG_S:
                    self.gap(pair)
            if not self.faults or self.random.random() < 0.9:
                for _ in range(sum(len(lane.messages) for lane in self.lanes.values())):
                    self.carry()

    def busy(self, node: Node) -> bool:
        """Whether a node has more than answers that nobody has come for."""
        running, _, elsewhere, slots = kept(node)
        return bool(running or elsewhere or slots or self.live)

    # ---- promises ------------------------------------------------------------------------------------------------

    def check(self) -> None:
        for job in self.live:
            tokens = self.got[job]
            assert tokens == list(range(len(tokens))), f"{job}: {tokens}"
            node = self.nodes[self.edge(job)]
            assert node.has(job) != (job in node.itinerary.jobs), f"{job} in both or none"
        for node in self.nodes.values():
            for worker in node.dispatch.workers:
                for model, replica in worker.replicas.items():
                    assert replica.held == sum(lease.model == model for lease in worker.leases.values())

    def happens(self) -> None:
        chance = self.random.random()
        if chance < 0.35:
            self.carry()
        elif chance < 0.45:
            self.takes()
        elif chance < 0.48:
            self.gossip()
        elif chance < 0.49:
            self.shed()
        elif chance < 0.493:
            self.kill()
        elif chance < 0.496:
            self.cut()
        else:
            super().happens()
            return
        self.check()


def calm(network: Network) -> None:
    """No more storm: every job must end, every slot be free again, and nobody keep anything for anybody."""
    network.faults = False
    for _ in range(1200):
        network.pass_time(0.25)
        for box in network.boxes:
            network.dial(box)
            network.heartbeat(box)
            network.work(box)
        for _ in range(len(network.acks)):
            network.takes()
        network.check()
        if is_quiet(network) or not any(network.busy(node) for node in network.nodes.values()):
            break
    assert not network.live, "jobs that never end"
    assert all(times <= 1 for times in network.ends.values())
    if not is_quiet(network):
        network.pass_time(STAYS_S + 1)  # answers for which nobody came
    assert is_quiet(network), [kept(node) for node in network.nodes.values()]


def kept(node: Node) -> tuple[int, int, int, int]:
    """What a node has: jobs of its cell, those of other edges among them, its own elsewhere, and slots."""
    slots = sum(len(worker.leases) for worker in node.dispatch.workers)
    return node.dispatch.running(), len(node.lodging), len(node.itinerary.jobs), slots


def is_quiet(network: Network) -> bool:
    return not network.live and not any(any(kept(node)) for node in network.nodes.values())
