"""docs/debugging.md names every event of the coordinator's log, and its command gives the id that it says."""

import ast
import re
from pathlib import Path

from coordinator.dashboard.view import worker_id

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "debugging.md").read_text()


def noted() -> set[str]:
    """The events that dispatch notes, and the itinerary of jobs that are elsewhere: `state.note("moved", ...)`."""
    calls = [
        node
        for path in [
            *(ROOT / "coordinator" / "dispatch").glob("*.py"),
            *(ROOT / "coordinator" / "cluster").rglob("*.py"),
        ]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "note"
    ]
    events = {event for call in calls for event in words(call.args[0])}
    assert "moved" in events
    return events


def words(node: ast.expr) -> set[str]:
    """A text, or the two of which a condition chooses one."""
    if isinstance(node, ast.IfExp):
        return words(node.body) | words(node.orelse)
    return {ast.literal_eval(node)}


def test_every_event_of_the_log_stands_in_the_table_once_and_no_other() -> None:
    table = PAGE[PAGE.index("| event | what happened |") :].split("\n\n")[0]
    told = [event for row in table.splitlines()[2:] for event in re.findall("`([^`]+)`", row.split("|")[1])]
    assert sorted(told) == sorted(noted())


def test_the_pseudonym_in_the_page_is_that_of_its_worker() -> None:
    key, public = re.findall(r"printf %s (\S+) .*# (\w+)", PAGE)[0]
    assert worker_id(key) == public
