"""The coordinator's end of a worker's websocket: authentication, hello, frames in, frames out, and the close."""

import asyncio
import logging
import math
import secrets
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

from coordinator.accounts.accounts import Accounts
from coordinator.accounts.keys_in_use import Principal
from coordinator.admission.dials import Dials
from coordinator.admission.useless_frames import AccountBudgets, Waits, useless_share
from coordinator.current_catalog import CurrentCatalog
from coordinator.hub.buffers import Close, Outbox
from coordinator.hub.hub import ENDED, Hub, Said
from coordinator.openai.chat_response import error_body
from coordinator.scheduler.offers import taken
from coordinator.scheduler.state import Peer
from program.useless_frames import UselessFrames
from wire.codec import MAX_BEFORE_WELCOME_BYTES, encode, to_coordinator
from wire.errors import (
    CLOSE_HELLO_TIMEOUT,
    CLOSE_PROTOCOL_ERROR,
    CLOSE_UNAUTHORIZED,
    CLOSE_VERSION,
    ErrorCode,
    SupernetError,
)
from wire.messages import HELLO_TIMEOUT_S, PROTOCOL_VERSION, SUBPROTOCOL, Error, Hello

log = logging.getLogger("supernet.link")

ELSEWHERE_S = 5.0
AGAIN_S = 0.5
SEND_S = 10.0  # a socket to which a frame cannot be written for so long is dead
LEAVING = (1000, 1001)  # close codes of a worker that is done; with any other it may come back and resume
NO_WEBSOCKET = (1002, 1007, 1008, 1009)  # closed by websocket_limits.py, or by what it stands on, for what came
UPGRADE_REQUIRED = 426


class Refusal(Exception):
    """The worker cannot be served on this socket: it is sent `error`, and the socket is closed with `code`."""

    def __init__(self, error: SupernetError, code: int) -> None:
        super().__init__(error.message)
        self.error = error
        self.code = code


