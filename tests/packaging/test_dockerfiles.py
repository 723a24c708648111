"""Dockerfile.cuda read as text: there is no Docker where the tests run, so what can be known without one is checked."""

import json
import re
import shlex
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from worker.cli import main, settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile.cuda").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
KEYWORDS = set(
    "ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL RUN SHELL STOPSIGNAL USER VOLUME WORKDIR".split()
)


@dataclass(frozen=True)
class Step:
    """One instruction; `stage` counts from 0, -1 before the first FROM."""

    stage: int
    keyword: str
    flags: tuple[str, ...]
    rest: str


def parse(text: str) -> list[Step]:
    """The instructions of a Dockerfile without heredocs: comment lines go, continued lines are joined."""
    joined = re.sub(r"\\\n", " ", "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#")))
    steps: list[Step] = []
    stage = -1
    for line in filter(None, map(str.strip, joined.splitlines())):
        keyword, _, rest = line.partition(" ")
        stage += keyword == "FROM"
        flags = re.match(r"(?:--\S+\s+)*", rest.strip())
        assert flags
        steps.append(Step(stage, keyword, tuple(flags.group().split()), rest.strip()[flags.end() :].strip()))
    return steps


STEPS = parse(TEXT)
LAST = max(step.stage for step in STEPS)


def final(keyword: str) -> Step:
    found = [step for step in STEPS if step.stage == LAST and step.keyword == keyword]
    assert found, f"the final stage has no {keyword}"
    return found[-1]


def environment() -> dict[str, str]:
    pairs = (pair.split("=", 1) for step in STEPS if step.keyword == "ENV" for pair in shlex.split(step.rest))
    return {name: value for name, value in pairs}


def test_it_holds_only_instructions_that_docker_knows() -> None:
    assert {step.keyword for step in STEPS} <= KEYWORDS


def test_it_compiles_in_the_devel_image_and_ships_without_the_compiler() -> None:
    images = [step.rest.split()[0] for step in STEPS if step.keyword == "FROM"]
    assert len(images) == 2
    assert re.fullmatch(r"nvidia/cuda:\$\{CUDA\}-devel-ubuntu24\.04", images[0])
    assert re.fullmatch(r"nvidia/cuda:\$\{CUDA\}-(base|runtime)-ubuntu24\.04", images[1])
    assert not any("build-essential" in step.rest for step in STEPS if step.stage == LAST)


def test_llama_cpp_is_built_for_cuda_before_our_own_code_is_copied_in() -> None:
    build = next(index for index, step in enumerate(STEPS) if "CMAKE_ARGS" in step.rest)
    ours = next(index for index, step in enumerate(STEPS) if step.keyword == "COPY" and step.rest.startswith("wire"))
    assert build < ours
    for option in ("-DGGML_CUDA=on", "-DGGML_NATIVE=off", "CMAKE_PROJECT_llama_cpp_INCLUDE=/src/scripts/llama.cmake"):
        assert option in STEPS[build].rest
    chosen = dict(re.findall(r"^set\((\w+) (\w+)\)$", (ROOT / "scripts" / "llama.cmake").read_text(), re.MULTILINE))
    assert chosen["GGML_CUDA_NCCL"] == "OFF"
    assert chosen["MTMD_VIDEO"] == "OFF" and "LLAVA_BUILD" not in chosen  # pictures, and no ffmpeg for what is none
    assert chosen["GGML_CUDA_COMPRESSION_MODE"] != "size"  # it would ask for R550, and issues.OLDEST_DRIVER says R525


def test_a_driver_that_will_do_is_not_turned_away_and_what_it_compiles_is_kept() -> None:
    env = environment()
    assert env["NVIDIA_DISABLE_REQUIRE"] == "true"
    volumes = json.loads(final("VOLUME").rest)
    assert any(env["CUDA_CACHE_PATH"].startswith(f"{volume}/") for volume in volumes)


def test_the_pattern_that_picks_llama_cpp_from_the_project_finds_exactly_our_pin() -> None:
    step = next(step for step in STEPS if "CMAKE_ARGS" in step.rest)
    pattern = re.search(r"grep -o '([^']+)' pyproject\.toml", step.rest)
    assert pattern
    found = subprocess.run(
        ["grep", "-o", pattern[1], "pyproject.toml"], cwd=ROOT, capture_output=True, text=True, timeout=10
    )
    needs = PROJECT["project"]["optional-dependencies"]["worker"]
    assert found.stdout.splitlines() == [name for name in needs if name.startswith("llama")]


