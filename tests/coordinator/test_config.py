import re
from pathlib import Path
from typing import Any

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


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("nats://a", ("nats://a:4222",)),
        ("a:1,b", ("nats://a:1", "nats://b:4222")),
        ("tls://a,b:2", ("tls://a:4222", "tls://b:2")),
        ("nats://u:p@a, nats://u:p@b:9", ("nats://u:p@a:4222", "nats://u:p@b:9")),
        ("nats://[::1]:7", ("nats://[::1]:7",)),
    ],
)
def test_a_cluster_is_a_list_of_nats_servers(text: str, servers: tuple[str, ...]) -> None:
    assert build({}, {"SUPERNET_COORDINATOR_CLUSTER": text}).cluster == servers
    assert Config().cluster == ()


@pytest.mark.parametrize("text", ["http://a", "nats://a,,b", "nats://", "nats://a:port", "nats://a/path", "a:99999"])
def test_what_is_no_nats_server_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="NATS servers"):
        build({}, {"SUPERNET_COORDINATOR_CLUSTER": text})


def test_a_role_is_one_of_three_and_a_name_is_to_be_read() -> None:
    assert build({}, {"SUPERNET_COORDINATOR_ROLE": "edge"}).role == "edge"
    assert build({}, {"SUPERNET_COORDINATOR_REPLICA_NAME": " east 1 "}).replica_name == "east 1"
    for name, value in (("ROLE", "leader"), ("REPLICA_NAME", "\x1b[2J"), ("REPLICA_NAME", " ")):
        with pytest.raises(ConfigError, match=name.partition("_")[0]):
            build({}, {f"SUPERNET_COORDINATOR_{name}": value})


def shared(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "pepper").write_text("00")
    return {
        "cluster": ("nats://a:4222",),
        "db": "postgresql://u@h/n",
        "pepper": tmp_path / "pepper",
        "artefacts": "s3://bucket/x",
        "public_url": "https://api.example",
    }


def test_a_replica_that_has_everything_in_common_with_the_others_may_start(tmp_path: Path) -> None:
    Config(**shared(tmp_path)).check_cluster()
    Config().check_cluster()


@pytest.mark.parametrize(
    ("own", "to_set"),
    [
        ({"db": "supernet.db"}, "--db postgresql://"),
        ({"pepper": None}, "--pepper"),
        ({"pepper": Path("nowhere")}, "--pepper"),
        ({"artefacts": None}, "--artefacts"),
        ({"artefacts": Path("media")}, "--artefacts"),
        ({"public_url": None}, "--public-url"),
    ],
)
def test_what_only_one_machine_has_is_refused_with_what_to_set(
    tmp_path: Path, own: dict[str, Any], to_set: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(to_set)):
        Config(**shared(tmp_path) | own).check_cluster()


def test_half_a_coordinator_is_nothing_alone() -> None:
    with pytest.raises(ConfigError, match="give --cluster too"):
        Config(role="cell").check_cluster()
