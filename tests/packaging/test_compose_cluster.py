"""compose.cluster.yaml read as text, and its parts given to the programs that there are: there is no Docker."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from coordinator import config as coordinator_config
from coordinator.server import CLOSE_S
from tests.packaging.test_compose import seconds
from tools.cluster.nats import PROGRAM

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "compose.cluster.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]
REPLICAS = {name: service for name, service in SERVICES.items() if name.startswith("replica-")}
NODES = {name: service for name, service in SERVICES.items() if name.startswith("nats")}
VARIABLE = re.compile(r"\$\{(\w+)(?::[-?]([^}]*))?\}")


def filled(text: str) -> str:
    """With what stands for a variable that is not set."""
    return VARIABLE.sub(lambda found: found[2] or "x", text)


def settings(service: dict[str, Any]) -> dict[str, str]:
    return {name: filled(text) for name, text in service["environment"].items()}


def test_there_are_three_replicas_and_three_nodes_and_all_that_they_share() -> None:
    assert set(REPLICAS) == {"replica-a", "replica-b", "replica-c"} and len(NODES) == 3
    assert set(SERVICES) - {*REPLICAS, *NODES} == {"balancer", "init", "postgres", "media"}


@pytest.mark.parametrize("name", REPLICAS)
def test_a_replica_may_start_with_its_settings(name: str, tmp_path: Path) -> None:
    given = settings(REPLICAS[name])
    config = coordinator_config.build({}, given)
    (pepper := tmp_path / "pepper").write_text("p")
    replace(config, pepper=pepper).check_cluster()
    assert config.replica_name == name.removeprefix("replica-")
    assert {server.split("//")[1].split(":")[0] for server in config.cluster} == set(NODES)
    assert {line for line in given if line.startswith("SUPERNET_")} <= {
        f"SUPERNET_COORDINATOR_{setting.upper()}" for setting in coordinator_config.SOURCES.settings
    }


def test_the_replicas_differ_in_their_names_alone() -> None:
    alike = [{**settings(one), "SUPERNET_COORDINATOR_REPLICA_NAME": ""} for one in REPLICAS.values()]
    assert all(one == alike[0] for one in alike)
    assert SERVICES["init"]["environment"].items() <= REPLICAS["replica-a"]["environment"].items()


def test_a_stop_leaves_time_for_the_answers_that_run() -> None:
    for service in REPLICAS.values():
        assert seconds(service["stop_grace_period"]) >= coordinator_config.Config().drain_s + CLOSE_S


def test_postgresql_is_ready_when_it_can_be_reached_from_other_containers() -> None:
    """Its image first starts it for itself, without a port, to make the database."""
    asked = SERVICES["postgres"]["healthcheck"]["test"]
    assert "-h" in asked and asked[asked.index("-h") + 1] == "127.0.0.1"


def test_every_volume_and_file_is_there() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", ()):
            name = volume.partition(":")[0]
            assert (ROOT / name).is_file() if name.startswith("./") else name in COMPOSE["volumes"]


def test_whatever_is_open_is_open_to_this_machine_alone() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports and all(port.startswith("127.0.0.1:") for port in ports)


def test_the_balancer_knows_all_replicas() -> None:
    balanced = (ROOT / "docs" / "operations" / "cluster" / "haproxy.cfg").read_text()
    for backend in ("clients", "workers", "anyone"):
        section = balanced.split(f"\nbackend {backend}\n")[1].split("\nbackend")[0]
        assert set(re.findall(r"server \w (replica-\w):8080", section)) == set(REPLICAS)


def test_nats_takes_the_options_of_each_node() -> None:
    for name, service in NODES.items():
        mounted = dict(reversed(volume.split(":")[:2]) for volume in service["volumes"])
        options = [str(ROOT / mounted[option]) if option in mounted else option for option in service["command"]]
        done = subprocess.run([PROGRAM, *options, "-t"], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert options[options.index("-n") + 1] == name
        assert set(re.findall(r"//(\w+):6222", options[-1])) == set(NODES)


def test_compose_itself_accepts_the_file() -> None:
    program = shutil.which("docker-compose")
    if not program:
        pytest.skip("no docker-compose here (apt install docker-compose)")
    secrets = {"POSTGRES_PASSWORD": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    command = [program, "-f", str(ROOT / "compose.cluster.yaml"), "config", "-q"]
    done = subprocess.run(command, capture_output=True, env=secrets, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
