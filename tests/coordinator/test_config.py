from pathlib import Path

import pytest

from coordinator.config import Config, build
from program.settings import ConfigError


def test_flags_win_over_environment_and_environment_over_defaults() -> None:
    env = {"SUPERNET_COORDINATOR_PORT": "9000", "SUPERNET_COORDINATOR_HOST": "::1", "HOME": "/x"}
    config = build({"port": 9001, "host": None}, env)
    assert (config.port, config.host, config.queue) == (9001, "::1", Config.queue)


def test_an_unknown_variable_with_our_prefix_is_an_error() -> None:
    with pytest.raises(ConfigError, match="SUPERNET_COORDINATOR_PROT"):
        build({}, {"SUPERNET_COORDINATOR_PROT": "1"})


def test_the_workers_own_variables_are_not_ours() -> None:
    assert build({}, {"SUPERNET_COORDINATOR": "ws://x", "SUPERNET_KEY": "k"}) == Config()


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "http"), ("PORT", "70000"), ("QUEUE", "-1"), ("DRAIN_S", "nan?"), ("LOG_JSON", "maybe")],
)
def test_nonsense_is_refused_with_the_name(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=r"(?i)" + name.split("_")[0]):
        build({}, {f"SUPERNET_COORDINATOR_{name}": value})


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("*", ("*",)),
        ("none", ()),
        ("https://app.example", ("https://app.example",)),
        ("https://App.example/, http://localhost:3000", ("https://app.example", "http://localhost:3000")),
    ],
)
def test_origins_are_those_that_browsers_send(text: str, origins: tuple[str, ...]) -> None:
    assert build({}, {"SUPERNET_COORDINATOR_ORIGINS": text}).origins == origins
    assert Config().origins == ("*",)


@pytest.mark.parametrize("text", ["app.example", "https://app.example/chat", "*,https://a.example", "ftp://a.example"])
def test_what_no_browser_sends_is_no_origin(text: str) -> None:
    with pytest.raises(ConfigError, match=r"(?i)origin"):
        build({}, {"SUPERNET_COORDINATOR_ORIGINS": text})


def test_settings_reach_dispatch() -> None:
    limits = build({"queue": 5, "resume_grace_s": 1.5}, {"SUPERNET_COORDINATOR_QUEUE_WAIT_S": "7"}).limits()
    assert (limits.queue, limits.queue_wait_s, limits.resume_grace_s) == (5, 7.0, 1.5)


def test_settings_may_stand_in_a_file_and_whoever_asks_for_the_database_finds_it_there(tmp_path: Path) -> None:
    (tmp_path / "coordinator.toml").write_text('db = "other.db"\nlog_json = true\n')
    config = build({"db": None, "config": tmp_path / "coordinator.toml"}, {})
    assert (config.db, config.log_json) == ("other.db", True)
