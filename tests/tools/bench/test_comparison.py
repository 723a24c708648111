"""The form that every bench prints."""

import json

from tools.bench.comparison import Row, as_json, row, table


def test_the_ratio_is_the_median_of_the_pairs_not_of_the_sides() -> None:
    made = row("decode", "tokens/s", [10, 40, 30], [20, 20, 10])
    assert made == Row("decode", 30, 20, "tokens/s", 2, 0.5, 3, 3)


def test_what_only_we_have_has_no_ratio() -> None:
    assert row("share", "%", [1, 2, 3]) == Row("share", 2, None, "%", None, None, None, 3)


def test_a_pair_whose_peer_measured_nothing_has_no_ratio() -> None:
    assert row("time", "ms", [1, 2], [0, 4]) == Row("time", 1.5, 2, "ms", 0.5, 0.5, 0.5, 2)


def test_rows_are_a_line_of_json_each_and_a_line_of_the_table_each() -> None:
    rows = [row("a", "s", [0.5], [2]), row("b, longer", "%", [1234.5])]
    assert [Row(**json.loads(line)) for line in as_json(rows).splitlines()] == rows
    lines = table(rows).splitlines()
    assert len(lines) == 4 and len({len(line) for line in lines}) == 1
    assert [cell.strip() for cell in lines[2].strip("|").split("|")] == [
        "a",
        "0.5",
        "2",
        "s",
        "0.25",
        "0.25 to 0.25",
        "1",
    ]
    assert [cell.strip() for cell in lines[3].strip("|").split("|")] == ["b, longer", "1234", "-", "%", "-", "-", "1"]
