"""What dispatch knows: limits, jobs, leases and counters. Plain records; only dispatch and fleet write them."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

from coordinator.scheduler.work import PromptCount, Work, work
from wire.errors import SupernetError
from wire.job_state import JobState
from wire.media import Stage
from wire.messages import RESUME_WINDOW_S, WINDOW_TOKENS, Delta, Done
from wire.request import Request


@dataclass(frozen=True)
class Limits:
    """Every bound of dispatch. Seconds unless the name says otherwise."""

    queue: int = 256  # jobs that wait, all together
    queue_per_account: int = 32
    queue_wait_s: float = 30.0
    accept_s: float = 10.0  # Start to Accepted: rendering and tokenising, nothing else
    accept_pictures_s: float = 20.0  # where pictures are decoded too; asking for their files adds to it (blobs.py)
    cancel_s: float = 10.0  # Cancel to an end; then the slot is written off
    done_s: float = 10.0  # from the upload of what was made to Done; then it is cancelled
    first_token_s: float = 20.0  # Accepted to the first token, on top of what its worker takes to read (reading.py)
    first_token_most_s: float = 900.0  # and no longer than this, whatever it claims
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
class WorkerOrder:
    """What the operator says of one worker: it gets no jobs, or is to be away, from `since` until `until`, in seconds
    of dispatch's clock. `note`: why; the worker's owner is told."""

    kind: Literal["rest", "away"]
    since: float
    until: float
    note: str = ""


@dataclass(frozen=True)
class JobSpec:
    """One answer to get. `seed` is chosen by the coordinator unless the client did.

    `deadline_s`: how long after its submission somebody still waits for it; None: until told otherwise.
    `weight`: of its account's share where accounts compete. `session`: the client's own name for the conversation.
    `blobs`: the files of its pictures by SHA-256, the same object for all choices of one request; whoever submitted it
    takes them out once the last has ended (admission/blob_budget.py).
    """

    id: str
    account: str
    model: str
    request: Request
    seed: int
    deadline_s: float | None = None
    weight: float = 1.0
    session: str = ""
    trace: str | None = None  # a W3C traceparent, for the worker
    key: str = ""  # the id of the key that asked: with it the job ends
    prompt: PromptCount = field(default_factory=PromptCount)  # shared by all choices of one request
    blobs: Mapping[str, bytes] = field(default_factory=dict, repr=False)  # in no log, and no dump
    upload_secret: str = field(default="", repr=False)  # of what it makes: its attempts' tokens are made from it
    stays: bool = False  # its client may come back for the answer, should the replica that it speaks to die


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
    spec: JobSpec | None = field(default=None, repr=False)
    accepted: bool = False
    wanted_bytes: int = 0  # of files that its worker has asked for
    sending: bool = False  # and they are on their way, as far as we know
    next_seq: int = 0  # the frame that must come next
    taken_seq: int = 0  # frames below it have been taken by the client
    acked_seq: int = 0  # frames below it have been acknowledged to the worker
    acked_at: float = 0.0
    untaken: deque[tuple[int, int]] = field(default_factory=deque)  # (seq, tokens) the client has not taken
    untaken_tokens: int = 0
    tokens: int = 0  # of all its deltas
    made: bool = False  # what it was to make is there; its worker has not said Done
    stage: Stage | None = None  # of what it makes, by its worker's last word
    percent: int = 0  # of it
    began_at: float | None = None  # when it was first in a stage after loading
    prompt: int = 0  # tokens of its prompt, as its worker said when it accepted; 0: it did not
    expected_cached: int = 0  # tokens of its prompt that the engine was believed to hold
    unread: int = 0  # tokens of its prompt, until the first token is there
    read_before: int = 0  # what the replica's engine had read as the lease began: `Replica.read`
    size_bytes: int = 0  # of all its deltas, about
    silent: int = 0  # of its tokens, more than its text can stand for (dispatch/silence.py)
    unsaid: int = 0  # of its tokens, those behind its last text
    watched_at: float = 0.0  # since then its speed is watched (pace.py)
    watched_tokens: int = 0
    held_up: bool = False  # it has had to wait for its client
    adopted: bool = False  # it began in another cell, which may have cancelled it
    suspect: bool = False  # an engine died while it worked on this request before
    apart: bool = False  # and the death of this one would convict it, or clear it
    accompanied: bool = False  # another suspect has shared its engine: which of them it dies of, nobody can say
    overclaimed: bool = False  # its worker said that the prompt is far longer than it is
    trailing: Delta | None = None  # what a parser still held when the tokens ended: the client's once Done is here
    last_progress_at: float = 0.0  # when a token or a Progress came last, or the client last took a frame
    last_token_at: float | None = None
    gaps: deque[float] = field(default_factory=lambda: deque(maxlen=33))

    @property
    def fruitful(self) -> bool:
        """Whether the attempt has given something: tokens, or what it was to make. Text without tokens is no answer to
        a chat."""
        return self.tokens > 0 or self.made

    def received(self, seq: int, tokens: int, now: float) -> None:
        """A delta arrived in order."""
        self.next_seq = seq + 1
        self.untaken.append((seq, tokens))
        self.untaken_tokens += tokens
        self.tokens += tokens
        if tokens:
            if self.last_token_at is None:
                self.watch(now)
            else:
                self.gaps.append(now - self.last_token_at)
            self.last_token_at = self.last_progress_at = now

    def watch(self, now: float) -> None:
        """From now on, look at how fast its tokens come."""
        self.watched_at, self.watched_tokens = now, self.tokens

    def take(self, seq: int, now: float) -> None:
        """The client has everything up to and including frame `seq`."""
        while self.untaken and self.untaken[0][0] <= seq:
            self.untaken_tokens -= self.untaken.popleft()[1]
        self.taken_seq = max(self.taken_seq, seq + 1)
        self.last_progress_at = now

    def ack_due(self, now: float, limits: Limits) -> bool:
        """Whether an Ack is worth a frame now: a worker keeps for replay what is not acknowledged, and pauses at a
        whole window of it."""
        behind = self.taken_seq - self.acked_seq
        return behind > 0 and (now - self.acked_at >= limits.ack_s or 4 * behind >= limits.window_tokens)

    def stalled(self, now: float, limits: Limits) -> bool:
        """No token for too long, after the first: that one has a deadline of its own (reading.py). A slot that is
        paused because the client does not read is not stalled."""
        if self.state is not JobState.RUNNING or self.untaken_tokens >= limits.window_tokens // 2:
            return False
        silent = now - self.last_progress_at
        if self.last_token_at is None or silent <= limits.stall_s:
            return False
        return silent > limits.stall_gaps * (median(self.gaps) if self.gaps else 0.0)


@dataclass(frozen=True)
class Truncated:
    """An answer that ended where its worker's context did. It stands if no worker with more context goes on."""

    done: Done
    tokens: int  # delivered by then
    trailing: Delta | None


