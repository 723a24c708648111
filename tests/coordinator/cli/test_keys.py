"""`key set`, through the parser, as an operator types it."""

import json
from pathlib import Path
from typing import Any

import pytest

from coordinator.cli import commands
from coordinator.cli.arguments import parser
from coordinator.config import Config
from coordinator.store.errors import StoreError


@pytest.fixture
def key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Types a command on the same database, and returns what it printed."""
    db = tmp_path / "c.db"

    def type_(*words: str) -> Any:
        commands.run(parser().parse_args(["key", *words, "--json"]), Config(db=db))
        out = capsys.readouterr().out
        return json.loads(out) if out else None

    return type_


def listed(key: Any) -> dict[str, Any]:
    (row,) = key("list")
    return dict(row)


def test_caps_limits_and_the_state_are_set_and_taken_away(key: Any) -> None:
    name = key("create", "--name", "x", "--init", "--cap-day", "0.5", "--rpm", "7")["id"]
    row = listed(key)
    assert (row["cap_day_nano"], row["cap_month_nano"], row["rpm"], row["disabled"]) == (500_000_000, None, 7, False)
    key("set", name, "--cap-month", "20", "--state", "disabled", "--tpm", "9")
    row = listed(key)
    assert (row["cap_day_nano"], row["cap_month_nano"], row["disabled"]) == (500_000_000, 20 * 10**9, True)
    assert (row["rpm"], row["tpm"], row["used_ms"], row["platform_tools"]) == (7, 9, None, True)
    key("set", name, "--cap-day", "none", "--state", "enabled", "--rpm", "default", "--platform-tools", "off")
    row = listed(key)
    assert (row["cap_day_nano"], row["rpm"], row["disabled"], row["platform_tools"]) == (None, None, False, False)


def test_what_cannot_be_is_refused(key: Any) -> None:
    name = key("create", "--name", "x", "--init")["id"]
    for words, why in (
        ((), "nothing to change"),
        (("--cap-day", "0.0000000001"), "no whole number of nano-dollars"),
        (("--rpm", "0"), "at least 1"),
    ):
        with pytest.raises(StoreError, match=why):
            key("set", name, *words)
    for words in (("--cap-day", "-1"), ("--state", "off"), ("--rpm", "many")):
        with pytest.raises(SystemExit):
            key("set", name, *words)
    with pytest.raises(StoreError, match="key_ghost"):
        key("set", "key_ghost", "--state", "disabled")
