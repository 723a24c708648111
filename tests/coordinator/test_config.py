from pathlib import Path

import pytest

from coordinator.config import Config, ConfigError, build, read_catalog


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


def test_settings_reach_dispatch() -> None:
    limits = build({"queue": 5, "resume_grace_s": 1.5}, {"SUPERNET_COORDINATOR_QUEUE_WAIT_S": "7"}).limits()
    assert (limits.queue, limits.queue_wait_s, limits.resume_grace_s) == (5, 7.0, 1.5)


def test_the_catalogue_comes_with_the_package_unless_one_is_given(tmp_path: Path) -> None:
    assert read_catalog(None).models
    with pytest.raises(ConfigError, match="--models"):
        read_catalog(tmp_path / "none.yaml")
