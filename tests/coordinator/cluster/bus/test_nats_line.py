"""How a replica signs in at NATS, what it says of a server that does not take it, and that it never gives up."""

import asyncio
import logging
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import nkeys
import pytest
from nats.aio.client import Client

from coordinator.cluster.bus.nats_bus import NatsBus
from coordinator.cluster.bus.nats_line import NatsSettings, read_login
from coordinator.cluster.bus.port import Bus
from program.settings import ConfigError
from tests.coordinator.cluster.bus.bus_ends import Servers, ends
from tests.coordinator.conftest import until

A, B = "aaaaaaaa", "bbbbbbbb"
SEED = nkeys.encode_seed(bytes(range(32)), nkeys.PREFIX_BYTE_USER).decode()


def public(seed: str) -> str:
    return str(nkeys.from_seed(bytearray(seed.encode())).public_key.decode())


@asynccontextmanager
async def dialling(bus: Bus) -> AsyncIterator[None]:
    task = asyncio.create_task(bus.run(None))  # type: ignore[arg-type]
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_replica_signs_in_with_its_nkey_and_is_refused_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "user.nk"
    file.write_text(SEED + "\n")
    servers = Servers(tmp_path, more=f"authorization: {{users: [{{nkey: {public(SEED)}}}]}}\n")
    mine = replace(servers.settings(), login=read_login(file))
    try:
        async with ends((A, NatsBus(mine, A)), (B, NatsBus(mine, B))):
            pass
        refused = NatsBus(servers.settings(), A)
        with caplog.at_level(logging.WARNING, "supernet.bus"):
            async with dialling(refused):
                await until(lambda: "Authorization Violation" in caplog.text)
            assert not refused.up
    finally:
        servers.close()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SUA",
        "SU" + "1" * 56,
        "-----BEGIN NATS USER JWT-----\neyJ\n------END NATS USER JWT------\n",
        "é",
    ],
)
def test_a_file_that_is_no_login_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "creds"
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match="neither the seed of an nkey"):
        read_login(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere: No such file"):
        read_login(tmp_path / "nowhere")


def test_the_credentials_of_nsc_are_read(tmp_path: Path) -> None:
    file = tmp_path / "creds"
    file.write_text(
        "-----BEGIN NATS USER JWT-----\neyJ0\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{SEED}\n------END USER NKEY SEED------\n"
    )
    login = read_login(file)
    assert list(login) == ["user_credentials"] and SEED in str(login["user_credentials"].data)


async def test_a_server_with_tls_is_used_and_one_with_anothers_certificate_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    request += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    await asyncio.to_thread(subprocess.run, request, check=True, capture_output=True, timeout=60)
    servers = Servers(tmp_path, more=f'tls: {{cert_file: "{certificate}", key_file: "{key}"}}\n')
    try:
        with caplog.at_level(logging.WARNING, "supernet.bus"):
            async with dialling(NatsBus(servers.settings("tls"), A)):
                await until(lambda: "CERTIFICATE_VERIFY_FAILED" in caplog.text)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        async with ends((A, NatsBus(servers.settings("tls"), A)), (B, NatsBus(servers.settings("nats"), B))):
            pass  # who does not ask for it has it too where the server does
    finally:
        servers.close()


async def test_a_server_without_tls_is_not_used_where_tls_is_asked_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    servers = Servers(tmp_path)
    bus = NatsBus(servers.settings("tls"), A)
    try:
        with caplog.at_level(logging.WARNING, "supernet.bus"):
            async with dialling(bus):
                await until(lambda: "does not speak TLS" in caplog.text)
            assert not bus.up
    finally:
        servers.close()


async def test_what_speaks_another_protocol_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        async def chatter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"x" * 200_000)
            writer.close()

        server = await asyncio.start_server(chatter, sock=listener)
        bus = NatsBus(NatsSettings((f"nats://127.0.0.1:{listener.getsockname()[1]}",), "test"), A)
        with caplog.at_level(logging.WARNING, "supernet.bus"):
            async with dialling(bus):
                await until(lambda: "no connection to" in caplog.text)
                await asyncio.sleep(0.3)
        server.close()
    assert caplog.text.count("no connection to") == 2  # once for each of the two lines, however often they dial


async def test_a_server_that_is_too_small_is_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    servers = Servers(tmp_path, more="max_payload: 1MB\n")
    bus = servers.bus(A)
    try:
        with caplog.at_level(logging.WARNING, "supernet.bus"):
            async with dialling(bus):
                await until(lambda: bus.up)
                bus.publish(B, bytes(2**21))
                await until(lambda: bus.counts.too_large == 1)
        assert "max_payload: 8MB" in caplog.text
    finally:
        servers.close()


@pytest.mark.parametrize("method", ["connect", "flush", "publish"])
async def test_it_ends_when_it_is_told_to_though_the_client_does_not_heed_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """In some of its waits it keeps a cancellation to itself: the program would never have ended."""
    waits = asyncio.Event()
    whole = getattr(Client, method)

    async def deaf(self: Client, *arguments: Any, **options: Any) -> None:
        await whole(self, *arguments, **options)
        waits.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)

    servers = Servers(tmp_path)
    bus = servers.bus(A)
    monkeypatch.setattr(Client, method, deaf)
    running = asyncio.create_task(bus.run(None))  # type: ignore[arg-type]
    try:
        bus.publish(B, b"hello")
        await asyncio.wait_for(waits.wait(), 10)
        running.cancel()
        done, _ = await asyncio.wait({running}, timeout=20)
        assert running in done
    finally:
        monkeypatch.undo()
        servers.close()
