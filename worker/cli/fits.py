"""--plan without a model: which models of the catalog fit this machine, best first, and how wanted each is."""

import json
import os
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

from program.fits import order
from program.printable import printable
from wire.catalog import ModelSpec
from wire.media_catalog import MediaSpec
from worker.cli import checks
from worker.config import Config, api_url
from worker.exits import EXIT_OK
from worker.planning.fitting import Fitting, Fittings, fittings

GIB = 2**30
NANO, MILLION = 10**9, 10**6
WORDS = {"gpu": "on the GPU", "split": "partly", "cpu": "on the CPU", "none": "no"}
UNKNOWN = "?"
NARROW = 80  # columns of a terminal that does not say how many it has
IN_FIRST_LINE = 3  # of the cells of a row, where a row needs two
MANY = 10**9  # what is counted of requests; a coordinator that says more is not believed


class Demand(NamedTuple):
    """Requests for one model: those that wait, and those refused in 24 hours for want of a worker or of room."""

    waiting: int
    refused: int


class Wanted(NamedTuple):
    """`models` None: it is not known how wanted they are, and `why` says why."""

    models: Mapping[str, Demand] | None
    why: str = ""


def show(config: Config, as_json: bool) -> int:
    """Print the table. Raises as fittings does."""
    found, wanted = fittings(config), demand(config)
    rows = sorted(found.models, key=lambda row: _key(row, wanted))
    print(json.dumps(told(found, rows, wanted)) if as_json else text(found, rows, wanted, _terminal()))
    return EXIT_OK


def _terminal() -> int | None:
    """How wide the terminal is that shows it; None: it goes elsewhere, where one line a model is easier to search."""
    if not sys.stdout.isatty():
        return None
    return os.get_terminal_size(sys.stdout.fileno()).columns or NARROW


def demand(config: Config) -> Wanted:
    """Ask the coordinator, as its page Models does."""
    if not config.coordinator:
        return Wanted(None, "no coordinator is named (--coordinator, --key-file)")
    headers = {"Authorization": f"Bearer {config.key}"} if config.key else {}
    answer = checks.http_get(f"{api_url(config.coordinator)}/v1/network/models", headers)
    if answer.status != 200:
        said = "its key is not taken" if answer.status in (401, 403) else answer.text or f"it says {answer.status}"
        return Wanted(None, f"{config.coordinator}: {said}"[:300])
    try:
        rows = json.loads(answer.text)["data"]
        return Wanted({str(row["id"]): _demand(row["demand"]) for row in rows})
    except (ValueError, TypeError, LookupError, RecursionError):
        return Wanted(None, f"{config.coordinator} says nothing of it that this version understands")


def _demand(said: Mapping[str, Any]) -> Demand:
    """Raises TypeError, ValueError or LookupError for what is no demand."""
    waiting, *refused = (int(said[name]) for name in ("waiting", "no_worker_24h", "turned_away_24h"))
    return Demand(min(MANY, max(0, waiting)), min(MANY, max(0, sum(refused))))


def _key(row: Fitting, wanted: Wanted) -> tuple[int, int, int]:
    return order(row.spec, row.fit, sum((wanted.models or {}).get(row.spec.id, ())))


def told(found: Fittings, rows: list[Fitting], wanted: Wanted) -> dict[str, Any]:
    """As JSON values; sizes in bytes, prices in nano-dollars."""
    machine = found.machine
    return {
        "machine": {
            "gpus": [gpu.model_dump(include={"name", "memory_bytes", "free_bytes"}) for gpu in machine.hardware.gpus],
            "memory_bytes": machine.hardware.memory_bytes,
            "available_bytes": machine.available_bytes,
            "counted_as_free": found.freed,
        },
        "default": found.default,
        "demand_unknown": wanted.why or None,
        "models": [_told(row, wanted) for row in rows],
    }


def _told(row: Fitting, wanted: Wanted) -> dict[str, Any]:
    spec, of_it = row.spec, (wanted.models or {}).get(row.spec.id)
    chats = isinstance(spec, ModelSpec)
    fit = {"place": None} if row.fit is None else asdict(row.fit)
    return {
        "id": spec.id,
        "name": spec.name,
        "kind": "chat" if chats else "media",
        "fit": fit,
        "estimated": not row.counted,
        "download_bytes": row.download,
        "price": spec.price.model_dump() if isinstance(spec, ModelSpec) else {"unit": spec.price},
        "demand": None if of_it is None else of_it._asdict(),
    }


# ---- for people ------------------------------------------------------------------------------------------------------


