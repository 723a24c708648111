"""The README's four commands, run as they stand there, by somebody who has nothing yet."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools.free_port import free_port

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
PATIENCE_S = 300  # a bound on waiting, not an assertion about speed


def blocks() -> list[str]:
    """The shell blocks of the section, with what differs from a newcomer's machine put in: the port and the folder."""
    section = (ROOT / "README.md").read_text().split("## Try it in four commands")[1].split("\n## ")[0]
    port = str(free_port())
    found: list[str] = re.findall(r"^```bash\n(.*?)^```", section, re.M | re.S)
    return [block.replace("8080", port).replace(".venv/bin/", f"{Path(sys.executable).parent}/") for block in found]


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl")
def test_the_four_commands_of_the_readme_give_an_answer_and_nothing_else(tmp_path: Path) -> None:
    coordinator, client = blocks()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SUPERNET_", "XDG_"))}
    env = clean | {"HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    log = tmp_path / "coordinator.log"
    with log.open("wb") as out:
        first = ["bash", "-euo", "pipefail", "-c", coordinator]
        serving = subprocess.Popen(first, cwd=tmp_path, env=env, stdout=out, stderr=out, start_new_session=True)
    try:
        until = time.monotonic() + PATIENCE_S
        while "listening on" not in log.read_text():
            assert serving.poll() is None and time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        second = ["bash", "-euo", "pipefail", "-c", f"trap 'kill $(jobs -p)' EXIT\n{client}"]
        done = subprocess.run(second, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=PATIENCE_S)
    finally:
        os.killpg(serving.pid, signal.SIGKILL)
        serving.wait(PATIENCE_S)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line]
    assert lines[-1] == "data: [DONE]"
    assert all(line.startswith(("data: {", "data: [DONE]", ":")) for line in lines)  # no error of a try before
    assert '"error"' not in done.stdout
