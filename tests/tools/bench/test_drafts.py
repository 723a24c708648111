"""The bench of drafts: the real engine on a tiny model, and a stand-in for the peer."""

import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tools.bench.drafts.__main__ import Options, compare
from tools.bench.drafts.cases import CASES, CODE, Case, copying
from worker.bindings.vocab import Vocab

COPY, PROSE = CASES[0], CASES[2]
OWN_HEAD = next(case for case in CASES if case.model == "head")
SETTING = "ngram-mod"


@pytest.fixture
def server(tmp_path: Path) -> Path:
    program = tmp_path / "llama-server"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name("peer.py")} "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


@pytest.mark.process
@pytest.mark.parametrize("case", [COPY, PROSE], ids=lambda case: case.name)
async def test_each_case_is_measured_beside_none_and_beside_the_peer(
    case: Case, server: Path, tiny_qwen3: Path
) -> None:
    # the tiny vocabulary has a token for nearly every byte, and a tiny model has answered before a busy machine listens
    tiny = replace(case, context=8192, answer=1024)
    rows = await compare(tiny, tiny_qwen3, Options(server, tiny_qwen3, None, 1, 1, SETTING))
    names = [row.case.removeprefix(case.name) for row in rows]
    assert names[:4] == [", guesses beside none"] * 2 + [", beside llama-server's ngram-mod"] * 2
    assert names[4] == ": guessed"
    assert all(row.ours > 0 for row in rows[:4])


@pytest.mark.process
async def test_a_model_with_a_head_is_asked_what_it_was_trained_for(server: Path, tiny_mtp: Path) -> None:
    short = replace(OWN_HEAD, rounds=3)
    rows = await compare(short, tiny_mtp, Options(server, tiny_mtp, None, pairs=1, threads=1))
    assert {row.case.removeprefix(OWN_HEAD.name) for row in rows} >= {", guesses beside none", ": guessed"}
    assert all(row.ours > 0 for row in rows[:4])


def test_a_file_is_shown_twice_and_begun_once_more(tiny_qwen3: Path) -> None:
    vocab = Vocab(str(tiny_qwen3))
    one, other = (copying(vocab, run, 0, 9) for run in (0, 1))
    text = b"".join(map(vocab.piece, one.prompt)).decode()
    file = CODE[0].read_text()
    begun = text.rsplit("\n\n", 1)[0]
    assert begun.count(file[:300]) >= 2 and text.count(file[:300]) == 3
    assert one.prompt != other.prompt and one.most == 9
