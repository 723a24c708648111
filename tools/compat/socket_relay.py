"""Stands between a client's socket and the coordinator, changes nothing, and keeps the jobs that a client asks for."""

import json
import socket
import socketserver
import threading
from base64 import b64decode
from typing import Any
from urllib.parse import urlsplit

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

PIECE_BYTES = 65536
PATIENCE_S = 300.0


class SocketRelay(socketserver.ThreadingTCPServer):
    """`jobs`: the data of every `llmJobRequest`, in the order in which they came."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        parts = urlsplit(target)
        self.target = parts.hostname or "", parts.port or 80
        self.jobs: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.server_address[1]}"


class _Handler(socketserver.BaseRequestHandler):
    server: SocketRelay

    def handle(self) -> None:
        with socket.create_connection(self.server.target, PATIENCE_S) as upstream:
            threading.Thread(target=_pass_on, args=(upstream, self.request, None), daemon=True).start()
            _pass_on(self.request, upstream, _Listener(self.server.jobs))


class _Listener:
    """Reads along what a client sends. A plain HTTP request, and what is no job, are none of its business."""

    def __init__(self, jobs: list[dict[str, Any]]) -> None:
        self._jobs = jobs
        self._protocol = ServerProtocol(max_size=None)
        self._message = b""

    def hear(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._protocol.send_response(self._protocol.accept(event))
            elif isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.CONT):
                self._message += event.data
                if event.fin:
                    self._jobs += _jobs_in(self._message)
                    self._message = b""


def _jobs_in(message: bytes) -> list[dict[str, Any]]:
    """The job that a frame asks for; none for any other."""
    try:
        said = json.loads(message)
        return [json.loads(b64decode(said["data"]))] if said["type"] == "llmJobRequest" else []
    except (ValueError, TypeError, KeyError):
        return []


def _pass_on(source: socket.socket, target: socket.socket, listener: _Listener | None) -> None:
    try:
        while data := source.recv(PIECE_BYTES):
            if listener is not None:
                listener.hear(data)
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # either side has gone
