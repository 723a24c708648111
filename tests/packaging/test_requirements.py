"""What the project asks for, extra by extra, and the versions that get installed (pyproject.toml, constraints.txt)."""

import re
import sys
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.test_architecture import SIDES, imports, sources

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
PINS = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
PYTHONS = ("3.11", "3.12", "3.13")  # those of .github/workflows/ci.yml
TOOLS = {"pip", "setuptools", "uv", "wheel", "supernet"}  # what an environment is made with, and we


def requirements(lines: Iterable[str]) -> dict[str, Requirement]:
    found = map(Requirement, lines)
    return {canonicalize_name(one.name): one for one in found if one.name != "supernet"}


def pins(python: str) -> dict[str, str]:
    """Package -> its version on Linux with this Python."""
    environment = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    wanted = [pin for pin in map(Requirement, PINS) if not pin.marker or pin.marker.evaluate(environment)]
    assert len({pin.name for pin in wanted}) == len(wanted), "a package has two versions"
    return {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in wanted}


ALL = requirements([*PROJECT["dependencies"], *(line for lines in EXTRAS.values() for line in lines)])


def test_a_pin_is_a_name_and_a_version_and_says_nothing_of_where_it_came_from() -> None:
    for line in PINS:
        assert re.fullmatch(r"[a-z0-9.-]+==[^\s;@]+( ; [^@/]+)?", line), line


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("name", ALL)
def test_each_requirement_has_a_pin_in_its_range(name: str, python: str) -> None:
    assert ALL[name].specifier.contains(pins(python)[name], prereleases=True), "run scripts/pins"


def test_what_is_tested_here_is_what_is_pinned() -> None:
    pinned = pins(f"{sys.version_info.major}.{sys.version_info.minor}")
    installed = {canonicalize_name(one.metadata["Name"]): one.version for one in metadata.distributions()}
    for name in installed.keys() - TOOLS:
        here = installed[name].partition("+")[0]  # torch's build for the CPU says so behind its version
        assert here == pinned.get(name), f"{name}: run scripts/pins"


def brought(lines: Iterable[str]) -> set[str]:
    """The packages that these requirements install, and what those require themselves (fastapi: starlette)."""
    wanted = requirements(lines)
    asked = [(line, one.extras | {""}) for one in wanted.values() for line in metadata.requires(one.name) or []]
    theirs = [line for line, extras in asked if _applies(Requirement(line), extras)]
    return set(wanted) | set(requirements(theirs))


def _applies(one: Requirement, extras: Iterable[str]) -> bool:
    return one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in extras)


@pytest.mark.parametrize("program", ["worker", "coordinator"])
def test_the_extra_of_a_program_brings_what_its_folders_import(program: str) -> None:
    """`otel` is for both, and imported where it is found; `media` is for workers that were asked for media, `cluster`
    for coordinators that have peers."""
    also = [*EXTRAS["otel"], *EXTRAS["media" if program == "worker" else "cluster"]]
    there = brought([*PROJECT["dependencies"], *EXTRAS[program], *also])
    owners = metadata.packages_distributions()
    for path in sources():
        if path.split("/")[0] in ("supernet", "wire", "program", program):
            for top in {name.split(".")[0] for name in imports(path)} - set(sys.stdlib_module_names) - set(SIDES):
                assert {canonicalize_name(name) for name in owners[top]} & there, f"{path} imports {top}"


def test_a_worker_without_media_needs_no_torch() -> None:
    assert not {"torch", "diffusers", "transformers", "av"} & brought([*PROJECT["dependencies"], *EXTRAS["worker"]])


def test_a_coordinator_alone_needs_no_bus() -> None:
    assert not {"nats-py", "nkeys"} & brought([*PROJECT["dependencies"], *EXTRAS["coordinator"]])


def test_a_coordinator_needs_nothing_that_has_to_be_compiled_for_a_model() -> None:
    assert not {"llama-cpp-python", "llguidance", "numpy"} & brought([*PROJECT["dependencies"], *EXTRAS["coordinator"]])
