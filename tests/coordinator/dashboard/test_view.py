"""Who is told what of the network, and in which words."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from coordinator.dashboard.snapshots import MakingSnapshot, NetworkSnapshot, ReplicaSnapshot, WorkerSnapshot, changes
from coordinator.dashboard.view import (
    MAX_PROBLEMS,
    Viewer,
    change_text,
    whole_text,
    worker_id,
    worker_json,
)
from tests.coordinator.media.making import MODES, PAINTER, offer
from wire.blobs import VISION
from wire.catalog import ModelSpec
from wire.catalog_text import parse
from wire.guesses import Guesses
from wire.media_catalog import MediaSpec
from wire.messages import Issue
from wire.offers import Gpu, Hardware, ModelOffer

MODELS = parse(
    """
default: m
models:
  - {id: m, name: M, format: qwen-json, repository: x/m, files: [{name: m.gguf}], context: 4096, max_output: 512,
     price: {prompt: 300, completion: 900}, licence: MIT}
""",
    "test",
).models
ISSUE = Issue(code="disk_full", severity="error", message="no room", remedy="make some")


def worker(account: str, name: str, cells: str = "s.", status: str = "busy", **more: Any) -> WorkerSnapshot:
    fields: dict[str, Any] = {
        "key": f"{account}/{name}",
        "account": account,
        "name": name,
        "version": "1",
        "hardware": Hardware(cpu="a CPU", gpus=(Gpu(name="a GPU", memory_bytes=1),) * 2),
        "status": status,
        "since_ms": 1,
        "joined_ms": 1,
        "rest_s": None,
        "replicas": (ReplicaSnapshot(ModelOffer(id="m", context=4096, slots=len(cells)), "ready", cells, 5.0, 50),),
        "issues": (),
        "finished": 3,
        "faults": 0,
    }
    return WorkerSnapshot(**{**fields, **more})


def told_to(seen: NetworkSnapshot, models: Sequence[ModelSpec | MediaSpec], viewer: Viewer) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(whole_text(seen, models, viewer))
    return found


def snapshot(*workers: WorkerSnapshot, **more: Any) -> NetworkSnapshot:
    fields: dict[str, Any] = {
        "at_ms": 1000,
        "workers": workers,
        "waiting": {"m": 0},
        "queue_limit": 256,
        "tps": 5.0,
        "history": (1.0, 5.0),
        "draining": False,
        "database": True,
    }
    return NetworkSnapshot(**{**fields, **more})


ADMIN, ME, NOBODY = Viewer("boss", admin=True), Viewer("me"), Viewer(None)


def test_totals_and_models_count_what_takes_jobs() -> None:
    seen = snapshot(worker("me", "a", "s..x"), worker("you", "b", "..", "away"), worker("you", "c", "...", "draining"))
    told = told_to(seen, MODELS, ME)
    assert told["totals"] == {
        "workers": 2,
        "slots": 4,
        "busy": 2,
        "waiting": 0,
        "queue": 256,
        "tokens_per_second": 5.0,
    }
    assert told["models"] == [
        {
            "id": "m",
            "name": "M",
            "workers": 1,
            "seeing": 0,
            "slots": 4,
            "busy": 2,
            "waiting": 0,
            "tokens_per_second": 5.0,
        }
    ]


def test_the_owner_sees_what_was_guessed_ahead_and_others_do_not() -> None:
    offer, guesses = ModelOffer(id="m", context=4096, slots=1), (Guesses(source="lookup", drafted=8, accepted=6),)
    guessing = worker(
        "me", "a", replicas=(ReplicaSnapshot(offer, "ready", ".", 0.0, 0, tokens_per_step=1.5, guesses=guesses),)
    )
    model = worker_json(guessing, ME)["models"][0]
    assert model["tokens_per_step"] == 1.5
    assert model["guesses"] == [{"source": "lookup", "drafted": 8, "accepted": 6}]
    assert "guesses" not in json.dumps(told_to(snapshot(guessing), MODELS, NOBODY))


def test_who_sees_pictures_is_told() -> None:
    offer = ModelOffer(id="m", context=4096, slots=1, features=(VISION,), image_ms=140)
    seeing = worker("me", "a", replicas=(ReplicaSnapshot(offer, "ready", ".", 0.0, 0),))
    told = told_to(snapshot(seeing, worker("me", "b")), MODELS, NOBODY)
    assert (told["models"][0]["workers"], told["models"][0]["seeing"]) == (2, 1)
    replicas = [worker_json(one, ME)["models"][0] for one in (seeing, worker("me", "b"))]
    assert [(replica["sees"], replica["image_ms"]) for replica in replicas] == [(True, 140), (False, None)]


@pytest.mark.parametrize("viewer", [ADMIN, ME, NOBODY])
def test_a_pipeline_is_told_with_its_tools_and_how_far_its_jobs_are(viewer: Viewer) -> None:
    makings = (MakingSnapshot("denoising", 45), MakingSnapshot(None, 0))
    draws = worker("me", "studio", replicas=(ReplicaSnapshot(offer(), "ready", "mo.", 0.0, 0, makings),))
    told = told_to(snapshot(draws, waiting={"m": 0, "painter": 3}), (*MODELS, PAINTER), viewer)
    model, pipeline = told["models"]
    assert "tools" not in model and pipeline["tools"] == list(PAINTER.tools)
    assert (pipeline["id"], pipeline["slots"], pipeline["busy"], pipeline["waiting"]) == ("painter", 3, 2, 3)
    assert told["workers"][0]["models"] == [
        {
            "id": "painter",
            "status": "ready",
            "cells": "mo.",
            "tokens_per_second": 0.0,
            "tools": list(MODES),
            "jobs": [{"stage": "denoising", "percent": 45}, {"stage": None, "percent": 0}],
        }
    ]
    assert worker_json(draws, ME)["models"][0]["modes"] == list(MODES)


@pytest.mark.parametrize("viewer", [ME, NOBODY])
def test_of_others_there_is_no_name_no_account_and_no_problem(viewer: Viewer) -> None:
    told = told_to(snapshot(worker("stranger", "secret", issues=(ISSUE,))), MODELS, viewer)
    text = json.dumps(told)
    assert "secret" not in text and "stranger" not in text and "disk_full" not in text
    assert told["workers"][0]["gpu"] == "2 × a GPU" and "mine" not in told["workers"][0]


def test_an_owner_sees_workers_of_the_account_and_the_operator_all() -> None:
    seen = snapshot(worker("me", "attic", issues=(ISSUE,)), worker("you", "other", issues=(ISSUE,)))
    mine = told_to(seen, MODELS, ME)
    assert [tile.get("name") for tile in mine["workers"]] == ["attic", None]
    assert mine["workers"][0]["mine"] and mine["workers"][0]["problems"] == 1
    assert [problem["name"] for problem in mine["problems"]] == ["attic"]
    everything = told_to(seen, MODELS, ADMIN)
    assert [tile["name"] for tile in everything["workers"]] == ["attic", "other"]
    assert len(everything["problems"]) == 2 and everything["problems"][0]["remedy"] == "make some"


def test_the_operator_is_told_of_the_coordinators_own_problems_worst_first() -> None:
    seen = snapshot(worker("you", "x", rest_s=5.0, status="resting"), waiting={"m": 2}, draining=True, database=False)
    codes = [problem["code"] for problem in told_to(seen, MODELS, ADMIN)["problems"]]
    assert codes == ["database_down", "resting", "draining"]
    alone = snapshot(waiting={"m": 2})
    assert [problem["code"] for problem in told_to(alone, MODELS, ADMIN)["problems"]] == ["no_worker"]
    assert told_to(seen, MODELS, ME)["problems"] == []


def test_who_sees_a_worker_is_told_that_a_newer_version_is_out() -> None:
    old, new = replace(worker("me", "a"), version="0.1.0"), replace(worker("me", "b"), version="0.2.0")
    seen = replace(snapshot(old, new), newest="0.2.0")
    (told,) = told_to(seen, MODELS, ME)["problems"]
    assert (told["code"], told["name"], told["severity"]) == ("newer_version", "a", "info")
    assert "0.2.0" in told["message"] and "0.1.0" in told["message"]
    assert told_to(seen, MODELS, NOBODY)["problems"] == []
    assert [issue["code"] for issue in worker_json(old, ME, "0.2.0")["issues"]] == ["newer_version"]
    assert worker_json(new, ME, "0.2.0")["issues"] == [] == worker_json(old, ME, "")["issues"]


def test_problems_have_a_bound() -> None:
    many = [worker("me", f"w{n}", issues=(ISSUE,)) for n in range(MAX_PROBLEMS + 50)]
    assert len(told_to(snapshot(*many), MODELS, ME)["problems"]) == MAX_PROBLEMS


def test_a_change_and_what_was_before_give_what_is_now() -> None:
    a, b, c = worker("me", "a"), worker("me", "b"), worker("me", "c")
    before, after = snapshot(a, b), snapshot(replace(a), replace(c, status="ready"), tps=9.0)
    told = json.loads(change_text(after, changes(before, after), MODELS, ME))
    assert [each["id"] for each in told["workers"]] == [worker_id("me/c")]
    assert told["gone"] == [worker_id("me/b")]
    assert told["totals"]["tokens_per_second"] == 9.0 and "history" not in told


def test_one_worker_in_full() -> None:
    told = worker_json(worker("me", "attic", issues=(ISSUE,), rest_s=3.0, status="resting"), ME)
    assert (told["worker"], told["account"], told["tokens"], told["finished"]) == ("attic", "me", 50, 3)
    assert [issue["code"] for issue in told["issues"]] == ["disk_full", "resting"]
    assert told["models"][0]["context"] == 4096
