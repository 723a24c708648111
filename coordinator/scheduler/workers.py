"""What dispatch knows of workers and of the models on them. Plain records; only dispatch and fleet write them."""

from collections import Counter, deque
from dataclasses import dataclass, field

from coordinator.scheduler.energy import Meter
from coordinator.scheduler.owners import Owner
from coordinator.scheduler.prefix_affinity import PrefixIndex
from coordinator.scheduler.speed_curve import SpeedCurve
from coordinator.scheduler.state import Lease, Peer
from wire.guesses import Guesses
from wire.media import MediaOffer
from wire.messages import Hello, Issue
from wire.offers import ModelOffer, ModelStatus

SESSIONS = 8  # sockets in a row that may end before the worker has read its Welcome


@dataclass
class Replica:
    """One model on one worker, or one pipeline that makes media: what only the other has is nothing."""

    offer: ModelOffer | MediaOffer
    slots: int
    status: ModelStatus = "loading"  # until its first Capacity says otherwise
    held: int = 0  # leases of ours
    taken_elsewhere: int = 0  # slots that the worker's last Capacity shows as taken, and not by our leases
    busy_until: float = 0.0  # it refused for want of a slot
    prefix_index: PrefixIndex = field(default_factory=PrefixIndex)  # prompts that its engine has read
    proven: bool = False  # a job has been finished there since the worker joined: the engine computes on that machine
    slowness: float = 1.0  # times longer than claimed that its jobs took, as it stood at `slowness_at` (pace.py)
    slowness_at: float = 0.0
    tokens_per_step: float = 0.0  # of one job, by its worker's word, and so are the guesses: shown, no more
    guesses: tuple[Guesses, ...] = ()
    given: int = 0  # tokens of all prompts that it was ever given, estimated
    read: int = 0  # and of those of them that it has read, or need not read any more
    speed: SpeedCurve = field(init=False)

    def __post_init__(self) -> None:
        self.speed = SpeedCurve(self.offer.speed if isinstance(self.offer, ModelOffer) else ())

    @property
    def features(self) -> frozenset[str]:
        """What it can do: `features` of a model, `modes` of a pipeline."""
        return frozenset(self.offer.features if isinstance(self.offer, ModelOffer) else self.offer.modes)

    @property
    def context(self) -> int:
        """Tokens of one job, prompt and answer together."""
        return self.offer.context if isinstance(self.offer, ModelOffer) else 0

    @property
    def image_ms(self) -> float | None:
        return self.offer.image_ms if isinstance(self.offer, ModelOffer) else None

    @property
    def effort_s(self) -> float:
        return self.offer.speed if isinstance(self.offer, MediaOffer) else 0.0

    @property
    def size(self) -> tuple[int, ...]:
        """How much can be asked of it: the larger of two."""
        if isinstance(self.offer, MediaOffer):
            return self.offer.max_pixels, self.offer.max_frames, self.offer.max_seconds, self.offer.max_images
        return (self.offer.context,)

    @property
    def free(self) -> int:
        return max(0, self.slots - self.held - self.taken_elsewhere)


@dataclass
class Worker:
    """One worker, known by account and worker id, across its sockets."""

    key: str
    peer: Peer
    hello: Hello
    replicas: dict[str, Replica]
    heard_at: float  # when its last frame came
    owner: Owner = field(default_factory=Owner)  # the same for all workers of an account
    left_at: float | None = None  # when its socket dropped; None: it is connected
    draining: bool = False
    sent_away: bool = False  # it drains by the operator's order, and by nothing else
    moved: bool = False  # it was sent to dial again
    last_used: float = 0.0  # when it was last given a job
    sessions: deque[str] = field(default_factory=lambda: deque(maxlen=SESSIONS))  # it may name any of them to resume
    leases: dict[tuple[str, int], Lease] = field(default_factory=dict)
    issues: dict[str, Issue] = field(default_factory=dict)
    tokens: Counter[str] = field(default_factory=Counter)  # received from it, by model
    finished: int = 0  # jobs
    faults: int = 0  # each was followed by a rest
    meter: Meter = field(default_factory=Meter)  # of the energy that its GPUs draw

    @property
    def connected(self) -> bool:
        return self.left_at is None

    @property
    def incarnation(self) -> tuple[str, str]:
        """The worker and the process that it is now: another one has forgotten all jobs."""
        return self.key, self.hello.instance