@dataclass
class Job:
    """A client's job from submit to its one end."""

    spec: JobSpec
    submitted: float
    waiting_since: float
    delivered: list[int] = field(default_factory=list)
    served: dict[str, int] = field(default_factory=dict)  # delivered tokens by the worker that made them
    reader: str | None = None  # the worker that gave the last delivered token: it read the prompt
    read: int = 0  # tokens of the prompt, by what that worker has said so far, or estimated
    lease: Lease | None = None  # the attempt whose frames count
    starts: int = 0  # how many attempts were begun
    failures: int = 0
    refusals: int = 0
    crashes: int = 0
    apart: bool = False  # it would be to blame, but for another suspect in the engine that died last
    handbacks: int = 0  # cells of other replicas, or ours, that gave it back
    legs: int = 0  # its stays in cells since it left the first, which was its edge's own
    said: bool = False  # the client has some text of it
    calls: set[int] = field(default_factory=set)  # places of the calls that were begun
    arguments: dict[int, list[str]] = field(default_factory=dict)  # of each of them, in pieces
    argument_chars: int = 0  # of all of them; from a bound on they are not kept
    percent: int = -1  # of what is being made, as its client was told last
    previews: int = 0  # that its client was shown
    notices: int = 0  # warnings of workers about it, as many as its client was given
    witnesses: dict[str, str] = field(default_factory=dict)  # owners that found it to blame -> their worker's key
    avoid: set[tuple[str, str]] = field(default_factory=set)  # (worker, instance) that failed it
    charged: float = 0.0  # what its account's counter was advanced by for it, before the weight
    context: int = 0  # slots with less context than this are known to be too small
    cancelled: bool = False  # the client has left
    worker: str | None = None  # the last one that had it
    placed_at: float | None = None
    first_token_at: float | None = None
    error: SupernetError | None = None  # why it waits again
    truncated: Truncated | None = None  # its answer so far, while a worker with more context may go on
    work: Work = field(init=False)  # its request, as dispatch and fairness look at it

    def __post_init__(self) -> None:
        self.work = work(self.spec.request, self.spec.account, self.spec.session)

    @property
    def prompt(self) -> int:
        """Tokens of its prompt, estimated."""
        return self.work.prefixes.total


@dataclass
class Counters:
    """How often what happened to jobs and workers, since the process started. They only grow."""

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
    slow_streams: int = 0  # moved, as far slower than their worker claims
    silences: int = 0  # attempts that gave tokens without a text for too long, or an empty answer
    accept_timeouts: int = 0
    written_off: int = 0
    late_frames: int = 0
    duplicate_frames: int = 0
    violations: int = 0
    overclaims: int = 0  # claims of prompt tokens far above our own count
    broken_calls: int = 0  # answers that ended with arguments that are no JSON
    duplicate_workers: int = 0
    poisoned: int = 0
    poison_blocked: int = 0  # asked again while they were blocked
    rests: int = 0
    tests_passed: int = 0
    tests_failed: int = 0
