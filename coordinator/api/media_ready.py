"""What workers can make at this moment, asked of dispatch."""

from typing import Protocol

from coordinator.dispatch.outlook import Online
from coordinator.media.ready import Ready
from wire.catalog import Catalog


class Stock(Protocol):
    """Who knows what there is of a model in the whole network: dispatch, or a replica."""

    def online(self, model: str) -> Online: ...


def ready_now(dispatch: Stock, catalog: Catalog) -> Ready:
    """The offers of the workers that are ready, for each pipeline that has any."""
    offers = {spec.id: dispatch.online(spec.id).offers for spec in catalog.media}
    return Ready({name: of for name, of in offers.items() if of})
