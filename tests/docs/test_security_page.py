"""docs/security.md: each row ends with the tests that hold it, and each of these tests exists."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
TEST = re.compile(r"`(tests/[a-z0-9_/]+\.py)::(test_[a-z0-9_]+)`")
NOTHING = "—"  # the row promises nothing


def rows() -> Iterator[tuple[str, list[str]]]:
    """Each row of the page's tables with the heading above it; their heads left out."""
    for section in PAGE.split("\n## ")[1:]:
        title, _, body = section.partition("\n")
        for table in re.findall(r"^\|.*\n\|[-| ]+\|\n((?:\|.*(?:\n|$))+)", body, re.M):
            for row in table.splitlines():
                yield title, [cell.strip() for cell in row.strip("|").split("|")]


@cache
def functions(file: str) -> frozenset[str]:
    """The names of the functions that stand in a file of tests, for themselves or in a class."""
    tree = ast.parse((ROOT / file).read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_row_names_a_test_or_promises_nothing() -> None:
    found = list(rows())
    titles = {"Who can see what", "Promised", "Threats, and what stands against them", "Strangers who join"}
    titles |= {"Messages to strangers' addresses"}
    assert {title for title, _ in found} == titles
    bare = [cells for _, cells in found if not TEST.search(cells[-1]) and cells[-1] != NOTHING]
    assert bare == []
    assert [cells for title, cells in found if title == "Promised" and cells[-1] == NOTHING] == []


@pytest.mark.parametrize(("file", "name"), sorted(set(TEST.findall(PAGE))))
def test_every_test_that_the_page_names_exists(file: str, name: str) -> None:
    assert (ROOT / file).is_file() and name in functions(file)


def test_no_name_of_a_test_is_written_in_another_form() -> None:
    assert PAGE.count("tests/") == PAGE.count("::test_") == len(TEST.findall(PAGE)) > 0


def test_owners_and_operators_are_no_men() -> None:
    assert re.findall(r"\b(?:he|his|him|himself|she|her)\b", PAGE, re.I) == []
