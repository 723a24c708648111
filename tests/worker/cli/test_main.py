"""Flags, environment, exit codes. What an action does is in the test of its own file."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest

from program import sources
from worker import state_dir
from worker.cli import main
from worker.daemon.service import Service
from worker.exits import EXIT_CONFIG, EXIT_OK, EXIT_STOPPED
from worker.weights.uses import Use, alone, living


@pytest.fixture(autouse=True)
def _no_system_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sources, "SYSTEM_FOLDER", tmp_path / "etc")
    monkeypatch.setenv("HOME", str(tmp_path))


def test_a_wrong_flag_is_refused_by_the_parser(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.main(["--slots", "0"], {})
    assert "--slots" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ([], "--coordinator"),
        (["--coordinator", "ws://127.0.0.1:1"], "SUPERNET_KEY"),
        (["--coordinator", "nonsense", "--key", "sk"], "wss://host"),
        (["--plan", "--model", "gpt-9"], "gpt-9"),
        (["--plan", "--model", "gpt-9"], "--catalog FILE"),
        (["--plan", "--model", "hf.co/unsloth/x-GGUF:Q4_K_M"], "A repository of the hub is no name"),
        (["--plan", "--scripted-gpus", "file"], "--scripted"),
        (["--plan", "--scripted-vision"], "--scripted"),
        (["--plan", "--schedule", "22:00-07:00", "--config", "/none.toml"], "none.toml"),
    ],
)
def test_what_is_missing_or_wrong_is_said_and_a_restart_is_not_worth_it(
    argv: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = {"SUPERNET_STATE_DIR": str(tmp_path / "s"), "SUPERNET_MODELS_DIR": str(tmp_path / "m")}
    assert main.main(argv, folders) == EXIT_CONFIG
    assert says in capsys.readouterr().err


def test_a_typo_in_a_catalog_of_ones_own_is_told_by_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.yaml").write_text("default: x\nmodels:\n  - id: x\n    format: qwen-jsn\n")
    env = {"SUPERNET_STATE_DIR": str(tmp_path / "s"), "SUPERNET_MODELS_DIR": str(tmp_path / "m")}
    assert main.main(["--plan", "--catalog", str(tmp_path / "own.yaml")], env) == EXIT_CONFIG
    assert "own.yaml:4" in capsys.readouterr().err


def test_a_typo_in_the_environment_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["--health"], {"SUPERNET_KEYS": "sk"}) == EXIT_CONFIG
    assert "SUPERNET_KEYS" in capsys.readouterr().err


def test_a_folder_in_use_is_a_clear_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    held = state_dir.hold(tmp_path)
    env = {"SUPERNET_STATE_DIR": str(tmp_path), "SUPERNET_KEY": "sk", "SUPERNET_COORDINATOR": "ws://127.0.0.1:1"}
    assert main.main([], env) == EXIT_CONFIG
    assert "--state-dir" in capsys.readouterr().err
    held.close()


def test_a_script_that_cannot_be_used_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    env = {"SUPERNET_STATE_DIR": str(tmp_path), "SUPERNET_KEY": "sk", "SUPERNET_COORDINATOR": "ws://127.0.0.1:1"}
    (tmp_path / "script.json").write_text('[{"when": "x"}]')
    for name in ("script.json", "none.json"):
        assert main.main(["--scripted", str(tmp_path / name)], env) == EXIT_CONFIG
        assert name in capsys.readouterr().err


@pytest.mark.parametrize("action", [[], ["--plan"], ["--benchmark"]])
def test_a_file_needs_a_model_s_name_and_a_typo_in_it_is_told(
    action: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal; a service would wait for the file, and tells the coordinator meanwhile."""
    env = {"SUPERNET_STATE_DIR": str(tmp_path / "s"), "SUPERNET_MODELS_DIR": str(tmp_path / "m"), "SUPERNET_KEY": "sk"}
    flags = [*action, "--coordinator", "ws://127.0.0.1:1", "--model-file", str(tmp_path / "typo.gguf")]
    assert main.main(flags, env) == EXIT_CONFIG
    said = capsys.readouterr().err
    assert "--model;" in said and "qwen3.6-35b-a3b-gguf-iq4xs" in said and "entry of its own" in said
    monkeypatch.setattr(main, "_attended", lambda: True)
    assert main.main([*flags, "--model", "qwen3.5-4b-gguf-q4km"], env) == EXIT_CONFIG
    said = capsys.readouterr().err
    assert "not_found" in said and "typo.gguf" in said and "->" in said


@pytest.mark.parametrize(
    ("terminal", "systemd", "attended"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_a_terminal_is_watched_and_a_service_is_not(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, systemd: bool, attended: bool
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal, raising=False)
    monkeypatch.delenv("INVOCATION_ID", raising=False)
    if systemd:
        monkeypatch.setenv("INVOCATION_ID", "0123")
    assert main._attended() is attended


def test_a_worker_says_what_it_uses_of_the_models_folder_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Use] = []

    async def run(self: Service) -> int:
        with alone(tmp_path / "m"):
            seen.extend(living(tmp_path / "m"))
        return EXIT_OK

    monkeypatch.setattr(Service, "run", run)
    env = {"SUPERNET_STATE_DIR": str(tmp_path / "s"), "SUPERNET_MODELS_DIR": str(tmp_path / "m")}
    env |= {"SUPERNET_COORDINATOR": "ws://127.0.0.1:9", "SUPERNET_KEY": "sk"}
    assert main.main(["--model", "qwen3.6-35b-a3b-gguf-iq4xs", "--media", "z_image_turbo_bf16"], env) == EXIT_OK
    (use,) = seen
    assert use.who == f"the worker of {tmp_path / 's'}" and use.pins is not None and len(use.pins) >= 3
    with alone(tmp_path / "m"):
        assert living(tmp_path / "m") == ()
    assert main.main(["--scripted"], env) == EXIT_OK and len(seen) == 1, "who plays from a script uses no model"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("action", "status"), [([], EXIT_OK), (["--plan"], EXIT_STOPPED), (["--models"], EXIT_STOPPED)]
)
def test_a_signal_is_told_and_only_a_server_has_done_what_it_was_to_do(
    action: list[str],
    status: int,
    number: signal.Signals,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(main, "_work", lambda *_: signal.raise_signal(number))
    assert main.main(action, {}) == status
    assert capsys.readouterr().err == "supernet-worker: stopped by a signal\n"


@pytest.mark.parametrize("name", main._ACTIONS)
def test_each_action_is_known_to_be_one_and_is_not_done_when_it_is_stopped(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list stood twice: an action that was put into one of them was told as done."""

    def stopped(*_: object) -> int:
        signal.raise_signal(signal.SIGINT)
        return EXIT_OK

    action = replace(main._ACTIONS[name], run=stopped, works=False)
    monkeypatch.setitem(main._ACTIONS, name, action)
    assert main.main([f"--{name.replace('_', '-')}", *(["x"] if action.metavar else [])], {}) == EXIT_STOPPED