def test_every_architecture_from_turing_to_blackwell_is_compiled() -> None:
    argument = next(step.rest for step in STEPS if step.rest.startswith("CUDA_ARCHITECTURES="))
    assert argument.partition("=")[2].split(";") == ["75", "80", "86", "89", "90", "100", "120"]


@pytest.mark.parametrize(
    "step", [step for step in STEPS if step.keyword in ("COPY", "ADD")], ids=lambda step: step.rest
)
def test_every_source_that_is_copied_exists_and_is_let_through(step: Step) -> None:
    assert step.keyword == "COPY", "ADD unpacks and downloads: use COPY"
    sources = step.rest.split()[:-1]
    stages = {step.rest.split()[-1] for step in STEPS if step.keyword == "FROM"}
    if step.flags:
        assert all(flag.removeprefix("--from=") in stages for flag in step.flags)
        return
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    for source in sources:
        assert "://" not in source
        assert (ROOT / source).exists(), f"{source} does not exist"
        assert f"!{source}" in rules, f".dockerignore keeps {source} out"


def test_all_that_the_project_is_built_from_is_copied() -> None:
    copied = {name for step in STEPS if step.keyword == "COPY" and not step.flags for name in step.rest.split()[:-1]}
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {*wheel["only-include"], *wheel["force-include"], "constraints.txt"} <= copied
    assert {"pyproject.toml", PROJECT["project"]["readme"], *PROJECT["project"]["license-files"]} <= copied


@pytest.mark.parametrize("name", ["key.txt", "coordinator.db", ".venv/bin/python", ".git/config", "models/x.gguf"])
def test_nothing_private_reaches_the_builder(name: str) -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    opened = [rule.removeprefix("!") for rule in rules if rule.startswith("!")]
    assert not any(name == rule or name.startswith(f"{rule}/") for rule in opened)


def test_the_last_stage_runs_the_worker_itself_as_a_user_without_rights() -> None:
    command = json.loads(final("ENTRYPOINT").rest)
    assert command[0] in PROJECT["project"]["scripts"]
    user = final("USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user.rest), "a fixed numeric user, so that volumes keep their owner"
    assert STEPS.index(user) < STEPS.index(final("ENTRYPOINT"))
    assert any(f"--uid {user.rest.split(':')[0]} " in step.rest for step in STEPS if step.stage == LAST)


def test_the_health_check_asks_the_worker() -> None:
    check = final("HEALTHCHECK")
    assert {flag.partition("=")[0] for flag in check.flags} == {
        "--interval",
        "--timeout",
        "--start-period",
        "--retries",
    }
    keyword, _, command = check.rest.partition(" ")
    assert keyword == "CMD"
    assert json.loads(command)[0] in PROJECT["project"]["scripts"]
    assert "--health" in json.loads(command)


def test_models_and_state_outlive_the_container_and_belong_to_its_user() -> None:
    volumes = json.loads(final("VOLUME").rest)
    assert {environment()["SUPERNET_MODELS_DIR"], environment()["SUPERNET_STATE_DIR"]} == set(volumes)
    assert any("install -d -o supernet" in step.rest and all(name in step.rest for name in volumes) for step in STEPS)


def test_every_setting_that_it_names_is_one_that_the_worker_knows() -> None:
    named = set(re.findall(r"\bSUPERNET_[A-Z_]+", TEXT))
    assert {"SUPERNET_COORDINATOR", "SUPERNET_KEY_FILE"} <= named
    assert named <= {settings.SOURCES.variable(name) for name in settings.SOURCES.own}
    ours = {name: value for name, value in environment().items() if name.startswith("SUPERNET_")}
    assert "SUPERNET_STATE_DIR" in settings.find(main.parser().parse_args([]), ours).places.values()


def test_no_secret_is_built_in() -> None:
    for step in STEPS:
        if step.keyword in ("ENV", "ARG"):
            assert not re.search(r"(?i)(KEY|TOKEN|SECRET|PASSWORD)\w*=", step.rest)
