"""The header of a model's or a projector's files, from the disk or, before they are fetched, from the hub."""

from dataclasses import dataclass
from pathlib import Path

from program import gguf, gguf_reader
from wire.catalog import ModelSpec
from worker.config import Config
from worker.weights import download

BEGINNING_BYTES = 16 * 2**20  # of each file, to find its header in: that of Qwen3.6 takes 11 MB, most of it vocabulary


def header_of(files: download.Weights) -> gguf.Header:
    """Read the headers of all parts. Raises GgufError."""
    return gguf.join(_read(part) for part in files.parts)


def _read(path: Path) -> gguf.Header:
    with path.open("rb") as stream:
        return gguf.read(stream, path.stat().st_size)


@dataclass(frozen=True)
class Ahead:
    """Files of the hub that need not be here: the path that they would have, their size, and how many bytes of them are
    not here."""

    path: Path
    bytes: int
    missing: int


def ahead(config: Config, spec: ModelSpec, report: download.Report) -> Ahead:
    """Ask the hub how large the files are. Raises WeightsError."""
    hub = download.HuggingFace(endpoint=config.hub)
    return Ahead(*download.beginnings(spec, config.models_dir, report, 0, hub)[:3])


def header_ahead(config: Config, spec: ModelSpec, report: download.Report, most: int) -> gguf.Header:
    """Ask the hub for the beginnings of the files, unchecked, of `most` bytes or, if that is too little, of more.
    Raises WeightsError and GgufError."""
    hub = download.HuggingFace(endpoint=config.hub)
    while True:
        parts = download.beginnings(spec, config.models_dir, report, most, hub)[3]
        try:
            return gguf.join(gguf.read(data, size) for data, size in parts)
        except gguf.TruncatedError:
            if most >= gguf_reader.MAX_HEADER:
                raise
            most = min(4 * most, gguf_reader.MAX_HEADER)
