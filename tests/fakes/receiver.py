"""A server on loopback that messages are posted to: it keeps what came, and answers as a test wants, also badly."""

import datetime
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Answer = Callable[[socket.socket], None]


@dataclass(frozen=True)
class Got:
    """One request: its first line, headers with small names, body."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """`answer` writes what the test wants to each connection once its request has been read."""

    port: int
    scheme: str
    answer: Answer
    got: list[Got] = field(default_factory=list)
    dialled: int = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/hook?token=tail-of-it"


def status(code: int, *headers: str) -> Answer:
    text = "\r\n".join([f"HTTP/1.1 {code} Whatever", *headers, "content-length: 0", "", ""])
    return lambda line: line.sendall(text.encode())


def silent(line: socket.socket) -> None:
    """Takes the request and says nothing until the other side hangs up."""
    with suppress(OSError):
        line.settimeout(30)
        line.recv(1)


def dripping(line: socket.socket) -> None:
    """An answer that never ends, a byte at a time."""
    with suppress(OSError):
        while True:
            line.sendall(b"H")
            time.sleep(0.05)


def huge(head: bytes) -> Answer:
    """The head, and then as much as anybody takes."""

    def answer(line: socket.socket) -> None:
        with suppress(OSError):
            line.sendall(head)
            for _ in range(4096):
                line.sendall(b"x" * 65536)

    return answer


@contextmanager
def receiving(answer: Answer | None = None, certificate: Path | None = None) -> Iterator[Receiver]:
    """`certificate`: a file of `self_signed`; None: without TLS."""
    listener = socket.create_server(("127.0.0.1", 0))
    here = Receiver(listener.getsockname()[1], "https" if certificate else "http", answer or status(200))
    tls = None
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)

    def serve() -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            here.dialled += 1
            threading.Thread(target=one, args=(line,), daemon=True).start()

    def one(line: socket.socket) -> None:
        with suppress(OSError), line:
            line.settimeout(30)
            with tls.wrap_socket(line, server_side=True) if tls else line as wrapped:
                here.got.append(_read(wrapped))
                here.answer(wrapped)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield here
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _read(line: socket.socket) -> Got:
    with line.makefile("rb") as stream:
        first = stream.readline().decode().strip()
        headers = {}
        while text := stream.readline().decode().strip():
            name, _, value = text.partition(": ")
            headers[name.lower()] = value
        return Got(first, headers, stream.read(int(headers.get("content-length", "0"))))


def self_signed(folder: Path, *names: str) -> Path:
    """A file with a key and a certificate for 127.0.0.1, localhost and `names`, made by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver")])
    now = datetime.datetime.now(datetime.UTC)
    alternatives = [
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        *(x509.DNSName(n) for n in ("localhost", *names)),
    ]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "receiver.pem"
    plain = serialization.NoEncryption()
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file
