"""Flags, environment, exit codes. What an action does is in the test of its own file."""

import json
import time
from pathlib import Path

import pytest

from worker import cli, state
from worker.config import Config, ConfigError
from worker.daemon import EXIT_CONFIG, EXIT_OK, EXIT_STOPPED


def config(*argv: str, **env: str) -> Config:
    made = cli.parser()
    return cli.configuration(made, made.parse_args(list(argv)), {"HOME": "/nobody", **env})


def test_a_flag_wins_over_the_environment_and_that_over_the_default() -> None:
    assert config().slots is None
    assert config(SUPERNET_SLOTS="3").slots == 3
    assert config("--slots", "2", SUPERNET_SLOTS="3").slots == 2
    assert config().drain_s == 120


def test_every_variable_has_a_flag_and_reaches_the_configuration() -> None:
    values = {"SUPERNET_LOG_JSON": "yes", "SUPERNET_MODEL_FILE": "/m.gguf", "SUPERNET_RESERVE_MIB": "7"}
    made = config(**values)
    assert (made.log_json, made.model_file, made.reserve_mib) == (True, Path("/m.gguf"), 7)


@pytest.mark.parametrize("wrong", ["0", "-1", "many"])
def test_a_variable_that_cannot_be_used_is_named(wrong: str) -> None:
    with pytest.raises(ConfigError, match="SUPERNET_SLOTS"):
        config(SUPERNET_SLOTS=wrong)


def test_a_wrong_flag_is_refused_by_the_parser(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        config("--slots", "0")
    assert "--slots" in capsys.readouterr().err


def test_a_key_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-1\n")
    assert config("--key-file", str(tmp_path / "key")).key == "sk-1"


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ([], "--coordinator"),
        (["--coordinator", "ws://127.0.0.1:1"], "SUPERNET_KEY"),
        (["--coordinator", "nonsense", "--key", "sk"], "wss://host"),
        (["--plan", "--model", "gpt-9"], "gpt-9"),
    ],
)
def test_what_is_missing_or_wrong_is_said_and_a_restart_is_not_worth_it(
    argv: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = {"SUPERNET_STATE_DIR": str(tmp_path / "s"), "SUPERNET_MODELS_DIR": str(tmp_path / "m")}
    assert cli.main(argv, folders) == EXIT_CONFIG
    assert says in capsys.readouterr().err


def test_a_typo_in_the_environment_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--health"], {"SUPERNET_KEYS": "sk"}) == EXIT_CONFIG
    assert "SUPERNET_KEYS" in capsys.readouterr().err


def test_health_is_good_while_a_registered_daemon_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    env = {"SUPERNET_STATE_DIR": str(tmp_path)}
    assert cli.main(["--health"], env) == EXIT_STOPPED
    state.write_status(tmp_path, {"time": time.time(), "coordinator": "registered", "jobs": 1})
    assert cli.main(["--health", "--json"], env) == EXIT_OK
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["jobs"] == 1
    state.write_status(tmp_path, {"time": time.time(), "coordinator": "closed", "jobs": 0})
    assert cli.main(["--health"], env) == EXIT_STOPPED


def test_a_folder_in_use_is_a_clear_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    held = state.hold(tmp_path)
    env = {"SUPERNET_STATE_DIR": str(tmp_path), "SUPERNET_KEY": "sk", "SUPERNET_COORDINATOR": "ws://127.0.0.1:1"}
    assert cli.main([], env) == EXIT_CONFIG
    assert "--state-dir" in capsys.readouterr().err
    held.close()


def test_a_script_that_cannot_be_used_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    env = {"SUPERNET_STATE_DIR": str(tmp_path), "SUPERNET_KEY": "sk", "SUPERNET_COORDINATOR": "ws://127.0.0.1:1"}
    (tmp_path / "script.json").write_text('[{"when": "x"}]')
    for name in ("script.json", "none.json"):
        assert cli.main(["--scripted", str(tmp_path / name)], env) == EXIT_CONFIG
        assert name in capsys.readouterr().err
