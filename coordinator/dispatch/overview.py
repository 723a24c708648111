"""What a coordinator says of its workers to others that may send it jobs: of each model the kinds of workers, and what
waits for them. Plain values, small whatever the number of workers."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from coordinator.dispatch.dispatch_state import State
from coordinator.scheduler import candidates
from coordinator.scheduler.pace import borne_out
from coordinator.scheduler.pool import TYPICAL, Kind, quickest
from wire.media import MediaOffer
from wire.offers import ModelOffer
from wire.scalars import Count, Id

MOST_KINDS = 32  # of a model: a stranger's worker may be of any kind it likes
MOST_HASHES = 8
Sha256 = Annotated[str, Field(max_length=64)]  # by a worker's own word


@dataclass(frozen=True)
class KindStock:
    """Workers of a model that can do the same. `offer`: of the quickest, as far as it is believed. `workers`: those
    that have loaded it, with `slots`. `offering`: those that offer slots now or once it is loaded, and `free` slots:
    both without workers that rest, as to be sent to these is to wait."""

    offer: ModelOffer | MediaOffer
    workers: Count
    offering: Count
    slots: Count
    free: Count


@dataclass(frozen=True)
class ModelStock:
    """One model. `waiting` jobs, `service_s`: seconds that a job holds its slot. `recent`: its last worker has left a
    moment ago and may come back. `hashes`: of the weights that workers claim, each with how many."""

    model: Id
    kinds: Annotated[tuple[KindStock, ...], Field(max_length=MOST_KINDS)] = ()
    waiting: Count = 0
    service_s: Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)] = 0.0
    recent: bool = False
    hashes: Annotated[tuple[tuple[Sha256, Count], ...], Field(max_length=MOST_HASHES)] = ()

    @property
    def slots(self) -> int:
        return sum(kind.slots for kind in self.kinds)

    @property
    def free(self) -> int:
        return sum(kind.free for kind in self.kinds)


def stock(state: State, model: str, now: float) -> ModelStock:
    """What there is of the model now; of more than MOST_KINDS kinds those with the most slots."""
    kinds = sorted(state.fleet.pool(model).kinds.values(), key=lambda kind: kind.slots, reverse=True)
    return ModelStock(
        model=model,
        kinds=tuple(
            KindStock(
                _believed(state, kind, model, now),
                kind.ready,
                kind.offering - kind.resting,
                kind.slots,
                kind.free - kind.resting_free,
            )
            for kind in kinds[:MOST_KINDS]
        ),
        waiting=state.queue.count(model),
        service_s=state.queue.service_s(model),
        recent=candidates.servable(state.fleet, model, now),
        hashes=candidates.claimed_hashes(state.fleet, model),
    )


def _believed(state: State, kind: Kind, model: str, now: float) -> ModelOffer | MediaOffer:
    """What jobs are drawn by: the offer of the worker that would have the next one, as slow as it was seen to be."""
    best = next(quickest((kind,), len(TYPICAL) // 2), None) or next(iter(kind.members.values()))
    return borne_out(best.replicas[model], state.quarantine.failures(best.key), now)


def stocks(state: State, now: float) -> tuple[ModelStock, ...]:
    """Of every model that has workers, or had some a moment ago, or is waited for."""
    models = dict.fromkeys((*state.fleet.pools, *state.fleet.last_left, *state.queue.models()))
    found = (stock(state, model, now) for model in models)
    return tuple(one for one in found if one.kinds or one.waiting or one.recent)
