"""What dispatch knows: limits, jobs, leases, workers, counters. Plain records; only dispatch and fleet write them."""

from collections import Counter, deque
from dataclasses import dataclass, field
from statistics import median

from coordinator.scheduler.prefix_affinity import Remembered, Trail
from wire.chat import ChatRequest
from wire.errors import SupernetError
from wire.job_state import JobState
from wire.messages import RESUME_WINDOW_S, WINDOW_TOKENS, Delta, Done, Hello, Issue, ModelOffer, ModelStatus

SESSIONS = 8  # sockets in a row that may end before the worker has read its Welcome


@dataclass(frozen=True)
class Limits:
    """Every bound of dispatch. Seconds unless the name says otherwise."""

    queue: int = 256  # jobs that wait, all together
    queue_per_account: int = 32
    queue_wait_s: float = 30.0
    accept_s: float = 10.0  # Start to Accepted: rendering and tokenising, nothing else
    cancel_s: float = 10.0  # Cancel to an end; then the slot is written off
    first_token_s: float = 180.0  # Accepted to the first token: a 100k prompt on a slow card takes minutes
    stall_s: float = 10.0
    stall_gaps: float = 20.0  # a gap this many times the median gap, and over stall_s, is a stall
    attempts: int = 3  # failed attempts before the job fails
    starts: int = 16  # of all kinds: refused, handed back by a drain, cut off while being prepared
    refusals: int = 8  # refused offers before the job fails
    crashes: int = 2  # engines that may die under one job
    # How long a dropped socket's jobs wait before a free slot elsewhere may have them. None: a killed process and a cut
    # line look the same, a client waits for either, and starting over elsewhere costs no more than a prefill.
    resume_grace_s: float = 0.0
    resume_window_s: float = RESUME_WINDOW_S  # and this long to come back at all
    rest_s: float = 15.0  # a worker's first rest after a fault; doubles
    rest_max_s: float = 600.0
    ack_frames: int = 32  # so many taken: acknowledged at once
    ack_s: float = 1.0  # fewer: together, after so long, unless they are much of the window
    window_tokens: int = WINDOW_TOKENS  # of one attempt on the way to the client; then its slot pauses
    workers_per_account: int = 256


@dataclass(frozen=True)
class JobSpec:
    """One answer to get. `seed` is chosen by the coordinator unless the client did.

    `deadline_s`: how long after its submission somebody still waits for it; None: until told otherwise.
    `weight`: of its account's share where accounts compete. `session`: the client's own name for the conversation.
    """

    id: str
    account: str
    model: str
    request: ChatRequest
    seed: int
    deadline_s: float | None = None
    weight: float = 1.0
    session: str = ""
    trace: str | None = None  # a W3C traceparent, for the worker
    key: str = ""  # the id of the key that asked: with it the job ends
    bound: int = 2**31  # tokens of the prompt, at most: no worker is believed more


@dataclass(frozen=True)
class Peer:
    """Who is at the other end of a worker's socket: our name for the socket, and the key that opened it."""

    session: str
    account: str
    key: str


@dataclass
class Lease:
    """One attempt of one job on one worker: it holds a slot from Start until the worker says that it is over.

    Once the job has moved on (`Job.lease` is another one), only the end of this one matters.
    """

    job: str
    attempt: int
    worker: str
    model: str
    account: str  # whose job it is
    since: float  # Start or Cancel sent, or Accepted received
    state: JobState = JobState.OFFERED
    next_seq: int = 0  # the frame that must come next
    taken_seq: int = 0  # frames below it have been taken by the client
    acked_seq: int = 0  # frames below it have been acknowledged to the worker
    acked_at: float = 0.0
    untaken: deque[tuple[int, int]] = field(default_factory=deque)  # (seq, tokens) the client has not taken
    untaken_tokens: int = 0
    tokens: int = 0  # of all its deltas
    known: int = 0  # tokens of its prompt that the engine was believed to hold
    weight: int = 0  # bytes of all its deltas, about
    last_words: Delta | None = None  # what a parser still held when the tokens ended: the client's once Done is here
    last_progress: float = 0.0  # last token received, or last frame taken by the client
    last_token: float | None = None
    gaps: deque[float] = field(default_factory=lambda: deque(maxlen=33))

    def received(self, seq: int, tokens: int, now: float) -> None:
        """A delta arrived in order."""
        self.next_seq = seq + 1
        self.untaken.append((seq, tokens))
        self.untaken_tokens += tokens
        self.tokens += tokens
        if tokens:
            if self.last_token is not None:
                self.gaps.append(now - self.last_token)
            self.last_token = self.last_progress = now

    def take(self, seq: int, now: float) -> None:
        """The client has everything up to and including frame `seq`."""
        while self.untaken and self.untaken[0][0] <= seq:
            self.untaken_tokens -= self.untaken.popleft()[1]
        self.taken_seq = max(self.taken_seq, seq + 1)
        self.last_progress = now

    def ack_due(self, now: float, limits: Limits) -> bool:
        """Worth a frame? The worker keeps for replay what is not acknowledged, and pauses at a whole window of it."""
        behind = self.taken_seq - self.acked_seq
        return behind > 0 and (now - self.acked_at >= limits.ack_s or 4 * behind >= limits.window_tokens)

    def stalled(self, now: float, limits: Limits) -> bool:
        """No token for too long. A slot that is paused because the client does not read is not stalled."""
        if self.state is not JobState.RUNNING or self.untaken_tokens >= limits.window_tokens // 2:
            return False
        silent = now - self.last_progress
        if self.last_token is None:
            return silent > limits.first_token_s
        if silent <= limits.stall_s:
            return False
        return silent > limits.stall_gaps * (median(self.gaps) if self.gaps else 0.0)


