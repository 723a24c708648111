"""The check of a GPU, run on a CPU: the models it makes, how it compares logits, and all of it in one go."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from program import gguf
from tools.bench.engine.ours import ours
from tools.gpu_check import loaded, logits, memory, processes, random_projector, seen
from tools.gpu_check.__main__ import Section, report
from tools.gpu_check.processes import NotMeasured
from tools.gpu_check.random_model import QWEN36_35B_A3B, TINY, tensors, write
from tools.gpu_check.random_projector import QWEN36_35B_A3B_EYES, TINY_EYES
from tools.gpu_check.sections import CheckFailed, NoGpu, Wanted, alike, contexts, correctness
from worker.bindings.llama import Feed, Model
from worker.engine.port import EngineSpec
from worker.planning.explain import MIB, Line
from worker.planning.footprint import footprint
from worker.planning.plan import DoesNotFit

ROOT = Path(__file__).parents[2]
PATIENCE_S = 400


@pytest.fixture(scope="module")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("random") / "random.gguf"
    assert write(path, TINY) == path.stat().st_size
    return path


def test_the_model_is_a_hybrid_that_computes_finite_logits_of_a_sane_size(random_model: Path) -> None:
    model = Model(EngineSpec(str(random_model), slots=1, context=512))
    assert model.hybrid and model.vocab.size == TINY.vocab
    assert {"<|im_start|>", "<|im_end|>", "<think>"} <= set(model.vocab.special)
    assert model.vocab.eog == {model.vocab.special["<|im_end|>"], model.vocab.special["<|endoftext|>"]}
    assert b"".join(map(model.vocab.piece, model.vocab.tokenize("Grüße, 日本\n"))).decode() == "Grüße, 日本\n"
    assert model.decode([Feed(0, 0, range(50), True)]) == 0
    row = model.logits()[0]
    assert np.isfinite(row).all() and 0.1 < row.std() < 10
    model.close()


def test_the_eyes_of_a_random_model_are_timed_beside_its_streams_and_counted(
    random_model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "eyes.gguf"
    assert random_projector.write(path, TINY_EYES) == path.stat().st_size
    found = seen.ask(EngineSpec(str(random_model), slots=seen.STREAMS, context=256, batch=64, projector=str(path)))
    assert 0 < found.opened and {*found.encodes} == {256, 1024} and len(found.steps) == 3
    for least, middle, most in found.encodes.values():
        assert 0 < least <= middle <= most


def test_the_real_eyes_have_the_size_that_was_read_of_them() -> None:
    """852 MiB in BF16 for a model of 2,048 numbers a token (the log in ollama's issue 17482)."""
    every = random_projector.tensors(QWEN36_35B_A3B_EYES)
    sizes = [np.prod(dims) * (2 if random_projector.kind(name, dims) else 4) for name, dims in every]
    assert sum(sizes) / MIB == pytest.approx(852, rel=0.02)


def test_the_same_seed_gives_the_same_bytes(random_model: Path, tmp_path: Path) -> None:
    write(tmp_path / "again.gguf", TINY)
    assert (tmp_path / "again.gguf").read_bytes() == random_model.read_bytes()
    write(tmp_path / "other.gguf", TINY, seed=1)
    assert (tmp_path / "other.gguf").read_bytes() != random_model.read_bytes()


def test_the_header_is_read_as_the_plan_reads_it(random_model: Path) -> None:
    with random_model.open("rb") as stream:
        header = gguf.read(stream, random_model.stat().st_size)
    assert [(t.name, t.shape, t.bytes) for t in header.tensors] == [(t.name, t.shape, t.bytes) for t in tensors(TINY)]
    model = footprint(header)
    assert model.layers == TINY.layers and sum(size > 0 for size in model.state_bytes) == 3


def test_the_true_shape_has_the_true_number_of_weights() -> None:
    weights = sum(int(np.prod(tensor.shape)) for tensor in tensors(QWEN36_35B_A3B))
    assert 34.5e9 < weights < 35.5e9
    experts = sum(int(np.prod(tensor.shape)) for tensor in tensors(QWEN36_35B_A3B) if "_exps." in tensor.name)
    assert 2.5e9 < weights - experts * (1 - QWEN36_35B_A3B.used / QWEN36_35B_A3B.experts) < 3.5e9, "A3B"


def test_rows_are_alike_unless_they_are_not() -> None:
    rows = np.random.default_rng(0).standard_normal((20, 300)).astype(np.float32)
    same = logits.compare(rows, rows)
    assert (same.alike, same.same) == (1, 1) and same.least == pytest.approx(1)
    assert logits.compare(rows, rows * 1.001 + 0.001).good
    wrong = rows.copy()
    wrong[:3] = wrong[3:6]
    assert not logits.compare(rows, wrong).good
    broken = rows.copy()
    broken[:] = np.nan
    assert not logits.compare(rows, broken).good
    assert not logits.compare(rows, np.zeros_like(rows)).good


def wanted(tmp_path: Path, cpu: bool = False) -> Wanted:
    return Wanted(tiny=True, cpu=cpu, peer=None, pairs=1, folder=tmp_path)


@pytest.mark.parametrize("said", ["", "3/5", "0/5"])
def test_layers_that_are_not_known_to_be_on_the_gpu_fail_the_check(
    said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = np.random.default_rng(0).standard_normal((20, 300)).astype(np.float32)
    monkeypatch.setattr(logits, "ask", lambda model, folder, layers: (rows, said))
    with pytest.raises(CheckFailed, match="not all layers"):
        alike("model", tmp_path / "model.gguf", wanted(tmp_path))
    monkeypatch.setattr(logits, "ask", lambda model, folder, layers: (rows, "5/5"))
    assert "layers offloaded: 5/5" in alike("model", tmp_path / "model.gguf", wanted(tmp_path))


def test_a_model_whose_logits_differ_does_not_keep_the_next_from_being_tried(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = list[str]()

    def ask(model: Path, folder: Path, layers: int) -> tuple[NDArray[np.float32], str]:
        asked.append(model.stem)
        return np.random.default_rng(1 + layers).standard_normal((20, 300)).astype(np.float32), "5/5"

    monkeypatch.setattr(logits, "ask", ask)
    lines = correctness(wanted(tmp_path))
    told = [next(lines), next(lines)]
    assert all("differ from the CPU's" in line for line in told) and len(set(asked)) == 2
    with pytest.raises(CheckFailed, match="not as on the CPU"):
        next(lines)


# ---- the report


def sound(_: Wanted) -> Iterator[str]:
    yield "measured: 7"


def broken(_: Wanted) -> Iterator[str]:
    yield "measured before: 8"
    raise DoesNotFit("too little memory")


def stopped(_: Wanted) -> Iterator[str]:
    yield "measured before: 9"
    raise KeyboardInterrupt


def unasked(_: Wanted) -> Iterator[str]:
    raise NotMeasured("there is no nvidia-smi")
    yield


def without(_: Wanted) -> Iterator[str]:
    raise NoGpu("none here")
    yield


def reported(capsys: pytest.CaptureFixture[str], tmp_path: Path, *sections: Section) -> tuple[bool, str]:
    good = report([(section.__name__, section) for section in sections], wanted(tmp_path))
    return good, capsys.readouterr().out


def test_a_section_that_fails_costs_no_other_what_it_found(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    good, said = reported(capsys, tmp_path, sound, broken, unasked, sound)
    assert not good
    assert said.count("measured: 7") == 2 and "measured before: 8\n**Failed**: too little memory" in said
    assert "Not measured: there is no nvidia-smi." in said
    assert reported(capsys, tmp_path, sound, unasked)[0], "what cannot be found out here is no failure"


def test_the_time_limit_leaves_what_was_found_and_names_what_was_not(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    good, said = reported(capsys, tmp_path, sound, stopped, broken, sound)
    assert not good and said.endswith("Not measured: broken, sound.\n")
    assert "measured: 7" in said and "measured before: 9" in said


def test_without_a_gpu_nothing_else_is_tried(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "measured" not in reported(capsys, tmp_path, without, sound)[1]


# ---- memory, cells and processes


def test_what_llama_cpp_takes_is_set_beside_the_plan() -> None:
    log = [
        "load_tensors:   CPU_Mapped model buffer size =     0.25 MiB\n",
        "load_tensors:        CUDA0 model buffer size =     4.00 MiB\n",
        "load_tensors:        CUDA1 model buffer size =     2.50 MiB\n",
        "llama_kv_cache:      CUDA0 KV buffer size =  2048.00 MiB\n",
        "sched_reserve:      CUDA0 compute buffer size =    10.00 MiB\n",
        "sched_reserve:      CUDA0 compute buffer size =    12.00 MiB\n",
        "llama_context:  CUDA_Host  output buffer size =     1.74 MiB\n",
    ]
    found = memory.taken(log)
    assert found == {
        ("weights", "CPU_Mapped"): 0.25,
        ("weights", "CUDA0"): 4.0,
        ("weights", "CUDA1"): 2.5,
        ("cache", "CUDA0"): 2048.0,
        ("compute", "CUDA0"): 12.0,
    }
    lines = [Line("weights", "gpu", 7 * MIB, ""), Line("runtime", "gpu", 640 * MIB, "")]
    table = memory.table(lines, log, {"CUDA0", "CUDA1"})
    assert "| gpu | weights | 7.0 | 6.5 |" in table and "| gpu | runtime | 640.0 | - |" in table
    assert "| gpu | cache | 0.0 | 2,048.0 |" in table and "| ram | weights | 0.0 | 0.2 |" in table


@pytest.mark.parametrize("unified", [True, False])
def test_cells_that_others_hold_are_held_while_the_streams_step(random_model: Path, unified: bool) -> None:
    spec = EngineSpec(str(random_model), slots=6, context=512, batch=64, unified=unified)
    found = loaded.ask(spec, (60, 900))
    assert set(found.steps) == {60, 900} and all(took > 0 for took in found.steps.values())
    assert set(found.first) == {"one row", "a prompt of a whole batch", "a row in every slot"}
    assert any("KV buffer size" in line for line in found.log)

    model = Model(spec)
    loaded.beside(model, spec, (60, 900))
    assert [model.length(seq) for seq in range(6)] == [loaded.BEGUN + loaded.STEPS] * 4 + [450, 450]
    model.close()


def test_a_layout_that_cannot_be_loaded_says_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"none\.gguf"):
        loaded.ask(EngineSpec(str(tmp_path / "none.gguf"), slots=4, context=64, batch=64))


@pytest.mark.process
@pytest.mark.parametrize(("preparer", "verdict"), [("", "none"), ("3", "takes memory of the card")])
def test_only_the_engine_may_have_a_context_on_the_card(
    preparer: str, verdict: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A stranger is there from the start; the numbers are another system's."""
    answers = iter([["1"], ["1", "2"], ["1", "2", *preparer]])
    monkeypatch.setattr(processes, "on_the_gpu", lambda: next(answers))
    monkeypatch.setattr(processes, "ours", lambda shape: ours(replace(shape, gpu=False)))
    lines = contexts(wanted(tmp_path))
    assert next(lines).endswith(f"1 by the engine, {len(preparer)} by the preparer beside it")
    if preparer:
        with pytest.raises(CheckFailed, match=verdict):
            next(lines)
    else:
        assert list(lines) == []


def test_who_is_on_the_card_is_asked_of_nvidia_smi(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotMeasured, match="no nvidia-smi"):
        processes.on_the_gpu()
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 4711\necho 4712\n")
    program.chmod(0o755)
    assert processes.on_the_gpu() == ["4711", "4712"]
    program.write_text("#!/bin/sh\necho no driver >&2\nexit 9\n")
    with pytest.raises(NotMeasured, match="no driver"):
        processes.on_the_gpu()


# ---- all of it


@pytest.mark.process
def test_the_whole_check_runs_where_there_is_no_gpu() -> None:
    libraries = files("llama_cpp") / "lib"
    run = subprocess.run(
        [ROOT / "scripts" / "gpu_check", "--tiny", "--cpu", "--pairs", "1"],
        env=os.environ | {"LLAMA_CPP_LIB_PATH": str(libraries)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert run.returncode == 0, run.stderr
    assert "100% of 36 rows alike" in run.stdout
    assert "| decode, 4 chats " in run.stdout
    assert "| 700 tokens alone: TTFT " in run.stdout
    assert "Not measured: it is run on the CPU." in run.stdout
    assert "a cache for each: " in run.stdout and "one cache for all: " in run.stdout
    assert "Failed" not in run.stdout


def test_a_machine_without_a_gpu_is_told_so() -> None:
    run = subprocess.run(
        [ROOT / "scripts" / "gpu_check", "--tiny"],
        env=os.environ | {"LLAMA_CPP_LIB_PATH": str(files("llama_cpp") / "lib"), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert run.returncode == 1
    assert "no GPU" in run.stdout and "Logits" not in run.stdout
