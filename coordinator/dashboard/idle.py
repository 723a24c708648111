"""Why a worker has no jobs: one plain sentence for its owner, out of what the coordinator sees. Pure.

It names nobody: of others it says how many they are and how fast. Demand is what waits now (`waiting`) and what was
refused lately for want of a worker or of room (`refused`), by model.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median

from coordinator.dashboard.snapshots import ReplicaSnapshot, WorkerSnapshot
from wire.offers import ModelOffer

OWNERS_WORD = ("paused", "off_schedule", "owner_uses_gpu", "too_hot", "too_much_power")  # issues that close slots
SLOWER = 0.8  # of the others' speed
MOST_WANTED = 3


@dataclass(frozen=True)
class Why:
    """`code` is for programs; `remedy`: what the owner can do, if anything."""

    code: str
    message: str
    remedy: str = ""


@dataclass(frozen=True)
class _Served:
    """One model over all that serve it: how many are busy and how fast those are for one chat, and the longest
    context."""

    busy: int
    tps: float | None
    context: int


@dataclass(frozen=True)
class Network:
    """What is known of all: the workers, and demand by model."""

    workers: Sequence[WorkerSnapshot]
    waiting: Mapping[str, int]
    refused: Mapping[str, int]

    @cached_property
    def served(self) -> Mapping[str, _Served]:
        """Added up once: each of 10,000 workers is held against all of them."""
        found = defaultdict[str, list[ReplicaSnapshot]](list)
        for worker in self.workers:
            for replica in worker.serves():
                found[replica.offer.id].append(replica)
        return {model: _served(replicas) for model, replicas in found.items()}

    def of(self, replica: ReplicaSnapshot) -> _Served:
        """Its model; of one that has come since these workers were looked at, nothing."""
        return self.served.get(replica.offer.id, _Served(0, None, 0))


def _served(replicas: Sequence[ReplicaSnapshot]) -> _Served:
    busy = [replica for replica in replicas if replica.busy]
    speeds = [tps for tps in map(_tps, busy) if tps is not None]
    contexts = [replica.offer.context for replica in replicas if isinstance(replica.offer, ModelOffer)]
    return _Served(len(busy), median(speeds) if speeds else None, max(contexts, default=0))


def why_idle(worker: WorkerSnapshot, network: Network) -> Why | None:
    """The first reason that holds; None: it has jobs."""
    if worker.status == "busy":
        return None
    return _closed(worker) or _unfit(worker, network) or _unwanted(worker, network) or _others_first(worker, network)


# ---- it takes none ---------------------------------------------------------------------------------------------------


def _closed(worker: WorkerSnapshot) -> Why | None:
    if worker.order:
        return Why("ordered", f"The operator of the network gives it none{worker.order_note}.", "Ask the operator.")
    match worker.status:
        case "away":
            return Why("away", "Its line is down: it is not connected.", "Look at its machine and its log.")
        case "draining":
            return Why("draining", "It takes no new jobs: it is about to leave.")
        case "resting":
            left_s = worker.rest_s or 0.0
            when = f"in {left_s:.0f} s" if left_s >= 1 else "now"
            message = f"Jobs failed on it, so it rests; {when} it is tested with a job that nobody waits for."
            return Why(
                "resting", message, "Its problems and its log say what failed. Each further fault doubles the rest."
            )
        case "loading":
            return Why("loading", "Its model is still being loaded.", "Nothing: it takes jobs once it is there.")
        case "down" if not worker.replicas:
            remedy = "Another model, or the operator: GET /v1/models lists those that there are."
            return Why("not_in_catalog", "The network's catalog has no model of it any more.", remedy)
        case "down":
            remedy = "Its problems say why; `supernet-worker --check` looks for more."
            return Why("not_ready", "Nothing is ready on it: its engine is down.", remedy)
        case "paused":
            for issue in worker.issues:
                if issue.code in OWNERS_WORD:
                    return Why(issue.code, f"It offers no slots: {issue.message}.", issue.remedy)
            return Why("no_slots", "It offers no slots now.")
    return None


# ---- nobody wants it -------------------------------------------------------------------------------------------------


def _unfit(worker: WorkerSnapshot, network: Network) -> Why | None:
    """Requests wait for its model, and still it stands idle."""
    if worker.held_back:
        return None
    for replica in worker.serves():
        count = network.waiting.get(replica.offer.id, 0)
        if not count:
            continue
        if not isinstance(replica.offer, ModelOffer):
            message = f"{_requests(count)} for {replica.offer.id} that it cannot make: another kind, or larger ones."
            return Why("cannot_serve", message)
        longest = network.of(replica).context
        more = f" (others have {longest:,})" if longest > replica.offer.context else ""
        message = (
            f"{_requests(count)} for {replica.offer.id} that it may not have: they need more context than its "
            f"{replica.offer.context:,} tokens{more} or see pictures, or their clients' limits are reached."
        )
        return Why("cannot_serve", message, "A longer context (--context) takes longer prompts." if more else "")
    return None


def _unwanted(worker: WorkerSnapshot, network: Network) -> Why | None:
    """Nobody asks for what it serves: neither of it nor of others."""
    mine = worker.serves()
    if any(network.of(replica).busy for replica in mine):
        return None
    names = ", ".join(replica.offer.id for replica in mine)
    wanted = _wanted(network, {replica.offer.id for replica in mine})
    if not wanted:
        return Why("no_demand", f"Nobody asks for {names} now, and nothing waits for another model.")
    return Why(
        "others_wanted",
        f"Nobody asks for {names} now. Others wait for {wanted}.",
        "Serve what is wanted, if it fits: the page Models says what does.",
    )


def _wanted(network: Network, but: set[str]) -> str:
    """What waits or was refused, the most wanted first, in words."""
    score = {
        model: network.waiting.get(model, 0) + network.refused.get(model, 0)
        for model in network.waiting.keys() | network.refused.keys()
        if model not in but
    }
    best = sorted((model for model, count in score.items() if count), key=lambda model: (-score[model], model))
    return "; ".join(
        f"{model}: {network.waiting.get(model, 0):,} waiting, {network.refused.get(model, 0):,} refused in 24 hours"
        for model in best[:MOST_WANTED]
    )


# ---- others have them ------------------------------------------------------------------------------------------------


def _others_first(worker: WorkerSnapshot, network: Network) -> Why:
    if not worker.proven and (worker.held_back or not any(replica.tokens for replica in worker.replicas)):
        message = (
            "Its owner is new here: beside proven ones all workers of a new owner get two jobs at once, and two more "
            "for each that they finish."
        )
        return Why("probation", message, "Nothing: leave it running, it grows with each finished job.")
    for replica in worker.serves():
        served = network.of(replica)
        others = served.busy - bool(replica.busy)
        if not others:
            continue
        busy = f"{others:,} other{'s' if others > 1 else ''} now"
        own = _tps(replica)
        if isinstance(replica.offer, ModelOffer) and own is None:
            message = (
                f"{replica.offer.id} is served by {busy}. This one has not measured its speed, and counts as slow."
            )
            return Why("not_measured", message, "`supernet-worker --benchmark` measures it.")
        if own is not None and served.tps is not None and own < SLOWER * served.tps:
            message = (
                f"{replica.offer.id} is served by {busy}, with {served.tps:,.0f} tokens a second for one chat "
                f"where this one has {own:,.0f}: a job goes where its answer is there soonest."
            )
            return Why("slower", message, "A smaller model is faster on this machine.")
        message = f"{replica.offer.id} is served by {busy}: there are more slots than requests, and it waits its turn."
        return Why("enough_workers", message)
    return Why("waiting", "It is ready and waits for its next job.")


def _tps(replica: ReplicaSnapshot) -> float | None:
    """Tokens a second of one chat alone, as it measured itself."""
    if not isinstance(replica.offer, ModelOffer) or not replica.offer.speed:
        return None
    first = min(replica.offer.speed, key=lambda point: point.streams)
    return first.decode_tps / first.streams


def _requests(count: int) -> str:
    return "1 request waits" if count == 1 else f"{count:,} requests wait"
