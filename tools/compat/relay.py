"""Stands between a client and the coordinator, changes nothing, and notes and keeps what the client sends."""

import http.client
import json
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}
PIECE_BYTES = 65536
PATIENCE_S = 300.0
NOT_FIELDS = ("parameters", "schema", "input_schema", "metadata", "client_metadata", "logit_bias")
MOST_BYTES_KEPT = 64 * 1024 * 1024  # of the bodies of one client


class Relay(ThreadingHTTPServer):
    """`fields` counts the requests with each field, by path; `headers` those with each header that a client need not
    send; `refused` what was answered with an error; `bodies` are the requests themselves, by path."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        parts = urlsplit(target)
        self.host, self.port = parts.hostname or "", parts.port or 80
        self._note = threading.Lock()
        self.forget()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def forget(self) -> None:
        """Begin anew, for the next client."""
        self.requests: Counter[str] = Counter()
        self.fields: dict[str, Counter[str]] = {}
        self.headers: Counter[str] = Counter()
        self.refused: list[str] = []
        self.bodies: list[tuple[str, Any]] = []
        self._kept = 0

    def note(self, request: str, headers: list[str], body: bytes, status: int, answer: bytes) -> None:
        with self._note:
            self.requests[request] += 1
            self.headers.update(name for name in headers if name.startswith(("x-", "idempotency")))
            if status >= 400:
                self.refused.append(f"{status} {request} {answer[:300].decode(errors='replace')}")
            try:
                sent = json.loads(body)
            except ValueError:
                return
            path = request.partition(" ")[2]
            self.fields.setdefault(path, Counter()).update(set(names(sent)))
            self._kept += len(body)
            if self._kept <= MOST_BYTES_KEPT:
                self.bodies.append((path, sent))


def names(value: Any, path: str = "") -> Iterator[str]:
    """`messages[].content[].type`: every field that is sent. null means that a field is not given; what a schema or a
    list of metadata holds is no field."""
    if isinstance(value, list):
        for item in value:
            yield from names(item, f"{path}[]")
    elif isinstance(value, dict):
        for name, inner in value.items():
            if inner is None:
                continue
            at = f"{path}.{name}" if path else name
            yield at
            if name not in NOT_FIELDS:
                yield from names(inner, at)


class _Handler(BaseHTTPRequestHandler):
    server: Relay

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        upstream = http.client.HTTPConnection(self.server.host, self.server.port, timeout=PATIENCE_S)
        kept = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
        try:
            upstream.request(self.command, self.path, body, kept)
            response = upstream.getresponse()
            self.send_response_only(response.status)
            for name, value in response.getheaders():
                if name.lower() not in HOP:
                    self.send_header(name, value)
            self.send_header("connection", "close")
            self.end_headers()
            answer = b""
            while piece := response.read1(PIECE_BYTES):
                answer = answer or piece
                self.wfile.write(piece)
            path = urlsplit(self.path).path
            names = [name.lower() for name in self.headers]
            self.server.note(f"{self.command} {path}", names, body, response.status, answer)
        except ConnectionError:
            pass  # the client left: the coordinator sees it as this connection closes
        finally:
            self.close_connection = True
            upstream.close()

    do_GET = do_POST = do_HEAD = do_DELETE = _pass_on

    def log_message(self, format: str, *args: object) -> None:
        """Nothing to the terminal."""
