"""A worker's socket, the coordinator's end: who may open it, hello, frames in, frames out, and how it ends."""

import asyncio
import logging
import re
import secrets
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse
from starlette.websockets import WebSocketDisconnected

from coordinator.accounts.accounts import Accounts, Principal
from coordinator.hub.buffers import Close, Outbox
from coordinator.hub.hub import Hub
from coordinator.openai.chat_response import error_body
from coordinator.scheduler.state import Peer
from wire.catalog import Catalog
from wire.codec import MAX_BEFORE_WELCOME_BYTES, encode, to_coordinator
from wire.errors import (
    CLOSE_HELLO_TIMEOUT,
    CLOSE_PROTOCOL_ERROR,
    CLOSE_UNAUTHORIZED,
    CLOSE_VERSION,
    ErrorCode,
    SupernetError,
)
from wire.messages import HELLO_TIMEOUT_S, PROTOCOL_VERSION, SUBPROTOCOL, Error, Hello, ModelOffer

log = logging.getLogger("supernet.link")

INVALID_FRAMES = 16  # that many and the peer is not a worker
SEND_S = 10.0  # a frame that cannot be written for so long: the line is dead
LEAVING = (1000, 1001)  # a close that says "I am done", as opposed to a line that dropped
UPGRADE_REQUIRED = 426
SHA256 = re.compile(r"[0-9a-f]{64}")


class Refusal(Exception):
    """The socket is of no use: say why and close it with `code`."""

    def __init__(self, error: SupernetError, code: int) -> None:
        super().__init__(error.message)
        self.error = error
        self.code = code


