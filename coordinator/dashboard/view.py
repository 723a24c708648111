"""`GET /v1/network` in words: what is watched -> JSON, for whoever may see it.

The operator (an admin key) sees everything. An owner sees his own workers in full. Of everybody else's a client sees
what it may know when it decides to send a prompt: that they are there, what they run and how busy they are, but no
name, no account and no problem of theirs. A reader without a key (if the operator allows it) sees the same as a client
without workers.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from coordinator.dashboard.watch import SeatLook, WorkerLook
from wire.catalog import ModelSpec
from wire.messages import Hardware, Issue

Json = dict[str, Any]

MAX_PROBLEMS = 100
NAME_CHARS = 80
SEVERITIES = ("error", "warning", "info")


@dataclass(frozen=True)
class Viewer:
    """Who looks. `account` None: without a key."""

    account: str | None
    admin: bool = False

    def owns(self, worker: WorkerLook) -> bool:
        return worker.account == self.account

    def sees(self, worker: WorkerLook) -> bool:
        return self.admin or self.owns(worker)


@dataclass(frozen=True)
class Look:
    """One look at the whole network. `waiting`: jobs in the queue, by model."""

    at_ms: int
    workers: tuple[WorkerLook, ...]
    waiting: Mapping[str, int]
    queue_limit: int
    tps: float
    history: tuple[float, ...]
    draining: bool
    database: bool  # accounts and usage can be read and written


@lru_cache(maxsize=8192)
def worker_id(key: str) -> str:
    """What a worker is called in public: no way back to its account or name."""
    return hashlib.sha256(key.encode()).hexdigest()[:12]


def network_json(look: Look, models: Sequence[ModelSpec], viewer: Viewer) -> Json:
    """Everything for the picture of the network."""
    workers = [_tile(worker, viewer) for worker in look.workers]
    online = [seat for worker in look.workers for seat in worker.serves()]
    return {
        "object": "network",
        "at_ms": look.at_ms,
        "viewer": "operator" if viewer.admin else "client" if viewer.account else "public",
        "totals": {
            "workers": sum(worker.status != "away" for worker in look.workers),
            "slots": sum(len(seat.cells) for seat in online),
            "busy": sum(seat.busy for seat in online),
            "waiting": sum(look.waiting.values()),
            "queue": look.queue_limit,
            "tokens_per_second": look.tps,
        },
        "history": list(look.history),
        "models": [_model(look, spec) for spec in models],
        "problems": problems(look, viewer),
        "workers": workers,
    }


def change(before: Json, after: Json) -> Json:
    """What to tell a viewer who has `before`: all but the history and the workers that are as they were."""
    known = {worker["id"]: worker for worker in before["workers"]}
    changed = [worker for worker in after["workers"] if known.pop(worker["id"], None) != worker]
    return {
        **{name: value for name, value in after.items() if name != "history"},
        "object": "network.change",
        "workers": changed,
        "gone": list(known),  # what was not taken out above
    }


def _model(look: Look, spec: ModelSpec) -> Json:
    seats = [seat for worker in look.workers for seat in worker.serves(spec.id)]
    return {
        "id": spec.id,
        "name": spec.name,
        "workers": len(seats),
        "slots": sum(len(seat.cells) for seat in seats),
        "busy": sum(seat.busy for seat in seats),
        "waiting": look.waiting.get(spec.id, 0),
        "tokens_per_second": round(sum(seat.tps for seat in seats), 1),
    }


def _tile(worker: WorkerLook, viewer: Viewer) -> Json:
    tile: Json = {
        "id": worker_id(worker.key),
        "status": worker.status,
        "since_ms": worker.since_ms,
        "gpu": gpu_words(worker.hardware),
        "tokens_per_second": round(worker.tps, 1),
        "models": [
            {"id": seat.offer.id, "status": seat.status, "cells": seat.cells, "tokens_per_second": seat.tps}
            for seat in worker.seats
        ],
    }
    if viewer.sees(worker):
        tile["name"] = worker.name[:NAME_CHARS]
        tile["problems"] = len(worker.issues)
    if viewer.owns(worker):
        tile["mine"] = True
    return tile


def gpu_words(hardware: Hardware) -> str:
    """Its GPUs, or else its processor, in a few words."""
    if not hardware.gpus:
        return (hardware.cpu or "CPU")[:NAME_CHARS]
    first = hardware.gpus[0].name[:NAME_CHARS]
    return first if len(hardware.gpus) == 1 else f"{len(hardware.gpus)} × {first}"


# ---- problems --------------------------------------------------------------------------------------------------------


def problems(look: Look, viewer: Viewer) -> list[Json]:
    """The worst first: what workers report of themselves, and what the coordinator sees."""
    found = _own(look) if viewer.admin else []
    for worker in look.workers:
        if viewer.sees(worker):
            found += [_problem(worker, issue) for issue in worker.issues]
            if worker.status == "resting":
                found.append(_problem(worker, _resting(worker)))
    return sorted(found, key=lambda problem: SEVERITIES.index(problem["severity"]))[:MAX_PROBLEMS]


def _own(look: Look) -> list[Json]:
    found = []
    if not look.database:
        remedy = "Look at the log of the coordinator and at the disk under its database."
        found.append(_sentence("error", "database_down", "Accounts and usage cannot be read or written.", remedy))
    if look.draining:
        found.append(_sentence("info", "draining", "The coordinator stops and takes no new requests."))
    for model, waiting in look.waiting.items():
        if waiting and not any(worker.serves(model) for worker in look.workers):
            message = f"{waiting} wait for {model} and no worker serves it now."
            found.append(_sentence("warning", "no_worker", message, "Start a worker for it, or wait for one."))
    return found


def _resting(worker: WorkerLook) -> Issue:
    return Issue(
        code="resting",
        severity="warning",
        message="Jobs failed on this worker, so it gets none for a while.",
        remedy="Nothing, if it was once. If it comes back, look at the log of the worker.",
    )


def _problem(worker: WorkerLook, issue: Issue) -> Json:
    return {
        "worker": worker_id(worker.key),
        "name": worker.name[:NAME_CHARS],
        **_sentence(issue.severity, issue.code, issue.message, issue.remedy),
    }


def _sentence(severity: str, code: str, message: str, remedy: str = "") -> Json:
    return {"severity": severity, "code": code, "message": message, "remedy": remedy}


# ---- one worker ------------------------------------------------------------------------------------------------------


def worker_json(worker: WorkerLook, viewer: Viewer) -> Json:
    """All about one worker, for its owner and the operator."""
    return {
        **_tile(worker, viewer),
        "object": "network.worker",
        "worker": worker.key.partition("/")[2],
        "account": worker.account,
        "version": worker.version,
        "joined_ms": worker.joined_ms,
        "rest_s": round(worker.rest_s or 0.0, 1),
        "hardware": worker.hardware.model_dump(),
        "finished": worker.finished,
        "faults": worker.faults,
        "tokens": worker.tokens,
        "models": [_seat(seat) for seat in worker.seats],
        "issues": [_sentence(issue.severity, issue.code, issue.message, issue.remedy) for issue in worker.issues]
        + (
            [] if worker.status != "resting" else [_sentence(**_resting(worker).model_dump(exclude={"type", "active"}))]
        ),
    }


def _seat(seat: SeatLook) -> Json:
    return {
        "id": seat.offer.id,
        "status": seat.status,
        "context": seat.offer.context,
        "cells": seat.cells,
        "tokens_per_second": seat.tps,
        "tokens": seat.tokens,
        "speed": [point.model_dump() for point in seat.offer.speed],
    }
