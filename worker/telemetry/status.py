"""What the daemon says of itself to its owner: one picture for --status, --health and /metrics. Pure."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from wire.messages import Earnings, Issue
from worker.machine.availability import Offered
from worker.machine.description import Reading
from worker.session.session import Session
from worker.telemetry.counters import Tally

Phase = Literal["starting", "serving", "waiting", "draining"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class ModelView(_Frozen):
    """`slots` were planned, `offered` of them are open to the network now, `running` are taken. Speeds are of the last
    second, all jobs together."""

    id: str
    status: str
    slots: int
    offered: int
    running: int
    context: int
    decode_tps: float = 0.0
    prefill_tps: float = 0.0
    longest_stall_ms: float = 0.0
    python_share: float = 0.0
    ended: dict[str, int] = {}
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    forced_tokens: int = 0
    restarts: int = 0


class Problem(_Frozen):
    """`since`: seconds of the epoch."""

    since: float
    issue: Issue


class Status(_Frozen):
    """`starting`: the model is fetched and laid out; `waiting`: a problem keeps it from serving, it is tried again."""

    time: float
    pid: int
    worker: str
    name: str
    version: str
    uptime_s: float
    phase: Phase
    progress: str = ""  # of `starting`, in words
    coordinator: str = ""  # "registered", or why not
    paused: bool = False
    reason: str | None = None  # why not all slots are offered
    words: str = ""
    jobs: int = 0
    refused: dict[str, int] = {}
    models: tuple[ModelView, ...] = ()
    gpus: tuple[Reading, ...] = ()
    memory_bytes: int = 0  # of the machine
    available_bytes: int = 0
    earnings: Earnings | None = None
    problems: tuple[Problem, ...] = ()  # that are not over
    last_problem: Problem | None = None  # over or not

    @property
    def registered(self) -> bool:
        return self.coordinator == "registered"


def model_views(session: Session, tally: Tally) -> tuple[ModelView, ...]:
    return tuple(
        ModelView(
            id=name,
            status=served.status,
            slots=served.slots.count,
            offered=served.slots.offered,
            running=served.slots.held,
            context=served.offer.context,
            decode_tps=round(tally.models[name].decode_tps, 1),
            prefill_tps=round(tally.models[name].prefill_tps, 1),
            longest_stall_ms=round(tally.models[name].longest_stall_ms, 1),
            python_share=round(tally.models[name].python_share, 4),
            ended=dict(tally.models[name].ended),
            prompt_tokens=tally.models[name].prompt_tokens,
            cached_tokens=tally.models[name].cached_tokens,
            completion_tokens=tally.models[name].completion_tokens,
            forced_tokens=tally.models[name].forced_tokens,
            restarts=tally.models[name].restarts,
        )
        for name, served in session.models.items()
    )


def with_session(base: Status, session: Session, tally: Tally, offered: Offered) -> Status:
    """`base`: who and when; the rest is what the session and the tally know."""
    draining = session.drain_until is not None
    return base.model_copy(
        update={
            "phase": "draining" if draining else "serving" if session.models else "waiting",
            "reason": offered.reason,
            "words": offered.words,
            "jobs": sum(not attempt.ended for attempt in session.attempts.values()),
            "refused": dict(tally.refused),
            "models": model_views(session, tally),
            "earnings": session.earnings,
        }
    )
