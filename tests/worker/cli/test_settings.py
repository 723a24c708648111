"""Flags over environment over file over defaults, and that every value knows its place."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from worker.cli import main, settings
from worker.cli.settings import Found
from worker.config import Config, ConfigError
from worker.exits import EXIT_CONFIG, EXIT_STOPPED


@pytest.fixture(autouse=True)
def _no_system_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(settings, "SYSTEM_FILE", tmp_path / "etc" / "worker.toml")


def found(*argv: str, file: str | None = None, tmp: Path | None = None, **env: str) -> Found:
    made = main.parser()
    if file is not None and tmp is not None:
        (tmp / "worker.toml").write_text(file)
        (tmp / "worker.toml").chmod(0o600)
        env["SUPERNET_CONFIG"] = str(tmp / "worker.toml")
    return settings.find(made, made.parse_args(list(argv)), {"HOME": "/nobody", **env})


def test_a_flag_wins_over_the_environment_that_over_the_file_and_that_over_the_default(tmp_path: Path) -> None:
    file = "slots = 4\n"
    steps: list[tuple[tuple[str, ...], dict[str, Any], int | None, str]] = [
        ((), {}, None, "default"),
        ((), {"file": file, "tmp": tmp_path}, 4, str(tmp_path / "worker.toml")),
        ((), {"file": file, "tmp": tmp_path, "SUPERNET_SLOTS": "3"}, 3, "SUPERNET_SLOTS"),
        (("--slots", "2"), {"file": file, "tmp": tmp_path, "SUPERNET_SLOTS": "3"}, 2, "--slots"),
    ]
    for argv, where, slots, place in steps:
        made = found(*argv, **where)
        assert (made.config.slots, made.places["slots"]) == (slots, place)


def test_every_setting_can_stand_in_each_place(tmp_path: Path) -> None:
    texts = {"schedule": "22:00-07:00", "metrics": "127.0.0.1:9100", "yield_to_owner": "yes", "log_json": "true"}
    names = [field.name for field in fields(Config) if field.name not in ("hub", "visible_gpus")]
    for name in names:
        text = texts.get(name, "7")
        by_variable = found(**{settings.variable(name): text})
        by_file = found(file=f'{name} = "{text}"', tmp=tmp_path)
        assert getattr(by_variable.config, name) == getattr(by_file.config, name) != getattr(Config(), name)
        assert by_variable.places[name] == settings.variable(name) and by_file.places[name].endswith(".toml")


def test_values_of_a_file_may_be_written_as_toml_writes_them(tmp_path: Path) -> None:
    file = 'max_temperature_c = 79.5\nyield_to_owner = true\nlog_json = false\nschedule = "sat 10:00-12:00"\n'
    config = found(file=file, tmp=tmp_path).config
    assert (config.max_temperature_c, config.yield_to_owner, config.log_json) == (79.5, True, False)
    assert config.schedule is not None and config.schedule.text == "sat 10:00-12:00"


def test_a_file_may_come_from_a_windows_editor(tmp_path: Path) -> None:
    (tmp_path / "worker.toml").write_bytes(b"\xef\xbb\xbfslots = 3\r\n")
    assert found("--config", str(tmp_path / "worker.toml")).config.slots == 3


def test_a_key_that_no_header_can_carry_is_named_by_its_place() -> None:
    with pytest.raises(ConfigError, match="SUPERNET_KEY holds"):
        found(SUPERNET_KEY="\ufeffsk-1")
    with pytest.raises(ConfigError, match="--key holds"):
        found("--key", "sk-1\n")


def test_a_switch_can_be_taken_back_by_a_flag() -> None:
    assert found("--yield-to-owner").config.yield_to_owner
    assert not found("--yield-to-owner", "no", SUPERNET_YIELD_TO_OWNER="1").config.yield_to_owner


@pytest.mark.parametrize(
    ("variable", "text", "says"),
    [
        ("SUPERNET_SLOTS", "0", "SUPERNET_SLOTS: '0'"),
        ("SUPERNET_SLOTS", "many", "no whole number of 1 or more"),
        ("SUPERNET_SCHEDULE", "at night", "22:00-07:00"),
        ("SUPERNET_METRICS", "9100", "127.0.0.1:9100"),
        ("SUPERNET_LOG_JSON", "maybe", "neither yes nor no"),
        ("SUPERNET_MAX_POWER_W", "-5", "no number above 0"),
        ("SUPERNET_SLOT", "3", "unknown environment variable SUPERNET_SLOT;"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(variable: str, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        found(**{variable: text})


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("slot = 3", "unknown setting 'slot'"),
        ("slots = 0", "slots"),
        ("slots = [1]", "one text"),
        ("slots 3", r"worker\.toml"),
        ('schedule = "never"', "never"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_setting(file: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=says):
        found(file=file, tmp=tmp_path)


def test_a_file_that_was_named_must_be_there_and_the_usual_places_need_not(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.toml"):
        found("--config", str(tmp_path / "nothing.toml"))
    assert found(XDG_CONFIG_HOME=str(tmp_path)).config.slots is None
    (tmp_path / "supernet").mkdir()
    (tmp_path / "supernet" / "worker.toml").write_text("slots = 5")
    (tmp_path / "etc").mkdir()
    settings.SYSTEM_FILE.write_text("slots = 6")
    assert found(XDG_CONFIG_HOME=str(tmp_path)).config.slots == 5
    assert found().config.slots == 6


def test_the_nearer_way_to_give_a_key_wins_whichever_it_is(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-file\nrest\n")
    file = str(tmp_path / "key")
    assert found("--key-file", file, SUPERNET_KEY="sk-env").config.key == "sk-file"
    assert found("--key", "sk-flag", SUPERNET_KEY_FILE=file).config.key == "sk-flag"
    assert found(file=f'key_file = "{file}"', tmp=tmp_path).config.key == "sk-file"
    assert found(SUPERNET_KEY="sk-env", file=f'key_file = "{file}"', tmp=tmp_path).config.key == "sk-env"


def test_a_file_with_a_key_must_not_be_read_by_others(tmp_path: Path) -> None:
    path = tmp_path / "worker.toml"
    path.write_text('key = "sk-1"')
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        found("--config", str(path))
    path.chmod(0o600)
    assert found("--config", str(path)).config.key == "sk-1"


def test_the_coordinators_variables_may_stand_beside_ours_and_an_empty_one_is_no_setting() -> None:
    assert found(SUPERNET_COORDINATOR_PORT="80", SUPERNET_SLOTS="").config == found().config


def test_what_is_shown_says_where_each_value_stood_and_never_the_key(tmp_path: Path) -> None:
    made = found("--slots", "2", SUPERNET_KEY="sk-secret", CUDA_VISIBLE_DEVICES="0", file="context = 512", tmp=tmp_path)
    table, value = settings.table(made), json.dumps(settings.shown(made))
    assert "sk-secret" not in table + value and "SUPERNET_KEY" in table
    rows = {line.split()[0]: line for line in table.splitlines()}
    assert set(rows) == {field.name for field in fields(Config)}
    assert rows["slots"].endswith("--slots") and rows["context"].endswith("worker.toml")
    assert rows["visible_gpus"].endswith("CUDA_VISIBLE_DEVICES") and rows["drain_s"].endswith("default")


# ---- users without a home


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `docker run --user 54321` without HOME, or a unit with a made-up user."""

    def no_entry(_: int) -> None:
        raise KeyError

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", no_entry)


