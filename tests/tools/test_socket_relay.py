"""tools/compat/socket_relay.py between real clients and real servers: all goes through as it is, jobs are kept."""

import http.client
import json
import socket
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import Server, ServerConnection, serve

from tools.compat.socket_relay import PIECE_BYTES, SocketRelay

PATIENCE_S = 60
ANSWERED = 4001  # how the server closes when it was told to


def frame(type: str, data: Any) -> str:
    return json.dumps({"type": type, "data": b64encode(json.dumps(data).encode()).decode()})


def _echo(connection: ServerConnection) -> None:
    assert connection.request is not None
    connection.send(connection.request.path)
    for said in connection:
        if said == "close":
            connection.close(ANSWERED, "as you say")
        else:
            connection.send(said)


@pytest.fixture
def server() -> Iterator[Server]:
    made = serve(_echo, "127.0.0.1", 0, max_size=None, compression="deflate")
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    thread.join(PATIENCE_S)


@pytest.fixture
def relaying() -> Iterator[Callable[[str], SocketRelay]]:
    made: list[SocketRelay] = []

    def to(target: str) -> SocketRelay:
        relay = SocketRelay(target)
        threading.Thread(target=relay.serve_forever, daemon=True).start()
        made.append(relay)
        return relay

    yield to
    for relay in made:
        relay.shutdown()
        relay.server_close()


@pytest.fixture
def relay(server: Server, relaying: Callable[[str], SocketRelay]) -> SocketRelay:
    return relaying(f"http://127.0.0.1:{server.socket.getsockname()[1]}")


def test_everything_goes_through_and_jobs_are_kept(relay: SocketRelay) -> None:
    large = {"jobID": "two", "type": "llm", "text": "x" * 3 * PIECE_BYTES}
    frames = [
        frame("llmJobRequest", {"jobID": "one", "type": "llm", "text": "ä 格 😀"}),
        frame("jobError", {"jobID": "one"}),
        frame("llmJobRequest", large),
    ]
    with connect(f"{relay.url}/?appId=a", compression=None, max_size=None, open_timeout=PATIENCE_S) as client:
        assert client.recv(PATIENCE_S) == "/?appId=a"
        for each in frames:
            client.send(each)
            assert client.recv(PATIENCE_S) == each
        client.send(bytes(range(256)))
        assert client.recv(PATIENCE_S) == bytes(range(256))
    assert relay.jobs == [{"jobID": "one", "type": "llm", "text": "ä 格 😀"}, large]


def test_how_the_server_closes_is_how_the_client_hears_it(relay: SocketRelay) -> None:
    with connect(relay.url, compression=None, open_timeout=PATIENCE_S) as client:
        client.recv(PATIENCE_S)
        client.send("close")
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(PATIENCE_S)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (ANSWERED, "as you say")


def test_jobs_of_several_sockets_are_kept_together(relay: SocketRelay) -> None:
    for name in ("one", "two"):
        with connect(relay.url, compression=None, open_timeout=PATIENCE_S) as client:
            client.recv(PATIENCE_S)
            client.send(frame("llmJobRequest", {"jobID": name}))
            client.recv(PATIENCE_S)
    assert relay.jobs == [{"jobID": "one"}, {"jobID": "two"}]


@pytest.mark.parametrize("said", ["no JSON", "[]", '{"type": "llmJobRequest"}', frame("llmJobRequest", {})[:-9]])
def test_what_cannot_be_read_along_goes_through_too(relay: SocketRelay, said: str) -> None:
    with connect(relay.url, compression=None, open_timeout=PATIENCE_S) as client:
        client.recv(PATIENCE_S)
        client.send(said)
        assert client.recv(PATIENCE_S) == said
        client.send(frame("llmJobRequest", {"jobID": "one"}))
        client.recv(PATIENCE_S)
    assert relay.jobs[-1:] == [{"jobID": "one"}]


def test_a_job_in_several_frames_is_one(relay: SocketRelay) -> None:
    whole = frame("llmJobRequest", {"jobID": "one"})
    with connect(relay.url, compression=None, open_timeout=PATIENCE_S) as client:
        client.recv(PATIENCE_S)
        client.send([whole[:20], whole[20:30], whole[30:]])
        assert client.recv(PATIENCE_S) == whole
    assert relay.jobs == [{"jobID": "one"}]


class _Hello(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing to the terminal."""


def test_plain_requests_of_the_same_client_go_through(relaying: Callable[[str], SocketRelay]) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hello)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        relay = relaying(f"http://127.0.0.1:{server.server_address[1]}")
        connection = http.client.HTTPConnection(relay.url.removeprefix("ws://"), timeout=PATIENCE_S)
        for _ in range(3):
            connection.request("GET", "/v1/models")
            assert connection.getresponse().read() == b"hello"
        connection.close()
    finally:
        server.shutdown()
        server.server_close()
    assert relay.jobs == []


def test_a_client_whose_server_is_gone_is_hung_up_on(relaying: Callable[[str], SocketRelay]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        target = f"http://127.0.0.1:{taken.getsockname()[1]}"
    relay = relaying(target)
    with socket.create_connection(relay.server_address, timeout=PATIENCE_S) as client:  # type: ignore[arg-type]
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert client.recv(PIECE_BYTES) == b""
