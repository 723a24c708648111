"""`GET /v1/network`: a snapshot of the network as JSON, with what one viewer may see.

The operator (an admin key) sees everything. An owner sees workers of the own account in full. Of all other workers a
client sees what it may know before it sends a prompt: that they exist, what they run and how busy they are, but no
name, no account and no problem. A reader without a key (if the operator allows that) sees as much as a client that has
no workers.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from coordinator.dashboard.idle import Why
from coordinator.dashboard.snapshots import Changes, NetworkSnapshot, ReplicaSnapshot, Serving, WorkerSnapshot
from program.versions import newer
from wire.catalog import ModelSpec
from wire.media_catalog import MediaSpec
from wire.messages import Issue
from wire.offers import Hardware, ModelOffer

Json = dict[str, Any]

MAX_PROBLEMS = 100
NAME_CHARS = 80
SEVERITIES = ("error", "warning", "info")


@dataclass(frozen=True)
class Viewer:
    """Who reads the view. `account` None: a reader without a key."""

    account: str | None
    admin: bool = False

    def owns(self, worker: WorkerSnapshot) -> bool:
        return worker.account == self.account

    def sees(self, worker: WorkerSnapshot) -> bool:
        return self.admin or self.owns(worker)


@lru_cache(maxsize=32_768)
def worker_id(key: str) -> str:
    """The public id of a worker. It leads back neither to its account nor to its name."""
    return hashlib.sha256(key.encode()).hexdigest()[:12]


def whole_text(snapshot: NetworkSnapshot, models: Sequence[ModelSpec | MediaSpec], viewer: Viewer) -> bytes:
    """The whole document, which the dashboard draws."""
    head = {"object": "network", **_head(snapshot, models, viewer), "history": list(snapshot.history)}
    return _with_workers(head, (tile_text(worker, viewer) for worker in snapshot.workers))


def change_text(
    snapshot: NetworkSnapshot, changed: Changes, models: Sequence[ModelSpec | MediaSpec], viewer: Viewer
) -> bytes:
    """The document for a viewer who has the one before: without the history and the workers that have not changed."""
    head = {"object": "network.change", **_head(snapshot, models, viewer)}
    head["gone"] = [worker_id(key) for key in changed.gone]
    texts = ((before, tile_text(worker, viewer)) for before, worker in changed.workers)
    return _with_workers(head, (text for before, text in texts if before is None or tile_text(before, viewer) != text))


def _with_workers(head: Json, texts: Iterable[str]) -> bytes:
    return f'{_encoded(head)[:-1]},"workers":[{",".join(texts)}]}}'.encode()


def tile_text(worker: WorkerSnapshot, viewer: Viewer) -> str:
    """Its tile as JSON, as all see it who may see as much."""
    kind = (viewer.sees(worker), viewer.owns(worker))
    text = worker.texts.get(kind)
    if text is None:
        text = worker.texts[kind] = _encoded(tile(worker, viewer))
    return text


def _encoded(document: Json) -> str:
    return json.dumps(document, separators=(",", ":"), allow_nan=False)


def _head(snapshot: NetworkSnapshot, models: Sequence[ModelSpec | MediaSpec], viewer: Viewer) -> Json:
    """All but the workers one by one."""
    return {
        "at_ms": snapshot.at_ms,
        "viewer": "operator" if viewer.admin else "client" if viewer.account else "public",
        "totals": {
            "workers": sum(worker.status != "away" for worker in snapshot.workers),
            "slots": sum(own.slots for own in snapshot.sums.values()),
            "busy": sum(own.busy for own in snapshot.sums.values()),
            "waiting": sum(snapshot.waiting.values()),
            "queue": snapshot.queue_limit,
            "tokens_per_second": snapshot.tps,
        },
        "models": [_model(snapshot, spec) for spec in models],
        "problems": problems(snapshot, viewer),
    }


def _model(snapshot: NetworkSnapshot, spec: ModelSpec | MediaSpec) -> Json:
    serving = snapshot.sums.get(spec.id, Serving())
    tools = {"tools": list(spec.tools)} if isinstance(spec, MediaSpec) else {}
    return {
        "id": spec.id,
        "name": spec.name,
        **tools,
        "workers": serving.workers,
        "seeing": serving.seeing,
        "slots": serving.slots,
        "busy": serving.busy,
        "waiting": snapshot.waiting.get(spec.id, 0),
        "tokens_per_second": round(serving.tps, 1),
    }


def tile(worker: WorkerSnapshot, viewer: Viewer) -> Json:
    """One worker among others, as far as the viewer may see it."""
    told: Json = {
        "id": worker_id(worker.key),
        "status": worker.status,
        "since_ms": worker.since_ms,
        "gpu": gpu_words(worker.hardware),
        "tokens_per_second": round(worker.tps, 1),
        "models": [_state(replica) for replica in worker.replicas],
    }
    if viewer.sees(worker):
        told["name"] = worker.name[:NAME_CHARS]
        told["problems"] = len(worker.issues)
    if viewer.owns(worker):
        told["mine"] = True
    return told


def _state(replica: ReplicaSnapshot) -> Json:
    """What a model or a pipeline does now. What is made for whom, and out of which words, is nobody's business here."""
    state: Json = {
        "id": replica.offer.id,
        "status": replica.status,
        "cells": replica.cells,
        "tokens_per_second": replica.tps,
    }
    if not isinstance(replica.offer, ModelOffer):
        state["tools"] = list(replica.tools)
        state["jobs"] = [{"stage": making.stage, "percent": making.percent} for making in replica.makings]
    return state


