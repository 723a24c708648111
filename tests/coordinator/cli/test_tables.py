"""Rows for people and for programs."""

import json

import pytest

from coordinator.cli.tables import day, print_table

ROWS = [{"name": "alice", "earned_nano": 1_500_000_000, "last_ms": 0, "note": None, "hidden": 1}]
COLUMNS = ("name", "earned_nano", "last_ms", "note")


def test_people_read_dollars_and_times_and_programs_what_is_stored(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(ROWS, COLUMNS, as_json=False)
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["name", "earned", "last", "note"]
    assert row.split() == ["alice", "$1.5", "1970-01-01T00:00:00Z", "-"]
    print_table(ROWS, COLUMNS, as_json=True)
    assert json.loads(capsys.readouterr().out) == [{name: ROWS[0][name] for name in COLUMNS}]


def test_days_are_counted_from_1970() -> None:
    assert day(20_000) == "2024-10-04"
