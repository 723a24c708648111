"""Whatever comes on the SDKs' socket: the answer is typed, what it may cost is bounded, and nothing dies."""

import asyncio
import contextlib
import json
import socket as sockets
from base64 import b64encode
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from coordinator.api import sogni_connection
from coordinator.sogni.frames import MAX_FRAME_BYTES
from tests.coordinator.api.artist import HELLO, artist, frame
from tests.coordinator.conftest import CATALOG, Coordinator, Start, chat_of, until
from tests.coordinator.pictures import PNG
from wire import messages as wire
from wire.chat import Content, Usage

GARBAGE: list[str | bytes] = [
    "not json",
    "null",
    "{}",
    b"\x00\xff",
    '{"type":"llmJobRequest"}',
    '{"type":"llmJobRequest","data":"***"}',
    '{"type":"llmJobRequest","data":{"jobID":"J"}}',
    frame("llmJobRequest", None),
    frame("llmJobRequest", []),
    frame("llmJobRequest", {"jobID": 7, "messages": HELLO}),
    frame("jobError", {"jobID": {"$gt": ""}}),
    frame("gossip", {}),
    "[" * 5000,
    "\u0000",
]


async def alive(coordinator: Coordinator, client: Any, job: str) -> None:
    async with coordinator.worker() as worker:
        await worker.join("alive")
        await client.ask(job)
        await worker.serve("alive")
        assert (await client.hear("jobTokens"))["content"] == "alive"


async def test_what_is_no_frame_is_answered_and_the_socket_stays(coordinator: Coordinator) -> None:
    async with artist(coordinator) as client:
        for garbage in GARBAGE:
            await client.socket.send(garbage)
            told = await client.hear("protocolError")
            assert told["error"] == "invalid_request"
            assert told["error_message"]
        await alive(coordinator, client, "JOB-1")


async def test_sixteen_frames_that_are_none_close_the_socket(coordinator: Coordinator) -> None:
    async with artist(coordinator) as client:
        for _ in range(16):
            await client.socket.send("{")
        heard, code = await client.closing()
    assert (sum(told["frame"] == "protocolError" for told in heard), code) == (16, 1008)


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": "hi"},
        {"messages": [{"role": "user", "content": {"a": 1}}]},
        {"model": ["tiny"]},
        {"model": "../../etc/passwd"},
        {"max_tokens": -5},
        {"temperature": "hot"},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"$ref": "#"}}}] * 129},
        {"tool_choice": {"type": "function", "function": {"name": "no such"}}},
        {"stop": ["a"] * 9},
        {"tokenType": "gold"},
        {"think": "no"},
        {"type": "image"},
        {"type": {"a": 1}},
    ],
)
async def test_a_request_that_is_none_is_an_error_of_that_job(coordinator: Coordinator, fields: dict[str, Any]) -> None:
    async with coordinator.worker() as worker, artist(coordinator) as client:
        await worker.join()
        await client.ask("JOB-1", **fields)
        told = await client.hear("llmJobError")
        assert (told["jobID"], bool(told["error_message"])) == ("JOB-1", True)
        assert told["error"] in ("invalid_request", "model_unavailable")
        await client.ask("JOB-2")
        await worker.serve("alive")
        assert (await client.hear("jobTokens"))["content"] == "alive"


async def test_a_frame_beyond_the_largest_is_not_read(coordinator: Coordinator) -> None:
    async with artist(coordinator) as client:
        await client.hear("authenticated")
        with pytest.raises(ConnectionClosed):
            await client.socket.send("x" * (MAX_FRAME_BYTES + 1))
            await client.closing()
            await client.socket.send("x")
        assert client.socket.close_code == 1009


