"""The worker's own settings. How they are found in flags, environment and file: tests/program/test_sources.py."""

import json
from pathlib import Path
from typing import Any

import pytest

from program import sources
from program.settings import ConfigError
from worker.cli import main, settings
from worker.cli.settings import SOURCES, Settings
from worker.config import Config
from worker.exits import EXIT_CONFIG, EXIT_STOPPED


@pytest.fixture(autouse=True)
def _no_system_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sources, "SYSTEM_FOLDER", tmp_path / "etc")


def found(*argv: str, file: str | None = None, tmp: Path | None = None, **env: str) -> Settings:
    if file is not None and tmp is not None:
        (tmp / "worker.toml").write_text(file)
        (tmp / "worker.toml").chmod(0o600)
        env["SUPERNET_CONFIG"] = str(tmp / "worker.toml")
    return settings.find(main.parser().parse_args(list(argv)), {"HOME": "/nobody", **env})


def test_every_setting_can_stand_in_each_place(tmp_path: Path) -> None:
    texts = {"schedule": "22:00-07:00", "metrics": "127.0.0.1:9100", "yield_to_owner": "yes", "log_json": "true"}
    texts |= {"vision": "on", "drafts": "off", "media_tools": "generate_music"}
    texts |= {"alert_url": "https://ntfy.example/me", "alert_kind": "ntfy"}
    names = [name for name in SOURCES.settings if name not in ("key_file", "hub", "visible_gpus")]
    for name in names:
        text = texts.get(name, "7")
        variables: dict[str, Any] = {SOURCES.variable(name): text}
        by_variable = found(**variables)
        by_file = found(file=f'{name} = "{text}"', tmp=tmp_path)
        assert getattr(by_variable.config, name) == getattr(by_file.config, name) != getattr(Config(), name)
        assert by_variable.places[name] == SOURCES.variable(name) and by_file.places[name].endswith(".toml")


def test_a_key_that_no_header_can_carry_is_named_by_its_place() -> None:
    with pytest.raises(ConfigError, match="SUPERNET_KEY holds"):
        found(SUPERNET_KEY="\ufeffsk-1")
    with pytest.raises(ConfigError, match="--key holds"):
        found("--key", "sk-1\n")


def test_the_nearer_way_to_give_a_key_wins_whichever_it_is(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-file\nrest\n")
    file = str(tmp_path / "key")
    assert found("--key-file", file, SUPERNET_KEY="sk-env").config.key == "sk-file"
    assert found("--key", "sk-flag", SUPERNET_KEY_FILE=file).config.key == "sk-flag"
    assert found(file=f'key_file = "{file}"', tmp=tmp_path).config.key == "sk-file"
    assert found(SUPERNET_KEY="sk-env", file=f'key_file = "{file}"', tmp=tmp_path).config.key == "sk-env"


def test_a_wrong_variable_and_a_wrong_line_are_named() -> None:
    for variable, text, says in (
        ("SUPERNET_SCHEDULE", "at night", "22:00-07:00"),
        ("SUPERNET_METRICS", "9100", "127.0.0.1:9100"),
        ("SUPERNET_MAX_POWER_W", "-5", "no number from 1"),
        ("SUPERNET_SLOT", "3", "unknown environment variable SUPERNET_SLOT;"),
    ):
        variables: dict[str, Any] = {variable: text}
        with pytest.raises(ConfigError, match=says):
            found(**variables)


def test_the_coordinators_variables_may_stand_beside_ours_and_an_empty_one_is_no_setting() -> None:
    assert found(SUPERNET_COORDINATOR_PORT="80", SUPERNET_SLOTS="").config == found().config


def test_what_is_shown_says_where_each_value_stood_and_never_the_key(tmp_path: Path) -> None:
    made = found("--slots", "2", SUPERNET_KEY="sk-secret", CUDA_VISIBLE_DEVICES="0", file="context = 512", tmp=tmp_path)
    table, value = settings.table(made), json.dumps(settings.shown(made))
    assert "sk-secret" not in table + value and "SUPERNET_KEY" in table
    rows = {line.split()[0]: line for line in table.splitlines()}
    assert set(rows) == SOURCES.settings.keys()
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
    config = settings.find(main.parser().parse_args(["--state-dir", str(tmp_path)]), {}).config
    assert (config.state_dir, config.models_dir) == (tmp_path, tmp_path / "models")
    assert main.main(["--status"], {"SUPERNET_STATE_DIR": str(tmp_path)}) == EXIT_STOPPED
    env = {"XDG_STATE_HOME": str(tmp_path / "s"), "XDG_CACHE_HOME": str(tmp_path / "c")}
    config = settings.find(main.parser().parse_args([]), env).config
    assert (config.state_dir, config.models_dir) == (tmp_path / "s/supernet", tmp_path / "c/supernet/models")


def test_what_was_not_given_is_told_as_what_it_comes_to() -> None:
    rows = {line.split()[0]: " ".join(line.split()[1:-1]) for line in settings.table(found()).splitlines()}
    assert rows["model"] == "qwen3.6-35b-a3b-gguf-iq4xs (the catalog's default, or none where --media is given)"
    assert (rows["slots"], rows["schedule"], rows["quiet_s"], rows["log_json"]) == ("planned", "always", "300", "no")
    assert "None" not in rows.values()


def test_every_setting_that_may_be_without_a_value_has_words_for_it() -> None:
    without = {name for name, row in settings.shown(found()).items() if row["value"] is None}
    assert all(SOURCES.settings[name].unset for name in without - {"key_file"})


def test_a_catalog_that_cannot_be_read_hides_no_other_setting(tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text("[")
    for file in (tmp_path / "models.yaml", tmp_path / "none.yaml"):
        assert "the catalog's default" in settings.table(found("--catalog", str(file)))


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--slots", "0"], "argument --slots: '0' is no whole number of 1 or more"),
        (["--reserve-mib", "x"], "argument --reserve-mib: 'x' is no whole number of 0 or more"),
        (["--max-power-w", "-1"], "argument --max-power-w: '-1' is no number from 1 to 10000"),
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