@dataclass(frozen=True)
class WorkerLink:
    """The endpoint of workers."""

    hub: Hub
    accounts: Accounts
    catalog: Catalog

    async def endpoint(self, socket: WebSocket) -> None:
        """One connection, from the handshake to its end."""
        try:
            principal = self.accounts.authenticate(socket.headers, "worker")
        except SupernetError as denied:
            await socket.send_denial_response(JSONResponse(error_body(denied), denied.row.status))
            return
        if SUBPROTOCOL not in socket.scope["subprotocols"]:
            mismatch = SupernetError(ErrorCode.VERSION_MISMATCH, f"ask for the websocket subprotocol {SUBPROTOCOL}")
            await socket.send_denial_response(JSONResponse(error_body(mismatch), UPGRADE_REQUIRED))
            return
        try:
            await socket.accept(SUBPROTOCOL)
            hello = await self._hello(socket, principal)
            await self._serve(socket, hello, Peer(secrets.token_hex(8), principal.account, principal.key))
        except Refusal as refusal:
            await _say(socket, refusal.error)
            await socket.close(refusal.code, refusal.error.message[:120])
        except WebSocketDisconnect:
            pass  # before it was welcomed: nothing depends on it

    async def asked(self, request: Request) -> Response:
        """No socket, only the question whether this key may open one: `supernet-worker --check`."""
        self.accounts.authenticate(request.headers, "worker")
        upgrade = SupernetError(ErrorCode.VERSION_MISMATCH, f"open a websocket with the subprotocol {SUBPROTOCOL}")
        return JSONResponse(error_body(upgrade), UPGRADE_REQUIRED, {"upgrade": "websocket"})

    # ---- hello ---------------------------------------------------------------------------------------------------

    async def _hello(self, socket: WebSocket, principal: Principal) -> Hello:
        """The first frame. Raises Refusal, or WebSocketDisconnect when the peer went away instead."""
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                event = await socket.receive()
        except TimeoutError:
            error = SupernetError(ErrorCode.PROTOCOL_ERROR, f"no hello within {HELLO_TIMEOUT_S:.0f} s")
            raise Refusal(error, CLOSE_HELLO_TIMEOUT) from None
        if event["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(event["code"])
        hello = self._decode_hello(_frame(event))
        if not self.accounts.in_use(principal.key):
            error = SupernetError(ErrorCode.INVALID_API_KEY, "the key has been revoked")
            raise Refusal(error, CLOSE_UNAUTHORIZED)
        kept = await self._known(socket, hello)
        return hello.model_copy(update={"models": kept})

    def _decode_hello(self, frame: str | bytes) -> Hello:
        if len(frame) > MAX_BEFORE_WELCOME_BYTES:
            message = f"hello of {len(frame)} characters: the limit is {MAX_BEFORE_WELCOME_BYTES}"
            raise Refusal(SupernetError(ErrorCode.FRAME_TOO_LARGE, message), CLOSE_PROTOCOL_ERROR)
        try:
            hello = to_coordinator(frame)
        except SupernetError as invalid:
            raise Refusal(invalid, CLOSE_PROTOCOL_ERROR) from None
        if not isinstance(hello, Hello):
            error = SupernetError(ErrorCode.PROTOCOL_ERROR, f"{hello.type} before hello: hello comes first")
            raise Refusal(error, CLOSE_PROTOCOL_ERROR)
        if hello.protocol != PROTOCOL_VERSION:
            message = (
                f"protocol {hello.protocol} is not spoken here, {PROTOCOL_VERSION} is: change the worker's version"
            )
            raise Refusal(SupernetError(ErrorCode.VERSION_MISMATCH, message), CLOSE_VERSION)
        return hello

    async def _known(self, socket: WebSocket, hello: Hello) -> tuple[ModelOffer, ...]:
        """The offers for models of the catalogue, each once and within its context; the worker hears of the others.

        What it says of its weights is passed on, so it may be nothing but a hash."""
        known = {spec.id: spec for spec in self.catalog.models}
        offers: dict[str, ModelOffer] = {}
        for offer in hello.models:
            spec, claim = known.get(offer.id), offer.sha256 if SHA256.fullmatch(offer.sha256) else ""
            if spec is None:
                what = "is not in this network's catalogue"
            elif offer.id in offers:
                what = "is offered twice"
            elif claim and spec.files[0].sha256 not in (None, claim):
                what = f"has the sha256 {spec.files[0].sha256} in this network's catalogue, and yours has {claim}"
            else:
                most = min(offer.context, spec.context)
                offers[offer.id] = offer.model_copy(update={"context": most, "sha256": claim})
                continue
            await _say(socket, SupernetError(ErrorCode.MODEL_NOT_FOUND, f"model {offer.id} {what}: it is left out"))
        return tuple(offers.values())

    # ---- frames --------------------------------------------------------------------------------------------------

    async def _serve(self, socket: WebSocket, hello: Hello, peer: Peer) -> None:
        """Frames both ways until one way ends. A line that dropped may be resumed, a farewell is final."""
        outbox = self.hub.join(hello, peer)
        reading = asyncio.create_task(self._read(socket, peer.session, outbox), name=f"read {peer.session}")
        writing = asyncio.create_task(self._write(socket, outbox), name=f"write {peer.session}")
        resumable = True
        try:
            await asyncio.wait((reading, writing), return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                resumable = reading.result()
        finally:
            self.hub.left(peer.session, resumable)
            for task in (reading, writing):
                task.cancel()
            for outcome in await asyncio.gather(reading, writing, return_exceptions=True):
                if isinstance(outcome, Exception):
                    raise outcome

    async def _read(self, socket: WebSocket, session: str, outbox: Outbox) -> bool:
        """True if the socket dropped, False if the worker said goodbye or was sent away."""
        invalid = 0
        while True:
            event = await socket.receive()
            if event["type"] == "websocket.disconnect":
                return event.get("code") not in LEAVING
            try:
                message = to_coordinator(_frame(event))
            except SupernetError as error:
                invalid += 1
                outbox.put(Error(code=error.code, message=error.message))
                if invalid >= INVALID_FRAMES:
                    log.warning("session %s: %d invalid frames, the last: %s", session, invalid, error.message)
                    outbox.close(CLOSE_PROTOCOL_ERROR, f"{invalid} invalid frames")
                    self.hub.left(session, resumable=False)
                    await asyncio.sleep(SEND_S)  # the writer closes the socket, and that ends this task
                    return False
                continue
            self.hub.received(session, message)

    async def _write(self, socket: WebSocket, outbox: Outbox) -> None:
        while True:
            frame = await outbox.get()
            try:
                async with asyncio.timeout(SEND_S):
                    if isinstance(frame, Close):
                        await socket.close(frame.code, frame.reason[:120])
                        return
                    await socket.send_text(frame)
            except (TimeoutError, WebSocketDisconnect, WebSocketDisconnected):
                return


def _frame(event: Any) -> str | bytes:
    text: str | None = event.get("text")
    return text if text is not None else bytes(event["bytes"])


async def _say(socket: WebSocket, error: SupernetError) -> None:
    await socket.send_text(encode(Error(code=error.code, message=error.message)))
