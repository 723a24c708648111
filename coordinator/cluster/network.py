"""The others, as this replica knows them: what they say is given to whom it concerns, and who is silent is asked."""

from coordinator.cluster import uploads
from coordinator.cluster.arrivals import Arrivals
from coordinator.cluster.jobs import Jobs
from coordinator.cluster.lanes.post import Post, Then
from coordinator.cluster.peers.gossip import Gossip
from coordinator.cluster.peers.peers import ECHO_S, PING_S, Peers
from coordinator.cluster.peers.pictures import Pictures
from coordinator.cluster.peers.presence import Presence
from coordinator.cluster.protocol.effects import Reread, Shown
from coordinator.cluster.protocol.gossip_messages import Gossiped
from coordinator.cluster.protocol.ids import ReplicaId
from coordinator.cluster.protocol.messages import Attach, Message, Reclaim, Upload, Uploaded
from coordinator.cluster.protocol.news import Bye, Gone, Here, Look, Picture, Ping, Pong, Revised, Snapshot, Where

SNAPSHOT_S = 2.0
SNAPSHOT_ASKS = 8  # of one after the other, until somebody answers


class Network:
    """What comes from the other replicas, and who of them is there. What follows goes to the post."""

    def __init__(
        self, post: Post, pictures: Pictures, presence: Presence, gossip: Gossip, jobs: Jobs, arrivals: Arrivals
    ) -> None:
        self.peers = Peers(post.me)
        self.ours = Picture()  # what we last said of ourselves
        self._post, self._pictures, self._presence, self._gossip = post, pictures, presence, gossip
        self._jobs, self._arrivals = jobs, arrivals
        self._caught_up = False  # somebody has told what there is to know
        self._again = False  # somebody had, before the bus was dark
        self._snapshots, self._snapshot_at = 0, -SNAPSHOT_S  # how often one was asked for, and when

    # ---- what comes ----------------------------------------------------------------------------------------------

    def heard(self, data: bytes, now: float) -> None:
        """A publication: to us, or to all."""
        letter = self._post.read(data)
        if letter is None:
            return
        self._there(letter.sender, now)
        for message in letter.messages:
            self._take(letter.sender, message, now)
        if letter.lost:
            self._jobs.carry(self._jobs.itinerary.resync(letter.sender, now), now)

    def asked(self, ask: int, data: bytes, now: float) -> None:
        """A question, of another replica or of our own shell. What is not understood is answered with nothing."""
        letter = self._post.read(data)
        if letter is None or not letter.messages:
            self._post.reply(ask, ())
            return
        self._there(letter.sender, now)
        match letter.messages[0]:
            case Ping():
                self._post.reply(ask, [Pong()])
            case Snapshot():
                self._post.reply(ask, [Pong(), *self._gossip.snapshot(now)])  # to have nothing to tell is an answer too
            case Where() as question:
                self._post.reply(ask, [self._arrivals.where(question.worker, now)])
            case Look():
                self._post.emit([Shown(ask)])
            case Reclaim() as question:
                self._post.reply(ask, [self._jobs.reclaim(question, letter.sender, now)])
            case Attach() as question:
                self._post.reply(ask, [self._jobs.lodging.attach(question, letter.sender, now)])
            case Upload() | Uploaded() as question:
                effects = uploads.asked(self._jobs.dispatch, self._jobs.itinerary, self._post, ask, question, now)
                self._jobs.dispatched(effects, now)
            case _:
                self._post.reply(ask, ())

    def answered(self, ask: int, data: bytes | None, now: float) -> None:
        """The answer to a question of ours; None: there was none in time."""
        sender = self._post.answered(ask, data, now)
        if sender is not None:
            self._there(sender, now)

    def _take(self, sender: ReplicaId, message: Message, now: float) -> None:
        match message:
            case Picture():
                self._pictures.take(sender, message, now)
            case Here():
                self._arrivals.here(sender, message, now)
            case Gone():
                self._presence.gone(sender, message.worker)
            case Bye():
                if self.peers.left(sender, now):
                    self._lost(sender, now)
            case Revised():
                self._post.emit([Reread()])
            case _ if isinstance(message, Gossiped):
                self._gossip.heard(sender, message, now)
            case _:
                self._jobs.carry(self._jobs.heard(sender, message, now), now)

    # ---- who is there --------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Ask who has fallen silent, and give up who is dead."""
        waited_for = self._jobs.itinerary.cells() | self._jobs.lodging.edges()
        pings, dead = self.peers.tick(waited_for, now)
        for peer in pings:
            self._ping(peer, now)
        for peer in dead:
            self._lost(peer, now)
        if alive := self.peers.alive():
            self._catch_up(alive[self._snapshots % len(alive)], now)

    def _ping(self, peer: ReplicaId, now: float) -> None:
        def answered(messages: tuple[Message, ...], now: float) -> None:
            if any(isinstance(message, Pong) for message in messages):
                self.peers.answered(peer)
            else:
                self.peers.missed(peer)

        self._post.ask(peer, Ping(), ECHO_S if peer == self._post.me else PING_S, answered, now)

    def _there(self, peer: ReplicaId, now: float) -> None:
        if self.peers.is_dark(now):  # and is not any more: what all know of us is old
            self._pictures.tell_again()
            self._again, self._caught_up, self._snapshots = self._again or self._caught_up, False, 0
        if not self.peers.heard(peer, now):
            return
        for message in (self.ours, *self._arrivals.all_here(now)):
            self._post.tell(peer, message)
        self._jobs.carry(self._jobs.lodging.edge_found(peer), now)
        self._jobs.carry(self._jobs.itinerary.resync(peer, now), now)
        self._catch_up(peer, now)

    def _catch_up(self, peer: ReplicaId, now: float) -> None:
        """Ask this one what there is to know, unless somebody has told it."""
        is_open = now - self._snapshot_at < SNAPSHOT_S
        if not (self._caught_up or is_open) and self._snapshots < SNAPSHOT_ASKS:
            self._snapshots, self._snapshot_at = self._snapshots + 1, now
            self._post.ask(peer, Snapshot(), SNAPSHOT_S, self._snapshot(peer), now)

    def _snapshot(self, peer: ReplicaId) -> Then:
        def answered(messages: tuple[Message, ...], now: float) -> None:
            if self._caught_up:
                return  # two have told it: deeds would count twice
            self._caught_up = bool(messages)
            for message in messages:
                if isinstance(message, Gossiped):
                    self._gossip.stands(peer, message, now, again=self._again)

        return answered

    def _lost(self, peer: ReplicaId, now: float) -> None:
        picture = self._pictures.of(peer)
        offers = [kind.offer for stock in picture.models for kind in stock.kinds if kind.slots] if picture else []
        self._jobs.dispatch.expect(offers, now)
        self._post.gone(peer)
        self._pictures.drop(peer)
        self._presence.cell_gone(peer)
        self._gossip.gone(peer)
        self._jobs.lodging.edge_lost(peer, now)
        self._jobs.carry(self._jobs.itinerary.lost(peer, now), now)
