"""tools/bench/cache.py on a tiny model: it measures what it says, and leaves the model as it was."""

from pathlib import Path

from tools.bench.cache import DEPTH, STREAMS, compare, loaded, measure, specs


def test_both_kinds_of_cache_are_measured_with_and_without_what_is_held(tiny_qwen3: Path) -> None:
    rows = compare(tiny_qwen3, held=600, pairs=1)
    assert [row.case.split(":")[0] for row in rows] == ["shared"] * 3 + ["one each"] * 3
    assert all(row.ours > 0 and row.peer and row.runs == 1 for row in rows)


def test_what_is_held_is_held_and_what_was_measured_is_undone(tiny_qwen3: Path) -> None:
    for name, spec in specs(tiny_qwen3, 600, ()).items():
        model = loaded(spec, 600)
        measure(model, lambda: 0.0)
        assert [model.length(seq) for seq in range(STREAMS + 2)] == [DEPTH] * STREAMS + [300, 300], name
        model.close()
