"""What workers can make at this moment, asked of dispatch."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from coordinator.current_catalog import CurrentCatalog
from coordinator.dispatch.outlook import Online
from coordinator.media.ready import Ready
from wire.media import MediaOffer
from wire.media_catalog import MediaSpec
from wire.messages import DEAD_AFTER_S


class Stock(Protocol):
    """Who knows what there is of a model in the whole network: dispatch, or a replica."""

    def online(self, model: str) -> Online: ...


@dataclass(frozen=True)
class MediaReady:
    """Looks at the workers. `clock`: seconds."""

    stock: Stock
    catalog: CurrentCatalog
    clock: Callable[[], float]
    _seen: dict[str, tuple[float, tuple[MediaOffer, ...]]] = field(default_factory=dict)  # when, and which offers

    def now(self) -> Ready:
        """The offers of the workers that are ready, for each pipeline that has any.

        A pipeline whose last worker left a moment ago counts while nobody else serves its tools: it mostly dials again,
        as in a replacement of the coordinator, and jobs wait for it. A chat that came between had no tools at all.
        """
        # Dispatch remembers whose workers left too, for jobs, but of this cell alone: not who goes from one to another.
        at, media = self.clock(), self.catalog.now.media
        offers = {spec.id: of for spec in media if (of := self.stock.online(spec.id).offers)}
        self._seen.update((name, (at, of)) for name, of in offers.items())
        ready = Ready(offers)
        lately = {name: of for name, (since, of) in self._seen.items() if at - since < DEAD_AFTER_S}
        missed = [spec for spec in media if spec.id in lately and not _served(spec, ready, media)]
        return Ready({**{spec.id: lately[spec.id] for spec in missed}, **offers})


def _served(spec: MediaSpec, ready: Ready, media: tuple[MediaSpec, ...]) -> bool:
    """Whether each of its tools is served, by whichever pipeline."""
    return all(any(ready.serves(other, tool) for other in media) for tool in spec.tools)
