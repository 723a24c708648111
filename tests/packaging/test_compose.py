"""compose.yaml and Dockerfile.coordinator read as text: there is no Docker engine where the tests run."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from coordinator import config as coordinator_config
from coordinator.server import CLOSE_S
from tests.packaging.test_dockerfiles import KEYWORDS, parse
from worker.cli import main
from worker.config import Config

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
STEPS = parse((ROOT / "Dockerfile.coordinator").read_text())


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def test_both_services_are_built_from_files_that_are_there() -> None:
    assert set(SERVICES) == {"coordinator", "worker"}
    for service in SERVICES.values():
        assert (ROOT / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_every_setting_is_one_that_the_worker_knows() -> None:
    flags = {action.dest for action in main.parser()._actions}
    named = {name.removeprefix("SUPERNET_").lower() for name in SERVICES["worker"]["environment"]}
    assert named <= flags


def test_a_stop_leaves_time_for_the_answers_that_run() -> None:
    assert seconds(SERVICES["worker"]["stop_grace_period"]) >= Config().drain_s + 15
    assert seconds(SERVICES["coordinator"]["stop_grace_period"]) >= coordinator_config.Config().drain_s + CLOSE_S


def test_what_must_outlive_a_container_is_on_a_volume_that_its_image_has() -> None:
    for service in SERVICES.values():
        image = (ROOT / service["build"]["dockerfile"]).read_text()
        for volume in service["volumes"]:
            name, _, place = volume.partition(":")
            assert name in COMPOSE["volumes"]
            assert f'"{place}"' in next(line for line in image.splitlines() if line.startswith("VOLUME"))


def test_the_coordinator_is_not_open_to_the_world_without_a_proxy() -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["coordinator"]["ports"])


def test_compose_itself_accepts_the_file() -> None:
    program = shutil.which("docker-compose")
    if not program:
        pytest.skip("no docker-compose here (apt install docker-compose)")
    done = subprocess.run([program, "-f", ROOT / "compose.yaml", "config", "-q"], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()


def test_the_image_of_the_coordinator_holds_only_what_docker_knows_and_what_exists() -> None:
    assert {step.keyword for step in STEPS} <= KEYWORDS
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    for step in STEPS:
        if step.keyword == "COPY" and not step.flags:
            for source in step.rest.split()[:-1]:
                assert (ROOT / source).exists() and f"!{source}" in rules, source


def test_the_image_of_the_coordinator_has_what_a_coordinator_needs_in_the_versions_that_were_tested() -> None:
    step = next(step for step in STEPS if "uv pip install" in step.rest)
    assert step.rest.endswith("--constraints constraints.txt '.[coordinator,cluster]'")


def test_its_settings_are_settings_of_the_coordinator() -> None:
    named = {
        word.split("=")[0]: word.split("=")[1]
        for step in STEPS
        if step.keyword == "ENV"
        for word in step.rest.split()
        if word.startswith("SUPERNET_")
    }
    config = coordinator_config.build({}, named)
    assert config.host == "0.0.0.0" and str(config.db).startswith("/data/")