def text(found: Fittings, rows: list[Fitting], wanted: Wanted, columns: int | None = None) -> str:
    """Return the table for people, in a width of so many columns if that can be: a row may take two lines then."""
    head = ["model", "fits", "jobs x tokens", "takes", "to download", "$ per million"]
    head += ["waiting", "refused, 24 h"] if wanted.models is not None else []
    lines = [*_machine(found), "", *_table([head, *(_cells(row, wanted) for row in rows)], columns), ""]
    if _media(rows):
        lines.append(
            "The price of a pipeline is that of a picture of a megapixel, of a second of film of a megapixel, or of a"
            " second of music."
        )
    if any(not row.counted and row.fit for row in rows):
        lines.append(
            "~ about: reckoned from the sizes that the catalog gives. The files say it exactly, once they are here."
        )
    if any(row.fit is None for row in rows):
        lines.append(f"{UNKNOWN} the catalog does not say how large it is.")
    if wanted.models is None:
        lines.append(f"How wanted each is, is not known: {wanted.why}.")
    lines.append("supernet-worker --plan --model ID says where every byte of one goes (--media ID of a pipeline).")
    lines.append(f"A worker that is told no --model serves {found.default}.")
    clean = [printable(line) for line in lines]
    return "\n".join(clean if columns is None else [part for line in clean for part in _wrapped(line, columns)])


def _table(rows: list[list[str]], columns: int | None) -> list[str]:
    """A line for each row; two, where that is too wide, the second one indented."""
    whole = _aligned(rows)
    if columns is None or max(map(len, whole)) <= columns:
        return whole
    first = _aligned([row[:IN_FIRST_LINE] for row in rows])
    second = _aligned([row[IN_FIRST_LINE:] for row in rows])
    return [line for one, other in zip(first, second, strict=True) for line in (one, f"    {other}")]


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _wrapped(line: str, columns: int) -> list[str]:
    """A sentence in lines of so many columns; what fits already, a row of the table too, is left as it is."""
    return [line] if len(line) <= columns else textwrap.wrap(line, columns, break_on_hyphens=False)


def _media(rows: list[Fitting]) -> bool:
    return any(not isinstance(row.spec, ModelSpec) for row in rows)


def _machine(found: Fittings) -> list[str]:
    machine = found.machine
    lines = [
        f"{gpu.name}: {gpu.free_bytes / GIB:.1f} of {gpu.memory_bytes / GIB:.1f} GiB free"
        + (", counted as if nothing else used it" if found.freed else "")
        for gpu in machine.hardware.gpus
    ] or ["no GPU that this llama.cpp computes on"]
    memory = machine.hardware.memory_bytes
    return [*lines, f"main memory: {machine.available_bytes / GIB:.1f} of {memory / GIB:.1f} GiB free", *machine.notes]


def _cells(row: Fitting, wanted: Wanted) -> list[str]:
    spec, fit = row.spec, row.fit
    about = "" if row.counted else "~"
    if fit is None:
        place, jobs, takes = UNKNOWN, UNKNOWN, UNKNOWN
    else:
        both = fit.gpu_bytes + fit.ram_bytes
        where = (
            f"{fit.gpu_bytes / GIB:.1f} + {fit.ram_bytes / GIB:.1f} GiB" if fit.gpu_bytes else f"{both / GIB:.1f} GiB"
        )
        place, takes = WORDS[fit.place], about + where
        jobs = f"{about}{fit.slots} x {fit.context:,}" if fit.context else "1 at a time"
        if fit.place == "none":
            jobs, takes = "-", f"at least {both / GIB:.1f} GiB"
    fetch = "the hub knows" if row.download is None else f"{row.download / GIB:.1f} GiB" if row.download else "nothing"
    if isinstance(spec, ModelSpec) and spec.repository is spec.package is None:
        fetch = "--model-file"  # a file of its owner's, which nobody can fetch
    if isinstance(spec, ModelSpec):
        price = f"{_dollars(spec.price.prompt * MILLION)} in, {_dollars(spec.price.completion * MILLION)} out"
    else:
        price = f"{_dollars(spec.price)} {_piece(spec)}"
    cells = [spec.id, place, jobs, takes, fetch, price]
    if wanted.models is not None:
        of_it = wanted.models.get(spec.id)
        cells += ["-", "-"] if of_it is None else [f"{of_it.waiting:,}", f"{of_it.refused:,}"]
    return cells


def _piece(spec: MediaSpec) -> str:
    """Of what the price is."""
    return "a picture" if any(tool.endswith("image") for tool in spec.tools) else "a second"


def _dollars(nano: int) -> str:
    return f"{nano / NANO:.4f}".rstrip("0").rstrip(".")
