"""Who is told what of the network, and in which words."""

import json
from dataclasses import replace
from typing import Any

import pytest

from coordinator.dashboard.view import MAX_PROBLEMS, Look, Viewer, change, network_json, worker_id, worker_json
from coordinator.dashboard.watch import SeatLook, WorkerLook
from wire.catalog import parse
from wire.messages import Gpu, Hardware, Issue, ModelOffer

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


def worker(account: str, name: str, cells: str = "s.", status: str = "busy", **more: Any) -> WorkerLook:
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
        "seats": (SeatLook(ModelOffer(id="m", context=4096, slots=len(cells)), "ready", cells, 5.0, 50),),
        "issues": (),
        "finished": 3,
        "faults": 0,
    }
    return WorkerLook(**{**fields, **more})


def look(*workers: WorkerLook, **more: Any) -> Look:
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
    return Look(**{**fields, **more})


ADMIN, ME, NOBODY = Viewer("boss", admin=True), Viewer("me"), Viewer(None)


def test_totals_and_models_count_what_takes_jobs() -> None:
    seen = look(worker("me", "a", "s..x"), worker("you", "b", "..", "away"), worker("you", "c", "...", "draining"))
    told = network_json(seen, MODELS, ME)
    assert told["totals"] == {
        "workers": 2,
        "slots": 4,
        "busy": 2,
        "waiting": 0,
        "queue": 256,
        "tokens_per_second": 5.0,
    }
    assert told["models"] == [
        {"id": "m", "name": "M", "workers": 1, "slots": 4, "busy": 2, "waiting": 0, "tokens_per_second": 5.0}
    ]


@pytest.mark.parametrize("viewer", [ME, NOBODY])
def test_of_others_there_is_no_name_no_account_and_no_problem(viewer: Viewer) -> None:
    told = network_json(look(worker("stranger", "secret", issues=(ISSUE,))), MODELS, viewer)
    text = json.dumps(told)
    assert "secret" not in text and "stranger" not in text and "disk_full" not in text
    assert told["workers"][0]["gpu"] == "2 × a GPU" and "mine" not in told["workers"][0]


def test_an_owner_sees_his_own_and_the_operator_all() -> None:
    seen = look(worker("me", "attic", issues=(ISSUE,)), worker("you", "other", issues=(ISSUE,)))
    mine = network_json(seen, MODELS, ME)
    assert [tile.get("name") for tile in mine["workers"]] == ["attic", None]
    assert mine["workers"][0]["mine"] and mine["workers"][0]["problems"] == 1
    assert [problem["name"] for problem in mine["problems"]] == ["attic"]
    everything = network_json(seen, MODELS, ADMIN)
    assert [tile["name"] for tile in everything["workers"]] == ["attic", "other"]
    assert len(everything["problems"]) == 2 and everything["problems"][0]["remedy"] == "make some"


def test_the_operator_is_told_of_the_coordinators_own_problems_worst_first() -> None:
    seen = look(worker("you", "x", rest_s=5.0, status="resting"), waiting={"m": 2}, draining=True, database=False)
    codes = [problem["code"] for problem in network_json(seen, MODELS, ADMIN)["problems"]]
    assert codes == ["database_down", "resting", "draining"]
    alone = look(waiting={"m": 2})
    assert [problem["code"] for problem in network_json(alone, MODELS, ADMIN)["problems"]] == ["no_worker"]
    assert network_json(seen, MODELS, ME)["problems"] == []


def test_problems_have_a_bound() -> None:
    many = [worker("me", f"w{n}", issues=(ISSUE,)) for n in range(MAX_PROBLEMS + 50)]
    assert len(network_json(look(*many), MODELS, ME)["problems"]) == MAX_PROBLEMS


def test_a_change_and_what_was_before_give_what_is_now() -> None:
    a, b, c = worker("me", "a"), worker("me", "b"), worker("me", "c")
    before = network_json(look(a, b), MODELS, ME)
    after = network_json(look(a, replace(c, status="ready"), tps=9.0), MODELS, ME)
    told = change(before, after)
    assert [each["id"] for each in told["workers"]] == [worker_id("me/c")]
    assert told["gone"] == [worker_id("me/b")]
    assert told["totals"]["tokens_per_second"] == 9.0 and "history" not in told


def test_one_worker_in_full() -> None:
    told = worker_json(worker("me", "attic", issues=(ISSUE,), rest_s=3.0, status="resting"), ME)
    assert (told["worker"], told["account"], told["tokens"], told["finished"]) == ("attic", "me", 50, 3)
    assert [issue["code"] for issue in told["issues"]] == ["disk_full", "resting"]
    assert told["models"][0]["context"] == 4096
