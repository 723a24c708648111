"""What docs/security.md says of a worker: with a real engine and a real preparer, what it logs and what it opens."""

import asyncio
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worker.daemon.fake_coordinator import Coordinator, config_in, serving

PROMPT, KEY = "xylophone of the prompt", "sk-zeppelin-of-the-key"


def family(pid: int) -> Iterator[int]:
    """A process and all that descend from it."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from family(int(child))


def listening(pids: set[int]) -> set[int]:
    """The TCP ports of this machine at which one of these processes listens."""
    own = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = link.readlink()
            except OSError:  # closed meanwhile
                continue
            own |= set(re.findall(r"socket:\[(\d+)\]", str(target)))
    ports = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/self/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == "0A" and rest[5] in own:
                ports.add(int(local.rpartition(":")[2], 16))
    return ports


def on_disk(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


async def test_a_worker_logs_neither_prompt_nor_answer_nor_key_and_opens_no_port(
    tmp_path: Path, tiny_qwen3: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG, "supernet")
    before = listening({os.getpid()})
    async with Coordinator(ask="j1", words=PROMPT).listening() as coordinator:
        config = config_in(tmp_path, coordinator, model_file=tiny_qwen3, key=KEY)
        async with serving(config):
            ended = await coordinator.until(lambda frame: frame["type"] in ("done", "failed"))
            processes = set(family(os.getpid()))
            ports = await asyncio.to_thread(listening, processes)
    assert ended["type"] == "done" and ended["usage"]["completion"] > 0
    assert len(processes) >= 3, "the daemon, an engine, a preparer"
    assert ports - before == {coordinator.port}, "the coordinator's own, which is in this process"
    said = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records) + "".join(capfd.readouterr())
    answers = [
        part["text"] for frame in coordinator.frames for item in frame.get("items", []) for part in item["parts"]
    ]
    answer = "".join(answers)
    assert "loaded" in said or "slots" in said, "it did log"
    assert PROMPT not in said and KEY not in said and (len(answer) < 8 or answer not in said)
    kept = on_disk(config.state_dir)
    assert PROMPT.encode() not in kept and KEY.encode() not in kept
