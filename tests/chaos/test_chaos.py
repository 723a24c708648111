"""Short runs of what `scripts/chaos` does at length: nothing here is measured, all of it has to be right."""

import asyncio
import json
from pathlib import Path

import pytest

from tools.chaos import __main__ as command
from tools.chaos import cancel, faults, liars, overload, swarm

RIGHT = {"failed": 0, "wrong_texts": 0}
ALL_RIGHT = {**RIGHT, "generated_twice": 0}


@pytest.mark.parametrize("fault", ["kill", "cut", "roll"])
def test_no_answer_is_lost_or_wrong(fault: str, tmp_path: Path) -> None:
    count = 1 if fault == "cut" else 3
    report = asyncio.run(faults.run(fault, 12, count, tmp_path, None))
    rows = report.rows()
    assert rows | ALL_RIGHT == rows, rows
    assert (rows["faults"], len(report.streams) >= 12) == (count, True)
    assert rows["tokens"] == faults.TOKENS * len(report.streams)


def test_the_real_engine_loses_no_token_either(tmp_path: Path, tiny_chat: Path) -> None:
    rows = asyncio.run(faults.run("kill", 12, 2, tmp_path, tiny_chat)).rows()
    assert rows | ALL_RIGHT == rows, rows


def test_a_slot_is_free_after_its_client_has_left(tmp_path: Path, tiny_chat: Path) -> None:
    rows = asyncio.run(cancel.run(tmp_path, tiny_chat, 2))
    assert rows["rounds"] == 2


def test_whoever_cannot_be_served_is_told_when_to_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = asyncio.run(overload.run(tmp_path, 6))
    assert (rows["failed"], rows["refused_without_retry_after"]) == (0, 0), rows
    assert rows["deaf_client_cut_after_s"] != float("inf")


def test_a_swarm_comes_back_and_every_token_is_in_its_place(tmp_path: Path) -> None:
    rows = asyncio.run(swarm.run(tmp_path, 40, 40, 4, 0.2))
    assert rows | RIGHT == rows, rows


@pytest.mark.parametrize("kind", ["refuses", "babbles", "silent", "hands_back"])
def test_a_liar_rests_and_spoils_no_answer(kind: str, tmp_path: Path, tiny_chat: Path) -> None:
    rows = asyncio.run(liars.run(tmp_path, tiny_chat, 12, (kind,)))
    assert (rows[f"{kind}_well"], rows["missed"]) == (12, []), rows
    assert rows[f"{kind}_spoilt"], "it was asked first, as it claims to be the fastest"


def test_a_league_of_four_among_twelve_spoils_no_answer_where_others_have_proven_themselves(
    tmp_path: Path, tiny_chat: Path
) -> None:
    """Nothing is left to chance: the second owner that is asked is always another one's. What a league can do before
    is in tests/simulation/test_liars.py."""
    rows = asyncio.run(liars.run(tmp_path, tiny_chat, 12, ("refuses",), "league", 0.2))
    assert rows["refuses_well"] == 12, rows
    assert rows["refuses_overbilled"] == 0
    assert rows["refuses_spoilt"]


def test_the_command_prints_json_and_its_status_is_the_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def measured(asked: object, folder: Path) -> dict[str, object]:
        return {"failed": 1}

    monkeypatch.setattr(command, "measure", measured)
    monkeypatch.setattr("sys.argv", ["chaos", "kill", "--json"])
    assert command.main() == 1
    assert json.loads(capsys.readouterr().out) == {"failed": 1}
