"""What a child has arranged before it does anything else."""

import json
import subprocess
import sys

import psutil
import pytest

from worker.subprocesses.environment import ROOT

CODE = """
import json, os, resource, signal, sys
from pathlib import Path
from worker.subprocesses.child import enter, leave
pipe = enter()
print("printed")
os.system("echo shell")
said = {
    "line": pipe.read(100).decode(),
    "too_long": pipe.read(10),
    "stdin": sys.stdin.read(),
    "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
    "ignored": [signal.getsignal(s) is signal.SIG_IGN for s in (signal.SIGINT, signal.SIGTERM)],
    "oom": Path("/proc/self/oom_score_adj").read_text().strip() if sys.platform == "linux" else "500",
}
pipe.write(json.dumps(said).encode() + b"\\n")
leave(7)
"""


@pytest.fixture(scope="module")
def child() -> subprocess.CompletedProcess[bytes]:
    lines = b"first\n" + b"x" * 50 + b"\n"
    return subprocess.run([sys.executable, "-c", CODE], input=lines, capture_output=True, cwd=ROOT, check=False)


def test_only_the_pipe_writes_to_stdout(child: subprocess.CompletedProcess[bytes]) -> None:
    assert child.stdout.count(b"\n") == 1 and json.loads(child.stdout)
    assert b"shell\n" in child.stderr and b"printed\n" in child.stderr


def test_it_reads_lines_and_takes_one_that_is_too_long_for_the_end(child: subprocess.CompletedProcess[bytes]) -> None:
    said = json.loads(child.stdout)
    assert said["line"] == "first\n" and said["too_long"] is None and said["stdin"] == ""


def test_signals_to_the_group_dumps_and_the_memory_killer_are_settled(
    child: subprocess.CompletedProcess[bytes],
) -> None:
    said = json.loads(child.stdout)
    assert said["ignored"] == [True, True] and said["core"] == 0 and said["oom"] == "500"


def test_leaving_gives_the_status(child: subprocess.CompletedProcess[bytes]) -> None:
    assert child.returncode == 7


@pytest.mark.parametrize(
    ("serve", "status", "said"),
    [
        ("pass", 0, b""),
        ("raise BrokenPipeError", 0, b""),
        ("raise ValueError('odd')", 1, b"ValueError: odd"),
    ],
)
def test_a_child_that_is_one_call_ends_with_it(serve: str, status: int, said: bytes) -> None:
    code = f"from worker.subprocesses.child import run\ndef serve(pipe):\n    {serve}\nrun(serve)"
    ended = subprocess.run([sys.executable, "-c", code], input=b"", capture_output=True, cwd=ROOT, check=False)
    assert ended.returncode == status
    assert said in ended.stderr and (said != b"" or not ended.stderr)


PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(600)
"""
HANGS = """
import time
from worker.subprocesses.child import die_with_parent
die_with_parent()
print(flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a feature of the kernel's")
def test_a_child_that_hangs_ends_with_whoever_started_it() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, HANGS], stdout=subprocess.PIPE, cwd=ROOT) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    child.wait(60)
