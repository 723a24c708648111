"""What workers can make at this moment, asked of dispatch."""

from coordinator.dispatch.dispatch import Dispatch
from coordinator.media.ready import Ready
from wire.catalog import Catalog


def ready_now(dispatch: Dispatch, catalog: Catalog) -> Ready:
    """The offers of the workers that are ready, for each pipeline that has any."""
    offers = {spec.id: dispatch.online(spec.id).offers for spec in catalog.media}
    return Ready({name: of for name, of in offers.items() if of})
