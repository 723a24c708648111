from pathlib import Path

from tools.bench.ledger import measure


def test_a_short_run_measures_and_its_money_adds_up(tmp_path: Path) -> None:
    found = measure("sqlite", str(tmp_path / "bench.db"), seconds=0.3, pairs=1, streams=20)
    assert (found.unit, found.runs) == ("settles/s", 1)
    assert found.ours > 0 and found.peer is not None
