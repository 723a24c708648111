"""The check of a GPU, run on a CPU: the models it makes, how it compares logits, and all of it in one go."""

import os
import subprocess
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from scripts.check_gpu import logits
from scripts.check_gpu.__main__ import CheckFailed, Wanted, _alike
from scripts.check_gpu.random_model import QWEN36_35B_A3B, TINY, tensors, write
from worker import gguf_header
from worker.engine.llama import Feed, Model
from worker.engine.port import EngineSpec
from worker.footprint import footprint

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


def test_the_same_seed_gives_the_same_bytes(random_model: Path, tmp_path: Path) -> None:
    write(tmp_path / "again.gguf", TINY)
    assert (tmp_path / "again.gguf").read_bytes() == random_model.read_bytes()
    write(tmp_path / "other.gguf", TINY, seed=1)
    assert (tmp_path / "other.gguf").read_bytes() != random_model.read_bytes()


def test_the_header_is_read_as_the_plan_reads_it(random_model: Path) -> None:
    with random_model.open("rb") as stream:
        header = gguf_header.read(stream, random_model.stat().st_size)
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


@pytest.mark.parametrize("said", ["", "3/5", "0/5"])
def test_layers_that_are_not_known_to_be_on_the_gpu_fail_the_check(
    said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = np.random.default_rng(0).standard_normal((20, 300)).astype(np.float32)
    wanted = Wanted(tiny=True, cpu=False, peer=None, pairs=1, folder=tmp_path)
    monkeypatch.setattr(logits, "ask", lambda model, folder, layers: (rows, said))
    with pytest.raises(CheckFailed, match="not all layers"):
        _alike("model", tmp_path / "model.gguf", wanted)
    monkeypatch.setattr(logits, "ask", lambda model, folder, layers: (rows, "5/5"))
    assert "layers offloaded: 5/5" in _alike("model", tmp_path / "model.gguf", wanted)


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


def test_a_machine_without_a_gpu_is_told_so() -> None:
    run = subprocess.run(
        [ROOT / "scripts" / "gpu_check", "--tiny"],
        env=os.environ | {"LLAMA_CPP_LIB_PATH": str(files("llama_cpp") / "lib"), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert run.returncode == 1
    assert "no GPU" in run.stderr and not run.stdout