async def test_a_request_of_megabytes_is_read(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, artist(coordinator) as client:
        await worker.join()
        await client.ask("JOB-1", appSource="x" * 3_000_000)
        await worker.serve("read")
        assert (await client.hear("jobTokens"))["content"] == "read"


async def test_an_id_is_answered_once(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, artist(coordinator) as client:
        await worker.join()
        await client.ask("JOB-1")
        start = await worker.accept()
        await client.ask("JOB-1")
        assert "runs already" in (await client.hear("protocolError"))["error_message"]
        await worker.done(start, await worker.tell(start, "once"))
        assert (await client.hear("jobTokens"))["content"] == "once"
        await client.hear("llmJobResult")
        await client.ask("JOB-1")
        told = await client.hear("llmJobError")
        assert (told["error_code"], told["param"]) == ("invalid_request", "jobID")
        assert coordinator.running.services.hub.dispatch.counters.submitted == 1


async def test_a_thousand_jobs_at_once_are_bounded_and_each_hears_of_itself(coordinator: Coordinator) -> None:
    most = sogni_connection.MOST_JOBS
    async with coordinator.worker() as worker, artist(coordinator) as client:
        await worker.join(slots=4)
        codes: dict[str, str] = {}

        async def listen() -> None:
            while len(codes) < 1000 - most:
                told = await client.hear("llmJobError")
                assert told["jobID"] not in codes
                codes[told["jobID"]] = told["error_code"]

        listening = asyncio.create_task(listen())
        for n in range(1000):
            await client.ask(f"JOB-{n}")
        await listening
        assert set(codes.values()) <= {"rate_limit_exceeded", "queue_full"}
        assert len(coordinator.running.services.billing.running) <= most


async def test_the_limits_of_the_key_hold_for_the_socket_too(start_coordinator: Start) -> None:
    async with start_coordinator(rpm=3) as coordinator, artist(coordinator) as client:
        codes = []
        for n in range(4):
            await client.ask(f"JOB-{n}", model="nothing")
            codes.append((await client.hear("llmJobError"))["error_code"])
    assert codes == ["model_not_found"] * 3 + ["rate_limit_exceeded"]


async def test_a_socket_that_reads_nothing_is_given_up_and_its_job_with_it(
    start_coordinator: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sogni_connection, "SEND_S", 0.3)
    endless = CATALOG.replace("max_output: 512", "max_output: 60000").replace("context: 4096", "context: 65536")
    async with start_coordinator(catalog=endless) as coordinator, coordinator.worker() as worker:
        await worker.join(context=65536)
        raw = await _shaken(coordinator)
        asked = {"jobID": "JOB-1", "type": "llm", "model": "tiny", "messages": HELLO, "stream": True}
        raw.sendall(_masked(frame("llmJobRequest", asked).encode()))
        start = await worker.accept()
        cancel = asyncio.create_task(worker.hear(wire.Cancel))
        seq = 0
        while not cancel.done() and seq < 50_000:
            item = wire.Delta(job=start.job, attempt=1, seq=seq, tokens=(1,) * 16, parts=(Content(text="x" * 256),))
            await worker.say(wire.Deltas(items=(item,)))
            seq += 1
            await asyncio.sleep(0.001)
        await cancel
        gone = wire.Cancelled(job=start.job, attempt=1, seq=seq, usage=Usage(prompt=5, completion=16 * seq))
        await worker.say(gone)
        billing = coordinator.running.services.billing
        await until(lambda: not billing.running)
        raw.close()


async def _shaken(coordinator: Coordinator) -> sockets.socket:
    """A socket behind the handshake of an SDK, which nobody reads."""
    host, port = coordinator.url.removeprefix("http://").split(":")
    raw = sockets.socket()
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    raw.connect((host, int(port)))
    head = ["GET /?appId=mute HTTP/1.1", f"Host: {host}:{port}", "Upgrade: websocket", "Connection: Upgrade"]
    head += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"]
    raw.sendall("\r\n".join([*head, f"api-key: {coordinator.key}", "", ""]).encode())
    assert (await asyncio.to_thread(raw.recv, 1024)).startswith(b"HTTP/1.1 101")
    return raw


def _masked(payload: bytes) -> bytes:
    """A text frame of a client, with a mask of zeros."""
    assert 126 <= len(payload) < 2**16
    return b"\x81\xfe" + len(payload).to_bytes(2, "big") + b"\0\0\0\0" + payload


async def test_half_a_login_is_no_login(coordinator: Coordinator) -> None:
    """A handshake that stops in the middle holds nobody up, and frames behind one without a key are not read."""
    host, port = coordinator.url.removeprefix("http://").split(":")
    raw = sockets.create_connection((host, int(port)))
    raw.sendall(b"GET /?appId=half HTTP/1.1\r\nUpgrade: websocket\r\n")
    async with artist(coordinator, key="") as stranger:
        with contextlib.suppress(ConnectionClosed):
            await stranger.say("llmJobRequest", {"jobID": "JOB-1", "messages": HELLO})
        assert await stranger.closing() == ([], 4021)
    async with artist(coordinator) as client:
        await alive(coordinator, client, "JOB-1")
    raw.close()


async def test_a_balance_is_told_when_it_has_changed(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, artist(coordinator) as client:
        await worker.join()
        before = await client.hear("balanceUpdate")
        await client.ask("JOB-1")
        await worker.serve("hello")
        after = await client.hear("balanceUpdate")
        nano = 5 * 300 + 5 * 900
        assert float(before["spark"]["net"]) - float(after["spark"]["net"]) == pytest.approx(nano / 5_000_000)
        assert float(after["spark"]["debit"]) == 0


async def test_models_are_told_when_they_come_and_go_unless_a_client_does_not_want_it(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sogni_connection, "TELL_S", 0.05)
    quiet = json.dumps({"swarmLLMModels": False})
    async with artist(coordinator) as client, artist(coordinator, "quiet", socketEventSubscriptions=quiet) as other:
        assert set(await client.hear("swarmLLMModels")) == {"frame"}
        async with coordinator.worker() as worker:
            await worker.join()
            assert "tiny" in await client.hear("swarmLLMModels")
        assert set(await client.hear("swarmLLMModels")) == {"frame"}
        await other.say("setSocketEventSubscriptions", {"subscribe": ["swarmLLMModels"]})
        heard = await other.hear("swarmLLMModels", "socketEventSubscriptionsUpdated")
        assert heard["frame"] == "socketEventSubscriptionsUpdated"
        assert heard["socketEventSubscriptions"] == {"swarmLLMModels": True}
        await other.hear("swarmLLMModels")


async def test_there_is_one_network_and_no_project(coordinator: Coordinator) -> None:
    async with artist(coordinator) as client:
        await client.say("changeNetwork", "relaxed")
        assert (await client.hear("changeNetwork"))["network"] == "fast"
        await client.say("jobRequest", {"jobID": "P-1", "model": {"id": "flux"}, "preview": "x" * 100_000})
        told = await client.hear("jobError")
        assert (told["jobID"], told["error"], told["isFromWorker"]) == ("P-1", "not_offered", False)
        assert "/v1/images/generations" in told["error_message"]


async def test_frames_of_no_use_without_end_close_the_socket(coordinator: Coordinator) -> None:
    cancel = frame("jobError", {"jobID": "NOBODYS", "error": "artistCanceled", "more": "x" * 12_000})
    async with artist(coordinator) as client:
        ended = asyncio.create_task(client.closing())
        with contextlib.suppress(ConnectionClosed):
            for _ in range(1000):
                await client.socket.send(cancel)
        heard, code = await ended
    assert code == 1008
    assert all(told["didCancel"] is False for told in heard if told["frame"] == "artistCancelConfirmation")


async def test_pictures_come_over_the_socket_too(start_coordinator: Start) -> None:
    eyes = "files: [{name: tiny.gguf}], projector: {name: e.gguf}"
    catalog = CATALOG.replace("files: [{name: tiny.gguf}]", eyes)
    picture = f"data:image/png;base64,{b64encode(PNG).decode()}"
    shown = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": picture}}]}
    async with start_coordinator(catalog=catalog) as coordinator, coordinator.worker() as worker:
        await worker.join(features=("vision",))
        async with artist(coordinator) as client:
            await client.ask("JOB-1", messages=[shown])
            start = await worker.serve("seen")
            assert len(chat_of(start).messages[0].images) == 1
            assert (await client.hear("jobTokens"))["content"] == "seen"