@dataclass(frozen=True)
class Cut:
    """An answer that ended where its worker's context did: whole, should nobody go on with it after all."""

    done: Done
    tokens: int  # delivered by then
    last_words: Delta | None


@dataclass
class Job:
    """A client's job from submit to its one end."""

    spec: JobSpec
    submitted: float
    waiting_since: float
    delivered: list[int] = field(default_factory=list)
    served: dict[str, int] = field(default_factory=dict)  # delivered tokens by the worker that made them
    lease: Lease | None = None  # the attempt whose frames count
    starts: int = 0  # the number of the last attempt
    failures: int = 0
    refusals: int = 0
    crashes: int = 0
    avoid: set[tuple[str, str]] = field(default_factory=set)  # (worker, instance) that failed it
    trail: Trail = field(default_factory=Trail)  # of its prompt
    charged: float = 0.0  # what its account's counter was advanced by for it, before the weight
    context: int = 0  # slots with less context than this are known to be too small
    cancelled: bool = False  # the client has left
    worker: str | None = None  # the last one that had it
    placed_at: float | None = None
    first_token_at: float | None = None
    error: SupernetError | None = None  # why it waits again
    cut: Cut | None = None  # somebody with more context was to go on

    @property
    def prompt(self) -> int:
        """Tokens of its prompt, estimated."""
        return self.trail.total


@dataclass
class Seat:
    """One model on one worker."""

    offer: ModelOffer
    slots: int
    status: ModelStatus = "loading"  # until its first Capacity says otherwise
    held: int = 0  # leases of ours
    hidden: int = 0  # slots that the worker's last Capacity shows as taken, and not by our leases
    busy_until: float = 0.0  # it refused for want of a slot
    remembered: Remembered = field(default_factory=Remembered)  # prompts that its engine has read
    proven: bool = False  # a job has been finished there since the worker joined: the engine computes on that machine

    @property
    def free(self) -> int:
        return max(0, self.slots - self.held - self.hidden)


@dataclass
class Worker:
    """One worker, known by account and worker id, across its sockets."""

    key: str
    peer: Peer
    hello: Hello
    seats: dict[str, Seat]
    seen: float  # the last frame
    left: float | None = None  # the socket dropped then; None: it is connected
    draining: bool = False
    used: float = 0.0  # the last job went there then
    sessions: deque[str] = field(default_factory=lambda: deque(maxlen=SESSIONS))  # it may name any of them to resume
    leases: dict[tuple[str, int], Lease] = field(default_factory=dict)
    issues: dict[str, Issue] = field(default_factory=dict)
    tokens: Counter[str] = field(default_factory=Counter)  # received from it, by model
    finished: int = 0  # jobs
    faults: int = 0  # each was followed by a rest

    @property
    def connected(self) -> bool:
        return self.left is None

    @property
    def incarnation(self) -> tuple[str, str]:
        return self.key, self.hello.instance


@dataclass
class Counters:
    """Grow from 0 until the process ends."""

    submitted: int = 0
    finished: int = 0
    failed: int = 0
    stopped: int = 0
    refused_full: int = 0
    refused_no_worker: int = 0
    queue_timeouts: int = 0
    deadlines: int = 0  # jobs whose client has waited as long as it said that it would
    tokens: int = 0
    starts: int = 0
    refusals: int = 0
    moved_before_first_token: int = 0
    moved_in_stream: int = 0
    workers_lost: int = 0
    reattached: int = 0
    kept: int = 0
    stalls: int = 0
    accept_timeouts: int = 0
    written_off: int = 0
    late_frames: int = 0
    duplicate_frames: int = 0
    violations: int = 0
    duplicate_workers: int = 0
    poisoned: int = 0
    poison_blocked: int = 0  # asked again while they were blocked
    rests: int = 0
    tests_passed: int = 0
    tests_failed: int = 0
