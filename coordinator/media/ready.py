"""What workers can make at this moment: the offers of those that are connected and ready, by pipeline."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from wire.media import Making, MediaOffer
from wire.media_catalog import MediaSpec
from wire.media_tools import Tool


@dataclass(frozen=True)
class Ready:
    """Pipeline -> what each of its workers offers."""

    offers: Mapping[str, tuple[MediaOffer, ...]] = field(default_factory=dict)

    def serves(self, spec: MediaSpec, tool: Tool) -> bool:
        """Whether a worker can be asked for the tool. A mode is the tool's name, or begins with it and a dot."""
        modes = (mode for offer in self.offers.get(spec.id, ()) for mode in offer.modes)
        return tool in spec.tools and any(mode.partition(".")[0] == tool for mode in modes)

    def lacks(self, spec: MediaSpec, make: Making) -> str | None:
        """Why no worker of the pipeline can make it, for people; None: one can."""
        if make.tool not in spec.tools:
            return "it is for something else"
        reasons = [offer.lacks(make) for offer in self.offers.get(spec.id, ())]
        return None if None in reasons else next(iter(reasons), "no worker has it ready")
