"""Real sockets with and without TLS behind them, asked by both clients: the worker's connection and --check."""

import asyncio
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from wire.messages import Hello
from worker.cli.checks import http_get
from worker.daemon import reach
from worker.daemon.connection import Connection
from worker.daemon.home import Home
from worker.daemon.line_errors import Fatal

PLAIN = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n"
NGINX = PLAIN.replace(b" 3", b" 50").replace(b"no\n", b"The plain HTTP request was sent to HTTPS port ...\n")


@asynccontextmanager
async def answering(answer: bytes, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """host:port of a server that says the same whatever it is asked."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def told(url: str) -> tuple[str, str]:
    """What the worker says of one dial, and what to do."""
    try:
        end = await Connection(Home(url, "sk-x"), lambda message: 0.0).run(
            lambda: Hello(worker="w", instance="i", models=())
        )
    except Fatal as fatal:
        return fatal.why.in_full, ""
    return end.reason.in_full, end.reason.remedy


async def checked(url: str) -> str:
    answer = await asyncio.to_thread(http_get, f"{url}/health", {})
    return f"{answer.text} -> {answer.remedy}"


async def test_tls_against_a_plain_port_is_said_in_words() -> None:
    async with answering(PLAIN) as where:
        problem, remedy = await told(f"wss://{where}")
        assert "speaks no TLS" in problem and "_ssl.c" not in problem
        assert f"ws://{where}" in remedy
        said = await checked(f"https://{where}")
        assert "speaks no TLS" in said and f"ws://{where}" in said and "_ssl.c" not in said


@pytest.mark.parametrize("answer", [b"\x15\x03\x03\x00\x02\x02\x46", NGINX])  # an alert of TLS; nginx's page
async def test_plain_words_against_a_port_for_tls_are_too(answer: bytes) -> None:
    async with answering(answer) as where:
        problem, remedy = await told(f"ws://{where}")
        assert "TLS" in problem and f"wss://{where}" in problem + remedy
        said = await checked(f"http://{where}")
        assert "TLS" in said and f"wss://{where}" in said


@pytest.mark.parametrize("status", [301, 308])
async def test_a_proxy_that_redirects_to_https_says_which_address_to_give(status: int) -> None:
    to = b"HTTP/1.1 %d Moved\r\nLocation: https://127.0.0.1/v1/worker\r\nContent-Length: 0\r\n\r\n" % status
    async with answering(to) as where:
        problem, _ = await told(f"ws://{where}")
        assert "wants TLS" in problem and "--coordinator wss://127.0.0.1." in problem
        assert "--coordinator wss://127.0.0.1." in await checked(f"http://{where}")


async def test_a_portal_that_redirects_elsewhere_is_no_end() -> None:
    to = b"HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\nContent-Length: 0\r\n\r\n"
    async with answering(to) as where:
        problem, remedy = await told(f"ws://{where}")  # not Fatal, which leaves the remedy to the problem's row
        assert "redirects elsewhere; the answer says 'http://login.example/'" in problem and "login" in remedy
        assert "login.example" in await checked(f"http://{where}")


@pytest.mark.parametrize(
    "location", ["http://[no/", "ws://[no/", "ws://127.0.0.1:99999/", "ws://other.example/", "/login", "http:", "\xff"]
)
async def test_wherever_a_redirect_leads_it_is_told_and_dialled_again(location: str) -> None:
    """Before, a Location that is no address ended the worker with a ValueError."""
    to = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode("latin-1")
    async with answering(to) as where:
        problem, _ = await told(f"ws://{where}")
        assert f"{where} redirects " in problem and "; the answer says '" in problem
        assert "redirects " in (said := await checked(f"http://{where}")) or "Invalid" in said


@pytest.mark.parametrize(("variable", "proxy"), [("http_proxy", "ftp://x"), ("socks_proxy", "socks5://127.0.0.1:1")])
async def test_a_proxy_that_cannot_be_used_is_told_and_no_end(
    variable: str, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, proxy)
    monkeypatch.delenv("no_proxy", raising=False)
    problem, _ = await told("ws://net.example")
    assert "cannot be reached" in problem and "proxy" in problem


async def test_this_very_machine_is_asked_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    async with answering(PLAIN) as where:
        assert "(HTTP 400)" in (await told(f"ws://{where}"))[0]
        assert "nothing listens" not in await checked(f"http://{where}")


@pytest.mark.parametrize(
    ("url", "is_it"),
    [
        ("ws://127.0.0.1:8080", True),
        ("wss://localhost", True),
        ("http://[::1]:80/", True),
        ("ws://10.0.0.1", False),
        ("ws://localhost.example:1", False),
    ],
)
def test_this_very_machine_is_known_by_its_names(url: str, is_it: bool) -> None:
    assert reach.loopback(url) is is_it


async def test_two_addresses_to_go_to_are_no_end_either() -> None:
    twice = b"Location: http://a.example/\r\nLocation: http://b.example/\r\n"
    async with answering(b"HTTP/1.1 302 Found\r\n%sContent-Length: 0\r\n\r\n" % twice) as where:
        assert "says 'http://a.example/'" in (await told(f"ws://{where}"))[0]


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl to make a certificate with")
async def test_a_certificate_that_is_not_accepted_is_named(tmp_path: Path) -> None:
    async with answering(PLAIN, own_certificate(tmp_path)) as where:
        problem, remedy = await told(f"wss://{where}")
        assert f"the certificate of {where} is not accepted: self-signed certificate" in problem
        assert "SSL_CERT_FILE" in remedy
        assert "self-signed" in await checked(f"https://{where}")


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("certificate has expired", "renew"),
        ("certificate is not yet valid", "clock"),
        ("Hostname mismatch, certificate is not valid for 'net.example'.", "Dial the name"),
        ("unable to get local issuer certificate", "SSL_CERT_FILE"),
    ],
)
def test_each_fault_of_a_certificate_has_its_remedy(fault: str, says: str) -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = fault
    why = reach.reason(error, "wss://net.example")
    assert fault.rstrip(".") in why.text and says in why.remedy


def test_a_closed_port_and_an_unknown_name_have_no_numbers() -> None:
    assert reach.reason(ConnectionRefusedError(111, "Connect call failed"), "ws://h:1").text == "nothing listens at h:1"
    unknown = socket.gaierror(-2, "Name or service not known")
    assert reach.reason(unknown, "wss://no.example").text == (
        "the name no.example cannot be resolved: Name or service not known"
    )


def own_certificate(folder: Path) -> ssl.SSLContext:
    """Signed by nobody that anybody knows."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    make += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    make += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(make, check=True, capture_output=True, timeout=60)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
