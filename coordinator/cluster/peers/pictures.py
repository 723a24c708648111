"""What the other replicas say of themselves, how old it is, and what there is of a model in the whole network.

A picture is a second old at most and worth nothing after three. Until the next one comes, a job that was sent to a cell
is counted here: else all that comes meanwhile would go to whoever was free a moment ago.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from coordinator.cluster.protocol.ids import ReplicaId
from coordinator.cluster.protocol.messages import BUS_VERSION
from coordinator.cluster.protocol.news import Picture
from coordinator.dispatch.outlook import Online
from coordinator.dispatch.overview import ModelStock
from wire.blobs import VISION
from wire.media import MediaOffer
from wire.offers import ModelOffer

EACH_S = 1.0  # a picture at least this often
CHANGED_S = 0.05  # and no more often than this, however much changes
FRESH_S = 3.0
MOST_HASHES = 8


@dataclass
class _Seen:
    picture: Picture
    at: float
    models: dict[str, ModelStock]
    sent: Counter[str] = field(default_factory=Counter)  # jobs of each model that went there since


class Pictures:
    """The pictures of the others, and when ours is due."""

    def __init__(self) -> None:
        self._seen: dict[ReplicaId, _Seen] = {}
        self._told: tuple[object, ...] | None = None
        self._told_at = 0.0
        self._looked_at = 0.0

    # ---- ours ----------------------------------------------------------------------------------------------------

    def may_be_due(self, now: float) -> bool:
        """Whether ours is to be looked at: it costs more than most of what happens in between."""
        return self._told is None or now - self._looked_at >= CHANGED_S

    def due(self, ours: Picture, now: float) -> bool:
        """Whether this one is to go now: the last is a second old, or tells others to send jobs where there is no room,
        or not where there is. If so, it counts as told."""
        self._looked_at = now
        what = (ours.leaving, ours.role, ours.catalog, *(_telling(stock) for stock in ours.models))
        if self._told is not None and now - self._told_at < (EACH_S if what == self._told else CHANGED_S):
            return False
        self._told, self._told_at = what, now
        return True

    def tell_again(self) -> None:
        """Ours is due at once."""
        self._told = None

    # ---- the others' ---------------------------------------------------------------------------------------------

    def take(self, sender: ReplicaId, picture: Picture, now: float) -> None:
        self._seen[sender] = _Seen(picture, now, {stock.model: stock for stock in picture.models})

    def drop(self, replica: ReplicaId) -> None:
        """It is gone."""
        self._seen.pop(replica, None)

    def of(self, replica: ReplicaId) -> Picture | None:
        seen = self._seen.get(replica)
        return None if seen is None else seen.picture

    def all(self, now: float) -> Iterator[tuple[ReplicaId, Picture, float]]:
        """(replica, its picture, the picture's age)."""
        return ((replica, seen.picture, now - seen.at) for replica, seen in self._seen.items())

    def cells(self, now: float, *, leaving: bool = False) -> Iterator[tuple[ReplicaId, Picture]]:
        """Those that may be given jobs: their picture is fresh, we understand each other, and they do not leave; or
        those that do."""
        for replica, seen in self._seen.items():
            picture = seen.picture
            able = BUS_VERSION in picture.speaks and picture.role != "edge"
            if able and picture.leaving == leaving and now - seen.at < FRESH_S:
                yield replica, picture

    def stocks(self, model: str, now: float, *, leaving: bool = False) -> list[tuple[ReplicaId, ModelStock]]:
        """What cells that may be given jobs have of the model, less the jobs that were sent there since; or what those
        have that leave."""
        found = ((cell, self._seen[cell]) for cell, _ in self.cells(now, leaving=leaving))
        return [(cell, _less(seen.models[model], seen.sent[model])) for cell, seen in found if model in seen.models]

    def sent(self, replica: ReplicaId, model: str) -> None:
        """A job of the model goes there."""
        seen = self._seen.get(replica)
        if seen is not None:
            seen.sent[model] += 1

    def models(self, now: float) -> frozenset[str]:
        """Models that other cells serve now, or once workers of theirs have rested."""
        return frozenset(stock.model for _, picture in self.cells(now) for stock in picture.models if stock.slots)


def _telling(stock: ModelStock) -> tuple[object, ...]:
    """What of a stock others should hear at once. Of many free slots an eighth more or less tells them nothing."""
    kinds = tuple((kind.offer.id, kind.workers, _about(kind.free), kind.slots) for kind in stock.kinds)
    return stock.model, kinds, _about(stock.waiting)


def _about(count: int) -> int:
    """The count, rounded: exact below 8, and an eighth of itself more or less above."""
    shift = max(0, count.bit_length() - 3)
    return count >> shift << shift


def _less(stock: ModelStock, sent: int) -> ModelStock:
    """The stock once so many jobs more are there: in free slots first, and then they wait."""
    if not sent:
        return stock
    kinds = []
    for kind in sorted(stock.kinds, key=lambda kind: -kind.free):
        taken = min(sent, kind.free)
        kinds.append(replace(kind, free=kind.free - taken))
        sent -= taken
    return replace(stock, kinds=tuple(kinds), waiting=stock.waiting + sent)


def together(mine: Online, others: Iterable[ModelStock]) -> Online:
    """What the whole network has of a model. Of other cells one offer stands for each kind of workers."""
    workers, slots, free, waiting = mine.workers, mine.slots, mine.free, mine.waiting
    seeing, seeing_free, context = mine.seeing, mine.seeing_free, mine.context
    modes, offers, hashes = set(mine.modes), list(mine.offers), Counter(dict(mine.hashes))
    for stock in others:
        waiting += stock.waiting
        hashes.update(dict(stock.hashes))
        for kind in stock.kinds:
            workers, slots, free = workers + kind.workers, slots + kind.slots, free + kind.free
            if isinstance(kind.offer, ModelOffer):
                sees = VISION in kind.offer.features
                seeing, seeing_free = seeing + sees * kind.workers, seeing_free + sees * kind.free
                context = max(context, kind.offer.context if kind.workers and kind.slots else 0)
            elif kind.workers and kind.slots:
                modes |= set(kind.offer.modes)
                offers.append(kind.offer)
    return Online(
        workers=workers,
        slots=slots,
        free=free,
        seeing=seeing,
        seeing_free=seeing_free,
        context=context,
        waiting=waiting,
        modes=frozenset(modes),
        offers=tuple(offer for offer in offers if isinstance(offer, MediaOffer)),
        hashes=tuple(hashes.most_common(MOST_HASHES)),
    )
