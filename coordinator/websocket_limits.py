"""Limits of a websocket that uvicorn does not have: what it reads at once, what brings no message, and what follows its
close."""

from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request

from coordinator.sogni.frames import MAX_FRAME_BYTES
from coordinator.sogni.paths import SOCKET_PATH
from program.websocket_bounds import TOO_MANY, Unread, besides_messages

FAREWELL_BYTES = 1024 * 1024
FAREWELL_S = 1.0


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """Parses a portion at a time, and the next one when the application has taken the messages of the last.

    It closes with 1008 on a peer that sends too many frames without a message. It reads FAREWELL_BYTES more from a peer
    that was sent a close, and nothing from one that broke the protocol or sent too large a frame: uvicorn goes on
    reading for 10 s until the peer answers, and one that sends what it likes instead got rid of 30 MB. A socket closed
    with bytes unread resets the connection, and then a peer that is writing never sees the close and its reason: what
    is too much is left unread for FAREWELL_S, so that the peer can hear it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unread = Unread()
        self._besides = besides_messages(self.loop.time())
        self._farewell = 0

    def data_received(self, data: bytes) -> None:
        if self.close_sent:
            self._farewell += len(data)
            if self._farewell > FAREWELL_BYTES:
                self._close_unread()
                return
        self._unread.put(data)
        self._parse()

    async def receive(self) -> Any:
        message = await super().receive()  # reads on when this was the last that waited
        self._parse()
        return message

    async def send(self, message: Any) -> None:
        if self.close_sent and self.initial_response is None:
            raise ClientDisconnected  # closed down here, which whoever writes has not heard yet; uvicorn calls it a bug
        await super().send(message)
        if message["type"] == "websocket.accept" and not self.transport.is_closing():
            self.transport.resume_reading()
        if message["type"] == "websocket.http.response.body" and self.close_sent:
            self._unread.clear()
            self.handshake_complete = True  # uvicorn forgets it, and logs each refusal as an error
        self._parse()

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if event.path.partition("?")[0] == SOCKET_PATH:  # a whole conversation; elsewhere frames are a worker's
            self.conn.max_message_size = MAX_FRAME_BYTES
        if not self.transport.is_closing():
            self.transport.pause_reading()  # until the handshake is answered

    def _parse(self) -> None:
        # uvicorn pauses for as long as a message waits. A frame that comes before the handshake was answered could not
        # be refused with a close.
        while self._unread and not self.read_paused and self.handshake_initiated == self.handshake_complete:
            super().data_received(self._unread.take())

    # ---- frames that are no whole message --------------------------------------------------------------------------

    def handle_text(self, event: Frame) -> None:
        if not self.close_sent or self._bears():  # behind a close messages are thrown away, and parsed all the same
            super().handle_text(event)

    def handle_bytes(self, event: Frame) -> None:
        if not self.close_sent or self._bears():
            super().handle_bytes(event)

    def handle_ping(self) -> None:
        if self._bears():
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        if self._bears():
            super().handle_pong(event)

    def handle_cont(self, event: Frame) -> None:
        if self._bears():
            super().handle_cont(event)

    def _bears(self) -> bool:
        borne = self._besides.take(1, self.loop.time())
        if not borne and not self.close_sent:
            self.conn.fail(CloseCode.POLICY_VIOLATION, TOO_MANY)
            self.handle_parser_exception()
        elif not borne:
            self._close_unread()
        return borne

    # ---- the end ---------------------------------------------------------------------------------------------------

    def connection_lost(self, exc: Exception | None) -> None:
        self._unread.clear()
        super().connection_lost(exc)

    def handle_parser_exception(self) -> None:
        """Say why, as uvicorn does, which then closes the socket at once."""
        closed = self.conn.close_sent
        assert closed is not None
        self.queue.put_nowait({"type": "websocket.disconnect", "code": closed.code, "reason": closed.reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self._close_unread()

    def _close_unread(self) -> None:
        self._unread.clear()
        self.transport.pause_reading()
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(FAREWELL_S, self.transport.abort)
