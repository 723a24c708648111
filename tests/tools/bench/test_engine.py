"""The bench of the engine: the real engine on tiny models, and a stand-in for the peer."""

import stat
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.worker.planning.test_plan import machine
from tools.bench.engine.__main__ import Options, beside, compare
from tools.bench.engine.cases import CASES, Case, decode, steady
from tools.bench.engine.llama_server import peer
from tools.bench.engine.ours import ours, planned
from tools.bench.engine.sides import Answer, BenchError, Shape, ends
from tools.bench.engine.texts import Texts
from worker.bindings.vocab import Vocab
from worker.machine import hardware
from worker.planning.layout import GIB

# the other cases need a model that takes its time: here an answer is over before the next has begun
QUICK = [case for case in CASES if case.name in ("shared-prefix", "second-turn")] + [decode((1, 4), 4, tokens=256)]


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}


def test_other_programs_run_as_long_as_is_measured() -> None:
    before = children()
    with beside(2):
        assert len(children() - before) == 2
    assert children() == before


@pytest.fixture
def server(tmp_path: Path) -> Path:
    program = tmp_path / "llama-server"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name("peer.py")} "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


@pytest.mark.process
@pytest.mark.parametrize("case", QUICK, ids=lambda case: case.name)
async def test_each_case_measures_both_sides(case: Case, server: Path, tiny_qwen3: Path, tiny_qwen35: Path) -> None:
    model = tiny_qwen35 if case.model == "hybrid" else tiny_qwen3
    rows = await compare(case, model, Options(server, model, model, pairs=2, threads=1, gpu=False))
    assert [row.case for row in rows][: len(case.units)] == list(case.units)
    assert all(row.runs == 2 and row.ours >= 0 for row in rows if "Python" not in row.case)


async def test_the_shared_prompt_is_counted_once_of_ours_and_eight_times_of_a_peer_that_reuses_nothing(
    server: Path, tiny_qwen3: Path
) -> None:
    case = next(case for case in CASES if case.name == "shared-prefix")
    rows = await compare(case, tiny_qwen3, Options(server, tiny_qwen3, None, pairs=1, threads=1, gpu=False))
    computed = next(row for row in rows if row.unit == "prompt tokens")
    assert computed.peer and computed.peer > 8 * 1000
    assert 1000 < computed.ours < 1000 + 8 * 80


async def test_without_a_peer_ours_is_measured_alone(tiny_qwen3: Path) -> None:
    options = Options(None, tiny_qwen3, None, pairs=1, threads=1, gpu=False)
    rows = await compare(decode((1, 2), slots=2, tokens=256), tiny_qwen3, options)
    assert [row.case for row in rows][:2] == ["decode, 1 chat", "decode, 2 chats"]
    assert all(row.peer is None and row.ratio is None for row in rows)


async def test_a_picture_is_shown_to_both_sides(server: Path, tiny_qwen35: Path, tiny_eyes: Path) -> None:
    shape = Shape(tiny_qwen35, slots=1, context=2048, projector=tiny_eyes)
    texts = Texts(Vocab(str(tiny_qwen35)), seed=1)
    ask = texts.about(texts.picture(256), texts.words(9), most=3)
    async with ours(shape) as mine, peer(shape, server) as theirs:
        for side in (mine, theirs):
            answer = side.ask(ask)
            await ends([answer])
            assert len(answer.times) == 3
            if side is mine:
                assert answer.computed == len(ask.prompt) + 64 + 2


async def test_an_answer_that_is_left_ends_on_both_sides(server: Path, tiny_qwen3: Path) -> None:
    shape = Shape(tiny_qwen3, slots=1, context=4096)
    ask = Texts(Vocab(str(tiny_qwen3)), seed=1).chat((1, 2, 3), most=3000)
    async with ours(shape) as mine, peer(shape, server) as theirs:
        for side in (mine, theirs):
            answer = side.ask(ask)
            await answer.begun.wait()
            side.leave(answer)
            await ends([answer])
            assert 0 < len(answer.times) < 3000


async def test_a_peer_that_ends_at_once_is_a_clear_error(tmp_path: Path, tiny_qwen3: Path) -> None:
    with pytest.raises(BenchError, match="did not start"):
        async with peer(Shape(tiny_qwen3, 1, 512), Path("/bin/true")):
            pass


async def test_a_refused_answer_is_an_error_and_no_number(tiny_qwen3: Path) -> None:
    async with ours(Shape(tiny_qwen3, slots=1, context=512)) as side:
        with pytest.raises(BenchError, match="prompt has 600 tokens"):
            await ends([side.ask(replace(Texts(Vocab(str(tiny_qwen3)), 1).chat(most=1), prompt=(1,) * 600))])


def test_the_layout_is_the_one_a_worker_would_use(tiny_qwen35: Path) -> None:
    spec = planned(Shape(tiny_qwen35, slots=4, context=2048)).engine
    assert (spec.slots, spec.context, spec.threads, spec.gpu_layers) == (4, 2048, 1, 0)


def test_a_gpu_machine_whose_main_memory_is_not_there_yet_is_measured_all_the_same(
    tiny_qwen35: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A virtual machine may begin with little, and grow: the plan found no room for saved states, and all was lost."""
    box = machine(24)
    starting = replace(box, hardware=box.hardware.model_copy(update={"memory_bytes": 64 * GIB}), available_bytes=0)
    monkeypatch.setattr(hardware, "detect", lambda build: starting)
    assert planned(Shape(tiny_qwen35, slots=4, context=2048, gpu=True)).engine.gpu_layers == -1
    with pytest.raises(BenchError, match="does not fit"):
        planned(Shape(tiny_qwen35, slots=4, context=2048))


async def test_speed_counts_only_the_time_in_which_all_stream() -> None:
    early, late = Answer(), Answer()
    early.times, late.times = [0.0, 1.0, 2.0, 3.0, 4.0], [2.0, 3.0, 4.0, 5.0, 9.0]
    assert steady([early, late]) == 2.0
    late.times = [5.0, 6.0]
    with pytest.raises(BenchError, match="did not overlap"):
        steady([early, late])


def test_the_same_seed_gives_the_same_prompt_and_another_seed_another(tiny_qwen35: Path) -> None:
    vocab = Vocab(str(tiny_qwen35))
    one, again, other = (Texts(vocab, seed).chat(Texts(vocab, seed).words(300), most=1) for seed in (1, 1, 2))
    assert one == again != other
    assert len(Texts(vocab, 1).words(300)) == 300
    thinking = Texts(vocab, 1).chat(Texts(vocab, 1).words(30), most=1, thought=True)
    assert thinking.anchors == (30,) and vocab.special["<think>"] in thinking.prompt[30:]
