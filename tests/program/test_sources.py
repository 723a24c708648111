"""Flags over environment over file over defaults, and that every value knows its place."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from program import sources
from program.settings import ConfigError, number, setting, switch, whole
from program.sources import Found, Sources


@dataclass(frozen=True)
class Config:
    slots: int | None = setting(None, "jobs at once", whole(1))
    degrees: float | None = setting(None, "most", number(1, 100))
    quiet: bool = setting(False, "say less", switch)
    key: str | None = setting(None, "the key", secret=True)
    key_file: Path | None = setting(None, "the key's file", Path, instead_of="key")
    gpus: str | None = setting(None, "as CUDA has it", variable="VISIBLE")


PROGRAM = Sources(Config, "X_", "x.toml", ("X_OTHER_",))


@pytest.fixture(autouse=True)
def _no_system_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sources, "SYSTEM_FOLDER", tmp_path / "etc")


def found(file: str | None = None, tmp: Path | None = None, flags: dict[str, Any] | None = None, **env: str) -> Found:
    if file is not None and tmp is not None:
        (tmp / "x.toml").write_text(file)
        (tmp / "x.toml").chmod(0o600)
        env["X_CONFIG"] = str(tmp / "x.toml")
    return PROGRAM.find(flags or {}, {"HOME": "/nobody", **env})


def test_a_flag_wins_over_the_environment_that_over_the_file_and_that_over_the_default(tmp_path: Path) -> None:
    steps: list[tuple[dict[str, Any], int | None, str]] = [
        ({}, None, "default"),
        ({"file": "slots = 4\n", "tmp": tmp_path}, 4, str(tmp_path / "x.toml")),
        ({"file": "slots = 4\n", "tmp": tmp_path, "X_SLOTS": "3"}, 3, "X_SLOTS"),
        ({"file": "slots = 4\n", "tmp": tmp_path, "X_SLOTS": "3", "flags": {"slots": 2}}, 2, "--slots"),
    ]
    for where, slots, place in steps:
        made = found(**where)
        assert (made.values.get("slots"), made.places["slots"]) == (slots, place)


def test_values_of_a_file_may_be_written_as_toml_writes_them(tmp_path: Path) -> None:
    assert found("degrees = 79.5\nquiet = true\nslots = 3\n", tmp_path).values == {
        "degrees": 79.5,
        "quiet": True,
        "slots": 3,
    }


def test_a_file_may_come_from_a_windows_editor(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_bytes(b"\xef\xbb\xbfslots = 3\r\n")
    assert found(flags={"config": tmp_path / "own.toml"}).values["slots"] == 3


def test_a_switch_can_be_taken_back_by_a_flag() -> None:
    assert found(flags={"quiet": False}, X_QUIET="1").values["quiet"] is False


@pytest.mark.parametrize(
    ("variable", "text", "says"),
    [
        ("X_SLOTS", "0", "X_SLOTS: '0' is no whole number of 1 or more"),
        ("X_SLOTS", "many", "X_SLOTS: 'many'"),
        ("X_QUIET", "maybe", "X_QUIET: 'maybe' is neither yes nor no"),
        ("X_SLOT", "3", "unknown environment variable X_SLOT; known are X_SLOTS, X_DEGREES, .*"),
        ("X_CONFIGS", "x", "unknown environment variable X_CONFIGS"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(variable: str, text: str, says: str) -> None:
    variables: dict[str, Any] = {variable: text}
    with pytest.raises(ConfigError, match=says):
        found(**variables)


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("slot = 3", "unknown setting 'slot'; known are slots, degrees"),
        ("slots = 0", "slots: '0'"),
        ("slots = [1]", "slots must be one text"),
        ("slots 3", r"x\.toml"),
        ('gpus = "0"', "unknown setting 'gpus'"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_setting(file: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=says):
        found(file, tmp_path)


def test_a_file_that_was_named_must_be_there_and_the_usual_places_need_not(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.toml"):
        found(flags={"config": tmp_path / "nothing.toml"})
    assert found(XDG_CONFIG_HOME=str(tmp_path)).values == {}
    for folder, line in (("supernet", "slots = 5"), ("etc", "slots = 6")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.toml").write_text(line)
    assert found(XDG_CONFIG_HOME=str(tmp_path)).values["slots"] == 5
    assert found().values["slots"] == 6


def test_a_home_that_belongs_to_somebody_else_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sudo -u supernet` can leave HOME as it was, and the service's settings are in the other place."""
    look = Path.is_file

    def is_file(path: Path) -> bool:
        if path.is_relative_to("/home/me"):
            raise PermissionError(13, "Permission denied", str(path))
        return look(path)

    monkeypatch.setattr(Path, "is_file", is_file)
    assert found(HOME="/home/me").values == {}
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "x.toml").write_text("slots = 6")
    assert found(HOME="/home/me").values["slots"] == 6


def test_of_two_ways_to_give_the_same_the_nearer_one_wins(tmp_path: Path) -> None:
    made = found(flags={"key_file": Path("k")}, X_KEY="sk-env")
    assert made.values == {"key_file": Path("k")} and made.places["key"] == "default"
    assert found(flags={"key": "sk-flag"}, X_KEY_FILE="k").values == {"key": "sk-flag"}
    assert found('key_file = "k"', tmp_path, X_KEY="sk-env").values == {"key": "sk-env"}


def test_a_file_with_a_secret_must_not_be_read_by_others(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('key = "sk-1"')
    path.chmod(0o644)
    with pytest.raises(ConfigError, match=r"holds the key and others can read it: chmod 600 .*, or use key_file"):
        found(flags={"config": path})
    path.chmod(0o600)
    assert found(flags={"config": path}).values == {"key": "sk-1"}


def test_another_programs_variables_are_passed_over_and_an_empty_one_of_ours_is_not_given() -> None:
    assert found(X_OTHER_PORT="80", X_SLOTS="").values == {}


def test_a_variable_that_other_programs_obey_too_counts_even_if_it_is_empty() -> None:
    made = found(VISIBLE="")
    assert (made.values, made.places["gpus"]) == ({"gpus": ""}, "VISIBLE")