@pytest.mark.usefixtures("homeless")
@pytest.mark.parametrize("action", ["--status", "--pause", "--health", "--show-config", "--check", "--plan"])
def test_a_user_without_a_home_is_told_what_to_give(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main([action], {}) == EXIT_CONFIG
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "HOME" in said and "--state-dir" in said


@pytest.mark.usefixtures("homeless")
def test_a_state_folder_is_enough_for_a_user_without_a_home(tmp_path: Path) -> None:
    made = main.parser()
    config = settings.find(made, made.parse_args(["--state-dir", str(tmp_path)]), {}).config
    assert (config.state_dir, config.models_dir) == (tmp_path, tmp_path / "models")
    assert main.main(["--status"], {"SUPERNET_STATE_DIR": str(tmp_path)}) == EXIT_STOPPED
    env = {"XDG_STATE_HOME": str(tmp_path / "s"), "XDG_CACHE_HOME": str(tmp_path / "c")}
    config = settings.find(made, made.parse_args([]), env).config
    assert (config.state_dir, config.models_dir) == (tmp_path / "s/supernet", tmp_path / "c/supernet/models")


def test_a_home_that_belongs_to_somebody_else_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sudo -u supernet` can leave HOME as it was, and the service's settings are in the other place."""
    look = Path.is_file

    def is_file(path: Path) -> bool:
        if path.is_relative_to("/home/me"):
            raise PermissionError(13, "Permission denied", str(path))
        return look(path)

    monkeypatch.setattr(Path, "is_file", is_file)
    assert found(HOME="/home/me").config.slots is None
    settings.SYSTEM_FILE.parent.mkdir()
    settings.SYSTEM_FILE.write_text("slots = 6")
    assert found(HOME="/home/me").config.slots == 6


def test_what_was_not_given_is_told_as_what_it_comes_to() -> None:
    rows = {line.split()[0]: " ".join(line.split()[1:-1]) for line in settings.table(found()).splitlines()}
    assert rows["model"] == "qwen3.6-35b-a3b-gguf-iq4xs (the catalogue's default)"
    assert (rows["slots"], rows["schedule"], rows["quiet_s"], rows["log_json"]) == ("planned", "always", "300", "no")
    assert "None" not in rows.values()


def test_every_setting_that_may_be_without_a_value_has_words_for_it() -> None:
    without = {name for name, row in settings.shown(found()).items() if row["value"] is None}
    assert without <= settings.UNSET.keys()


def test_a_catalogue_that_cannot_be_read_hides_no_other_setting(tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text("[")
    for file in (tmp_path / "models.yaml", tmp_path / "none.yaml"):
        assert "the catalogue's default" in settings.table(found("--catalogue", str(file)))


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--slots", "0"], "argument --slots: '0' is no whole number of 1 or more"),
        (["--reserve-mib", "x"], "argument --reserve-mib: 'x' is no whole number of 0 or more"),
        (["--max-power-w", "-1"], "argument --max-power-w: '-1' is no number above 0"),
        (["--log-json", "maybe"], "argument --log-json: 'maybe' is neither yes nor no"),
        (["--metrics", "9100"], "argument --metrics: '9100' is no address with a port"),
    ],
)
def test_a_wrong_value_is_told_in_words(argv: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.parser().parse_args(argv)
    error = capsys.readouterr().err
    assert says in error and "_" not in error.replace("max_power_w", "")


def test_flags_for_tests_are_not_offered_to_owners() -> None:
    assert "scripted" not in main.parser().format_help()
