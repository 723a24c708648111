"""Limits of the head of an HTTP request, which uvicorn does not have."""

import asyncio
import json

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from coordinator.openai.chat_response import error_body
from wire.errors import ErrorCode, SupernetError

HEADER_BYTES = 64 * 1024
HEADER_S = 10.0
FAREWELL_S = 1.0


class BoundedHttp(HttpToolsProtocol):
    """Closes a connection whose request line and headers pass HEADER_BYTES bytes or HEADER_S seconds, and words the
    answer to what is no HTTP as all errors are worded."""

    _deadline: asyncio.TimerHandle | None = None
    _size = 0
    _deaf = False  # nothing more is read of this connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """As uvicorn's, but what asks for a protocol other than a websocket's is served, its body too."""
        if self._deaf:
            return
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
            elif self.parser.get_method() == b"CONNECT":
                self.send_400_response("This server is no proxy.")
            else:
                self._begin_again(data[upgrade.args[0] :])

    def _begin_again(self, rest: bytes) -> None:
        """Read the request once more, as if it had no `Upgrade`: its parser takes the body of such a request for
        another protocol. HTTP lets a server ignore the header, and Java's client sends one with each request."""
        kept = [b"%b: %b\r\n" % header for header in self.headers if header[0] not in (b"connection", b"upgrade")]
        head = b"%b %b HTTP/1.1\r\n%b\r\n" % (self.parser.get_method(), self.url, b"".join(kept))
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(head + rest)

    def on_message_begin(self) -> None:
        self._size = 0
        self._arm()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(name + value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._disarm()
        if not self._to_begin_again():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        if not self._to_begin_again():
            super().on_message_complete()

    def _to_begin_again(self) -> bool:
        return self.parser.should_upgrade() and not self._should_upgrade()

    def _should_upgrade(self) -> bool:
        """Only a GET opens a websocket: uvicorn's, given a POST, never answers it."""
        return self.parser.get_method() == b"GET" and super()._should_upgrade()

    def send_400_response(self, msg: str) -> None:
        """Say what was wrong in OpenAI's envelope. What the client goes on sending is thrown away for FAREWELL_S: a
        socket closed with bytes unread resets the connection, and the reset can overtake the answer."""
        status, message = "400 Bad Request", msg
        if self._size > HEADER_BYTES:
            status = "431 Request Header Fields Too Large"
            message = f"The request line and headers have more than {HEADER_BYTES // 1024} KiB: send less."
        self._deaf = True
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.close()  # behind a request whose answer is under way
            return
        body = json.dumps(error_body(SupernetError(ErrorCode.INVALID_REQUEST, message))).encode()
        head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        self.transport.write(f"{head}x-should-retry: false\r\nconnection: close\r\n\r\n".encode() + body)
        self.loop.call_later(FAREWELL_S, self.transport.close)

    def _count(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > HEADER_BYTES:
            raise ValueError("headers too large")  # httptools turns it into its parser error, uvicorn that into a 400

    def _arm(self) -> None:
        self._disarm()
        self._deadline = self.loop.call_later(HEADER_S, self.transport.close)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
