"""An entry of a catalog as a store knows it: where its pins are, by which its files are found."""

from dataclasses import dataclass
from pathlib import Path

from program.fits import download_bytes
from wire.catalog import ModelSpec
from wire.media_catalog import MediaSpec
from worker.weights.store import pin_of, read_pin


@dataclass(frozen=True)
class Entry:
    """`files`: their names, or of a `pipeline` the patterns of its files. Plain values, so that it can be written down
    for other processes."""

    id: str
    repository: str
    revision: str
    files: tuple[str, ...]
    projector: str | None = None
    pipeline: bool = False
    size_bytes: int | None = None  # about, of all that is to be fetched, if the catalog says it

    def own_pins(self, folder: Path) -> tuple[str, ...]:
        """The names of the pins of its files below `folder`, whether or not they are there."""
        if self.pipeline:
            return (pin_of("folder", self.repository, self.revision, *self.files),)
        own = pin_of(self.repository, self.revision, *self.files)
        if self.projector is None:
            return (own,)
        return own, pin_of(self.repository, self.revision, *self.files, self.projector)  # of an older program

    def eyes_pins(self, folder: Path) -> tuple[str, ...]:
        """The same of its projector, which other entries may have too. It is pinned at the commit of the model."""
        if self.projector is None:
            return ()
        known = [pin.commit for name in self.own_pins(folder) if (pin := read_pin(folder / name))]
        return tuple(dict.fromkeys(pin_of(self.repository, at, self.projector) for at in (self.revision, *known)))

    def pins(self, folder: Path) -> tuple[str, ...]:
        return (*self.own_pins(folder), *self.eyes_pins(folder))


def of_model(spec: ModelSpec) -> Entry | None:
    """None: nothing of it is ever in a store."""
    if spec.repository is None:
        return None
    names, eyes = tuple(file.name for file in spec.files), spec.projector.name if spec.projector else None
    return Entry(spec.id, spec.repository, spec.revision, names, eyes, False, download_bytes(spec, sees=True))


def of_media(spec: MediaSpec) -> Entry | None:
    """None: nothing of it is ever in a store."""
    if spec.repository is None:
        return None
    return Entry(spec.id, spec.repository, spec.revision, tuple(spec.allow), None, True, spec.size_bytes)
