"""worker/planning/explain.py: a plan as the owner reads it."""

import json

from worker.engine.port import EngineSpec
from worker.planning.explain import MIB, Line, Plan

PLAN = Plan(
    "tiny",
    EngineSpec(path="/m.gguf", slots=3, context=4096, gpu_layers=-1, devices=("CUDA0",)),
    (
        Line("weights", "gpu", 1500 * MIB, "all"),
        Line("cache", "gpu", 500 * MIB, "f16"),
        Line("weights", "ram", 20 * MIB, "x"),
    ),
    ("the cache is small",),
    ("RTX 4090 (CUDA0)",),
)


def test_the_table_has_every_line_the_totals_and_the_notes() -> None:
    lines = PLAN.explain().splitlines()
    assert lines[0] == "tiny: 3 jobs at once, 4096 tokens each, all layers on the GPU"
    assert [line.split()[:2] for line in lines if "weights" in line] == [["GPU", "weights"], ["RAM", "weights"]]
    together = [line.split() for line in lines if "together" in line]
    assert together == [["GPU", "together", "2,000", "MiB"], ["RAM", "together", "20", "MiB"]]
    assert lines[-1] == "  - the cache is small"


def test_the_head_says_where_the_layers_are() -> None:
    for layers, says in ((0, "all layers on the CPU"), (12, "split GPU and CPU")):
        engine = EngineSpec(path="/m.gguf", slots=1, context=256, gpu_layers=layers)
        assert says in Plan("tiny", engine, ()).explain()


def test_what_was_chosen_besides_sizes_is_told_in_the_second_line() -> None:
    two = EngineSpec(
        path="/m.gguf", slots=3, context=4096, gpu_layers=-1, devices=("CUDA0", "CUDA2"), split=(20, 22),
        kv_type="q8_0", unified=False, threads=4, cpu_expert_layers=7, longest_stall_ms=250,
    )  # fmt: skip
    gpus = ("RTX 4090 (CUDA0)", "RTX 3060 (CUDA2)")
    assert Plan("tiny", two, (), gpus=gpus).explain().splitlines()[1] == (
        "  GPUs: RTX 4090 (CUDA0), 20 layers and RTX 3060 (CUDA2), 22 layers; cache in q8_0, one for each job;"
        " flash attention; 4 CPU threads; streams stand still for about 250 ms at most;"
        " experts of 7 layers in main memory"
    )
    assert "GPUs: RTX 4090 (CUDA0); cache in f16, shared by all jobs;" in PLAN.explain()
    assert "GPU" not in Plan("tiny", EngineSpec(path="/m.gguf", slots=1, context=256), ()).explain().splitlines()[1]


def test_as_data_it_is_json_with_bytes() -> None:
    value = json.loads(json.dumps(PLAN.to_dict()))
    assert (value["model"], value["engine"]["slots"], value["notes"]) == ("tiny", 3, ["the cache is small"])
    assert (value["gpu_bytes"], value["ram_bytes"]) == (2000 * MIB, 20 * MIB)
    assert value["memory"][1] == {"what": "cache", "place": "gpu", "bytes": 500 * MIB, "why": "f16"}
