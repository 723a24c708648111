"""A websocket to the coordinator that is read a portion at a time, and given up if it brings too much that is no
message."""

from asyncio import BaseTransport
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.frames import Frame, Opcode
from websockets.protocol import Event

from program.websocket_bounds import Unread, besides_messages

MESSAGES = (Opcode.TEXT, Opcode.BINARY)


class BoundedSocket(ClientConnection):
    """Parses the next portion when the messages of the last have been taken. `flooded`: it was given up, for pings,
    pongs or pieces of messages without end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unread = Unread()
        self._besides = besides_messages(self.loop.time())
        self.flooded = False

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self.recv_messages.resume = self._resume

    def data_received(self, data: bytes) -> None:
        self._unread.put(data)
        self._parse()

    def process_event(self, event: Event) -> None:
        if isinstance(event, Frame) and event.opcode not in MESSAGES and not self._besides.take(1, self.loop.time()):
            self.flooded = True
            self._unread.clear()
            self.transport.abort()
        else:
            super().process_event(event)

    def connection_lost(self, exc: Exception | None) -> None:
        self._unread.clear()
        super().connection_lost(exc)

    def _resume(self) -> None:
        self.transport.resume_reading()
        self._parse()

    def _parse(self) -> None:
        while self._unread and not self.recv_messages.paused:  # it pauses while some messages wait
            super().data_received(self._unread.take())