def gpu_words(hardware: Hardware) -> str:
    """The GPUs of a worker, or else its processor, in a few words."""
    if not hardware.gpus:
        return (hardware.cpu or "CPU")[:NAME_CHARS]
    first = hardware.gpus[0].name[:NAME_CHARS]
    return first if len(hardware.gpus) == 1 else f"{len(hardware.gpus)} × {first}"


# ---- problems --------------------------------------------------------------------------------------------------------


def problems(snapshot: NetworkSnapshot, viewer: Viewer, most: int | None = MAX_PROBLEMS) -> list[Json]:
    """Problems that workers report and that the coordinator sees, the worst first; at most so many."""
    found = _own(snapshot) if viewer.admin else []
    for worker in snapshot.troubled:
        if viewer.sees(worker):
            found += problems_of(worker, snapshot.newest)
    return sorted(found, key=lambda problem: SEVERITIES.index(problem["severity"]))[:most]


def problems_of(worker: WorkerSnapshot, newest: str) -> list[Json]:
    """What the worker says is wrong with it, and what is seen from here."""
    return [_problem(worker, issue) for issue in (*worker.issues, *_seen(worker, newest))]


def _own(snapshot: NetworkSnapshot) -> list[Json]:
    found = []
    if not snapshot.database:
        remedy = "Look at the log of the coordinator and at the disk under its database."
        found.append(_sentence("error", "database_down", "Accounts and usage cannot be read or written.", remedy))
    if snapshot.draining:
        found.append(_sentence("info", "draining", "The coordinator stops and takes no new requests."))
    for model, waiting in snapshot.waiting.items():
        if waiting and model not in snapshot.sums:
            message = f"{waiting} wait for {model} and no worker serves it now."
            found.append(_sentence("warning", "no_worker", message, "Start a worker for it, or wait for one."))
    return found


def _seen(worker: WorkerSnapshot, newest: str) -> list[Issue]:
    """What the coordinator itself sees of a worker."""
    found = [RESTING] if worker.status == "resting" and not worker.order else []
    if worker.order:
        message = f"The operator {ORDERED[worker.order]} for {round(worker.rest_s or 0.0)} s more{worker.order_note}."
        found.append(Issue(code="operators_order", severity="info", message=message, remedy=ASK))
    if newer(newest, worker.version):
        message = f"A newer version of the worker is out: {newest}. This one is {worker.version}."
        remedy = "Run its installer again, as the page Add a worker says. Until then this one goes on serving."
        found.append(Issue(code="newer_version", severity="info", message=message, remedy=remedy))
    return found


ORDERED = {"rest": "has this worker rest", "away": "sends this worker away, once its jobs have ended,"}
ASK = "Ask the operator. It serves again by itself once that time is over."
RESTING = Issue(
    code="resting",
    severity="warning",
    message="Jobs failed on this worker, so it gets none for a while.",
    remedy="Nothing, if it was once. If it comes back, look at the log of the worker.",
)


def _problem(worker: WorkerSnapshot, issue: Issue) -> Json:
    return {
        "worker": worker_id(worker.key),
        "name": worker.name[:NAME_CHARS],
        **_sentence(issue.severity, issue.code, issue.message, issue.remedy),
    }


def _sentence(severity: str, code: str, message: str, remedy: str = "") -> Json:
    return {"severity": severity, "code": code, "message": message, "remedy": remedy}


# ---- one worker ------------------------------------------------------------------------------------------------------


def worker_json(worker: WorkerSnapshot, viewer: Viewer, newest: str = "", why: Why | None = None) -> Json:
    """One worker in full, for its owner and the operator. `why`: it has no jobs."""
    return {
        **tile(worker, viewer),
        "object": "network.worker",
        "worker": worker.key.partition("/")[2],
        "account": worker.account,
        "version": worker.version,
        "joined_ms": worker.joined_ms,
        "rest_s": round(worker.rest_s or 0.0, 1),
        "hardware": worker.hardware.model_dump(),
        "finished": worker.finished,
        "faults": worker.faults,
        "idle": None if why is None else vars(why),
        "tokens": worker.tokens,
        "models": [_replica(replica) for replica in worker.replicas],
        "issues": [
            _sentence(issue.severity, issue.code, issue.message, issue.remedy)
            for issue in (*worker.issues, *_seen(worker, newest))
        ],
    }


def _replica(replica: ReplicaSnapshot) -> Json:
    offer = replica.offer
    if not isinstance(offer, ModelOffer):
        return {**_state(replica), "modes": list(offer.modes)}
    return {
        **_state(replica),
        "context": offer.context,
        "sees": replica.sees,
        "image_ms": offer.image_ms,
        "tokens": replica.tokens,
        "tokens_per_step": replica.tokens_per_step,
        "guesses": [one.model_dump() for one in replica.guesses],
        "speed": [point.model_dump() for point in offer.speed],
    }
