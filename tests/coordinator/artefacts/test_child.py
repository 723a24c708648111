"""The process that meets strangers' files, by itself."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from coordinator.artefacts import child
from coordinator.prompt_count.environment import ROOT
from tests.coordinator.artefacts.files import WORDS, of_every_type, png


def asked(tmp_path: Path, media_type: str, data: bytes, code: str | None = None) -> tuple[dict[str, Any] | None, bytes]:
    """The child's answer, None if it died, and what it wrote. `code`: what runs first in it."""
    file, into = tmp_path / "file", tmp_path / "into"
    file.write_bytes(data)
    line = json.dumps({"file": str(file), "media_type": media_type, "into": str(into)})
    command = ["-m", "coordinator.artefacts.child"] if code is None else ["-c", code]
    done = subprocess.run([sys.executable, *command], input=line.encode(), cwd=ROOT, capture_output=True, timeout=60)
    return json.loads(done.stdout) if done.returncode == 0 else None, into.read_bytes() if into.exists() else b""


def test_every_type_is_read_with_every_bound_on(tmp_path: Path) -> None:
    for media_type, data in of_every_type().items():
        answer, left = asked(tmp_path, media_type, data)
        assert answer is not None and answer["facts"]["media_type"] == media_type, answer
        assert left and WORDS.encode() not in left


def test_what_is_damaged_is_told_in_words(tmp_path: Path) -> None:
    answer, left = asked(tmp_path, "image/png", png()[:-20])
    assert answer == {"wrong": "is cut off: its end is missing"}
    assert left == b""


TAKEN_OVER = """
from coordinator.artefacts import child, pictures
def rewrite(source, media_type, into):
    {does}
pictures.rewrite = rewrite
child.PICTURE_S = 1
child.main()
"""


@pytest.mark.parametrize(
    "does",
    [
        "open('/etc/passwd').read()",
        "import os; os.open(os.devnull, os.O_RDONLY)",
        "import socket; socket.socket()",
        "[bytearray(2**20) for _ in range(4096)]; raise SystemExit",
        "into.seek(2**29); into.write(bytes(9)); into.flush()",
        "\n    while True: pass",
        "import os; os.kill(os.getpid(), 11)",
    ],
)
def test_a_file_that_takes_its_reader_over_gets_no_further(tmp_path: Path, does: str) -> None:
    answer, _ = asked(tmp_path, "image/png", png(), TAKEN_OVER.format(does=does))
    assert answer is None or set(answer) == {"wrong"}


def test_a_core_holds_nothing(tmp_path: Path) -> None:
    does = "import resource; assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0); raise child.Damaged('seen')"
    assert asked(tmp_path, "image/png", png(), TAKEN_OVER.format(does=does))[0] == {"wrong": "seen"}
    assert child.MEMORY_BYTES < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
