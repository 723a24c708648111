"""Whether a file is the model that a catalog entry names: clients pay for the entry by its name. Pure.

A hash settles it. Where none is known (the catalog gives none and the hub cannot be asked) size and name of the file
have to do, and the owner is told so. What the header says of the model must be right in any case.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from program.gguf import Header
from wire.catalog import File, ModelSpec


@dataclass(frozen=True)
class LocalFile:
    """A file on this machine."""

    name: str  # without its folder
    size: int
    sha256: str


def confirmed(expected: Sequence[File]) -> bool:
    """Return True when the right hash of every file is known."""
    return all(file.sha256 is not None for file in expected)


def wrong_files(expected: Sequence[File], found: Sequence[LocalFile]) -> tuple[str, ...]:
    """Return how the local files differ from `expected` (of the catalog, or of the hub), in words."""
    if len(expected) != len(found):
        return (f"{len(found)} files in place of {len(expected)}",)
    return tuple(word for right, here in zip(expected, found, strict=True) for word in _wrong_file(right, here))


def _wrong_file(right: File, here: LocalFile) -> Iterator[str]:
    if right.sha256 is not None:
        if here.sha256 != right.sha256:
            yield f"sha256 of {here.name} is {here.sha256} instead of {right.sha256}"
        return
    name = right.name.rpartition("/")[2]
    if here.name != name:
        yield f"it is called {here.name} instead of {name}"
    if right.size_bytes not in (None, here.size):
        yield f"{here.name} has {here.size} bytes instead of {right.size_bytes}"


def wrong_shape(spec: ModelSpec, header: Header) -> tuple[str, ...]:
    """Return where the header contradicts the catalog, in words. Raises GgufError for a header without its sizes."""
    shape = spec.shape
    if shape is None:
        return ()
    if header.architecture != shape.architecture:
        return (f"architecture {header.architecture} instead of {shape.architecture}",)
    layers = header.number("block_count") - header.number("nextn_predict_layers", 0)
    pairs = (
        ("layers", layers, shape.layers),
        ("numbers in a token's embedding", header.number("embedding_length"), shape.embedding),
        ("experts", header.number("expert_count", 0), shape.experts),
    )
    return tuple(f"{here} {what} instead of {right}" for what, here, right in pairs if right not in (None, here))
