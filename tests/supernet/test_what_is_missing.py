"""What to install, said in a line."""

import subprocess
import sys
from pathlib import Path

import pytest

from supernet.commands import EXIT_CONFIG, missing

# A library that cannot be imported, as if it were not there; then the program, as its command starts it.
WITHOUT = """
import sys
sys.modules["{library}"] = None
sys.argv = [{arguments}]
from supernet import commands
sys.exit(commands.{program}())
"""


def started(program: str, library: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    listed = ", ".join(map(repr, (program, *arguments)))
    script = WITHOUT.format(library=library, arguments=listed, program=program)
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("name", "extra"),
    [
        ("authlib.oauth2.auth", "coordinator"),
        ("nats", "coordinator,cluster"),
        ("opentelemetry.sdk", "coordinator,otel"),
    ],
)
def test_the_extra_that_brings_it_is_named(name: str, extra: str) -> None:
    said = missing(ModuleNotFoundError("x", name=name), "coordinator")
    assert said is not None and f"'supernet[{extra}]'" in said and f": {name.partition('.')[0]}." in said


@pytest.mark.parametrize("name", ["coordinator.cli.gone", "wire", None])
def test_a_module_of_ours_is_a_fault_and_no_library(name: str | None) -> None:
    assert missing(ModuleNotFoundError("x", name=name), "coordinator") is None


@pytest.mark.process
@pytest.mark.parametrize(
    ("program", "library", "extra", "arguments"),
    [
        ("coordinator", "authlib", "coordinator", ("serve", "--oidc", "none.yaml")),
        ("coordinator", "uvicorn", "coordinator", ("serve",)),
        ("coordinator", "pydantic", "coordinator", ("serve",)),
        ("coordinator", "obstore", "coordinator", ("serve", "--artefacts", "s3://bucket/x")),
        ("coordinator", "alembic", "coordinator", ("serve",)),
        ("worker", "psutil", "worker", ("--plan",)),
        ("worker", "huggingface_hub", "worker", ("--plan",)),
    ],
)
def test_a_program_without_a_library_ends_with_what_to_install(
    program: str, library: str, extra: str, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    """Not with a traceback."""
    if program == "coordinator":
        arguments = (*arguments, "--db", str(tmp_path / "c.db"))
    done = started(program, library, *arguments)
    assert done.returncode == EXIT_CONFIG and "Traceback" not in done.stderr, done.stderr
    assert f"pip install --upgrade 'supernet[{extra}]'" in done.stderr, done.stderr