@dataclass(frozen=True)
class WorkerSocket:
    """The endpoint that workers connect to."""

    hub: Hub
    accounts: Accounts
    catalog: CurrentCatalog
    waits: Waits = field(default_factory=Waits)
    budgets: AccountBudgets = field(default_factory=AccountBudgets)
    dials: Dials = field(default_factory=Dials)
    serves: bool = True  # not where a replica is for clients alone

    async def connect(self, socket: WebSocket) -> None:
        """One connection, from the handshake to its end."""
        try:
            principal = self.accounts.authenticate(socket.headers, "worker")
        except SupernetError as denied:
            await socket.send_denial_response(JSONResponse(error_body(denied), denied.row.status))
            return
        if not self.serves:
            await _send_away(socket, "this replica is for clients (--role edge)", ELSEWHERE_S)
            return
        if wait_s := self.waits.left_s(principal.account, self.hub.now()):
            await _send_away(socket, "a worker of this account sent what is of no use", wait_s)
            return
        if wait_s := self.dials.wait_s(principal.account, self.hub.now()):
            await _send_away(socket, "workers of this account dial too often", wait_s)
            return
        if SUBPROTOCOL not in socket.scope["subprotocols"]:
            mismatch = SupernetError(ErrorCode.VERSION_MISMATCH, f"ask for the websocket subprotocol {SUBPROTOCOL}")
            await socket.send_denial_response(JSONResponse(error_body(mismatch), UPGRADE_REQUIRED))
            return
        try:
            await socket.accept(SUBPROTOCOL)
            said = await self._hello(socket, principal)
            await self._serve(socket, said, Peer(secrets.token_hex(8), principal.account, principal.key))
        except Refusal as refusal:
            if refusal.code == CLOSE_PROTOCOL_ERROR:
                self.waits.begin(principal.account, self.hub.now())
            await _send_error(socket, refusal.error)
            await socket.close(refusal.code, refusal.error.message[:120])
        except WebSocketDisconnect as gone:  # before it was welcomed: nothing else depends on it
            self._note_close(principal.account, gone.code)

    async def check_key(self, request: Request) -> Response:
        """GET without an upgrade, as `supernet-worker --check` sends it: 426 if this key may open the socket."""
        self.accounts.authenticate(request.headers, "worker")
        upgrade = SupernetError(ErrorCode.VERSION_MISMATCH, f"open a websocket with the subprotocol {SUBPROTOCOL}")
        return JSONResponse(error_body(upgrade), UPGRADE_REQUIRED, {"upgrade": "websocket"})

    async def hand_out(self, request: Request) -> Response:
        """GET of the catalog, for a worker that has not dialled yet: what it is to serve may stand there alone."""
        self.accounts.authenticate(request.headers, "worker")
        handed = self.hub.cell.catalog.handed
        if handed is None:
            raise SupernetError(ErrorCode.NOT_FOUND, "This coordinator's catalog is too large to be handed out.")
        return Response(handed.text, media_type="application/json")

    # ---- hello ---------------------------------------------------------------------------------------------------

    async def _hello(self, socket: WebSocket, principal: Principal) -> Hello:
        """Read the first frame. Raises Refusal, or WebSocketDisconnect."""
        try:
            event = await _first_frame(socket)
        except TimeoutError:
            error = SupernetError(ErrorCode.PROTOCOL_ERROR, f"no hello within {HELLO_TIMEOUT_S:.0f} s")
            raise Refusal(error, CLOSE_HELLO_TIMEOUT) from None
        if event["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(event["code"])
        hello = self._decode_hello(_frame(event))
        if not self.accounts.in_use(principal.key):
            error = SupernetError(ErrorCode.INVALID_API_KEY, ENDED)
            raise Refusal(error, CLOSE_UNAUTHORIZED)
        return hello

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

    # ---- frames --------------------------------------------------------------------------------------------------

    async def _serve(self, socket: WebSocket, said: Hello, peer: Peer) -> None:
        """Exchange frames until one direction ends. A socket that dropped may be resumed, a closed one may not."""
        _, first = taken(said, self.catalog.now, self.hub.cell.catalog.outgoing)
        for sentence in first:
            await _send_error(socket, SupernetError(ErrorCode.MODEL_NOT_FOUND, sentence))
        hello, told = taken(said, self.catalog.now, self.hub.cell.catalog.outgoing)  # another may have come meanwhile
        outbox = self.hub.join(hello, peer, Said(said, told))
        for sentence in told:
            if sentence not in first:
                outbox.put(Error(code=ErrorCode.MODEL_NOT_FOUND, message=sentence))
        reading = asyncio.create_task(self._read(socket, peer, outbox), name=f"read {peer.session}")
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

    async def _read(self, socket: WebSocket, peer: Peer, outbox: Outbox) -> bool:
        """Read frames until the end. True if the socket dropped, False if the worker closed it or was sent away."""
        useless = self.budgets.of_socket(peer.account, self.hub.now())
        while True:
            event = await socket.receive()
            if event["type"] == "websocket.disconnect":
                self._note_close(peer.account, event.get("code"))
                return event.get("code") not in LEAVING
            if why := self._take(_frame(event), peer.session, outbox, useless):
                log.warning("session %s of account %s is closed: %s", peer.session, peer.account, why)
                self.waits.begin(peer.account, self.hub.now())
                outbox.close(CLOSE_PROTOCOL_ERROR, why)
                self.hub.left(peer.session, resumable=False)
                await asyncio.sleep(SEND_S)  # the writer closes the socket, and that ends this task
                return False
            await asyncio.sleep(useless.pause_s())  # frames that have arrived together do not keep others waiting

    def _take(self, frame: str | bytes, session: str, outbox: Outbox, useless: UselessFrames) -> str | None:
        """Take one frame. Returns why the socket is to be closed; None: it goes on."""
        try:
            message = to_coordinator(frame)
        except SupernetError as error:
            outbox.put(Error(code=error.code, message=error.message))
            return useless.invalid(len(frame), self.hub.now())
        share = useless_share(message, self.hub.received(session, message))
        return useless.valid(len(frame), share, self.hub.now())

    def _note_close(self, account: str, code: int | None) -> None:
        if code in NO_WEBSOCKET:
            self.waits.begin(account, self.hub.now())

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


async def _first_frame(socket: WebSocket) -> Any:
    """Raises TimeoutError. One more look finds what came while the whole process stood still: both are due then, what
    came and the end of the wait, and asyncio has the wait win."""
    try:
        async with asyncio.timeout(HELLO_TIMEOUT_S):
            return await socket.receive()
    except TimeoutError:
        async with asyncio.timeout(AGAIN_S):
            return await socket.receive()


def _frame(event: Any) -> str | bytes:
    text: str | None = event.get("text")
    return text if text is not None else bytes(event["bytes"])


async def _send_away(socket: WebSocket, why: str, wait_s: float) -> None:
    too_soon = SupernetError(ErrorCode.RATE_LIMIT_EXCEEDED, f"{why}: dial again in {wait_s:.0f} s")
    headers = {"retry-after": str(math.ceil(wait_s))}
    await socket.send_denial_response(JSONResponse(error_body(too_soon), too_soon.row.status, headers))


async def _send_error(socket: WebSocket, error: SupernetError) -> None:
    await socket.send_text(encode(Error(code=error.code, message=error.message)))
