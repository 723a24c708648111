"""What docs/security.md says of who sees what: the frames of a worker, the log, the disk."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.coordinator.conftest import Coordinator, FakeWorker, Start
from wire import messages as wire
from wire.errors import ErrorCode

PROMPT, ANSWER, FAULT = "xylophone-of-the-prompt", "zeppelin-of-the-answer", "quagga-of-the-fault"
ABOUT: dict[str, Any] = {
    "user": "label-of-the-user",
    "metadata": {"label-of-a-name": "label-of-a-value"},
}
HEADERS = {
    "x-session-id": "label-of-the-session",
    "idempotency-key": "label-of-the-repetition",
    "user-agent": "label-of-the-program",
    "x-forwarded-for": "203.0.113.77",
    "openai-organization": "label-of-the-firm",
}


class Tapped:
    """A worker's socket that keeps each frame as it came."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self.heard: list[str] = []

    async def send(self, frame: str | bytes) -> None:
        await self._socket.send(frame)

    async def recv(self) -> str:
        self.heard.append(str(await self._socket.recv()))
        return self.heard[-1]


@asynccontextmanager
async def tapped(coordinator: Coordinator) -> AsyncIterator[tuple[FakeWorker, Tapped]]:
    async with coordinator.worker() as worker:
        tap = Tapped(worker.socket)
        worker.socket = tap  # type: ignore[assignment]
        await worker.join()
        yield worker, tap


def on_disk(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def ask(stream: bool = False, **more: Any) -> dict[str, Any]:
    return {"model": "tiny", "messages": [{"role": "user", "content": PROMPT}], "stream": stream, **more}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
async def test_nothing_of_who_asks_reaches_a_worker(coordinator: Coordinator, path: str) -> None:
    body = ask(**ABOUT) if "chat" in path else {"model": "tiny", "input": PROMPT, **ABOUT}
    async with tapped(coordinator) as (worker, tap), coordinator.http() as http:
        asking = asyncio.create_task(http.post(path, json=body, headers=HEADERS))
        await worker.serve(ANSWER)
        assert (await asking).status_code == 200
    frames = "\n".join(tap.heard)
    assert PROMPT in frames
    assert "label-of" not in frames and "203.0.113.77" not in frames and "127.0.0.1" not in frames
    assert coordinator.key not in frames and "acc_" not in frames, "key and account, which are the worker's own here"


async def test_a_client_is_told_a_hash_of_its_worker_and_nothing_else(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join("label-of-the-worker")
        asking = asyncio.create_task(http.post("/v1/chat/completions", json=ask()))
        await worker.serve(ANSWER)
        answer = await asking
        models = await http.get("/v1/models")
    assert re.fullmatch(r"[0-9a-f]{12}", answer.headers["x-supernet-worker"])
    for told in (answer.text, str(answer.headers), models.text):
        assert "label-of" not in told and "acc_" not in told and "127.0.0.1" not in told


async def test_no_prompt_answer_or_key_is_stored_or_logged(
    start_coordinator: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where something fails: a worker, a request, a client that leaves."""
    caplog.set_level(logging.DEBUG, "supernet")
    caplog.set_level(logging.DEBUG, "coordinator")
    async with start_coordinator() as coordinator:
        key = coordinator.key
        async with tapped(coordinator) as (worker, _), coordinator.http() as http:
            for stream in (False, True):
                asking = asyncio.create_task(
                    http.post(
                        "/v1/chat/completions",
                        json=ask(stream),
                        headers=HEADERS | {"idempotency-key": f"label-of-{stream}"},
                    )
                )
                await worker.serve(ANSWER)
                assert ANSWER[0] in (await asking).text
            failing = asyncio.create_task(http.post("/v1/chat/completions", json=ask()))
            start = await worker.accept()
            seq = await worker.tell(start, ANSWER)
            failed = wire.Failed(
                job=start.job, attempt=1, seq=seq, code=ErrorCode.ENGINE_ERROR, message=FAULT, retryable=True
            )
            await worker.say(failed, '{"type": "deltas", "items": "' + ANSWER + '"}')
            await worker.hear(wire.Error)
            failing.cancel()
            await asyncio.gather(failing, return_exceptions=True)
            for bad in (ask(nonsense=PROMPT), ask(temperature=PROMPT), {"model": PROMPT}, PROMPT):
                assert (await http.post("/v1/chat/completions", json=bad)).status_code in (400, 404)
            assert (await http.get("/v1/models", headers={"authorization": f"Bearer {key}x"})).status_code == 401
    written = on_disk(tmp_path)
    logged = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert len(written) > 10_000 and "worker" in logged
    for secret in (PROMPT, ANSWER, key, "label-of"):
        assert secret.encode() not in written, secret
        assert secret not in logged, secret
    assert "moved" in logged, "what happened is told"
