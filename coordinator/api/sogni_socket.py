"""The socket of Sogni's SDKs: who may open it, how many, and what becomes of one whose place another takes."""

import secrets
from contextlib import suppress
from dataclasses import dataclass, field

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

from coordinator.accounts.keys_in_use import Principal
from coordinator.accounts.rows import get_account
from coordinator.admission.dials import Dials
from coordinator.admission.useless_frames import AccountBudgets
from coordinator.api.account_access import AccountAccess
from coordinator.api.platform import PlatformTools
from coordinator.api.sogni_connection import Closed, Connection
from coordinator.sogni.errors import CLOSE_ELSEWHERE, CLOSE_UNAUTHORIZED
from wire.errors import SupernetError

MOST = 16  # sockets of one account
MAX_APP_ID = 256
CLOSE_LATER = 1013  # an SDK dials again, after longer and longer pauses


@dataclass(frozen=True)
class SogniSocket:
    """The endpoint that the SDKs' socket connects to.

    An account has one socket for each app id, and MOST in all. A new one with the same id takes the place of the old
    one, which is how a program that lost its line comes back.
    """

    platform: PlatformTools
    access: AccountAccess
    dials: Dials = field(default_factory=Dials)
    budgets: AccountBudgets = field(default_factory=AccountBudgets)
    _open: dict[tuple[str, str], Connection] = field(default_factory=dict)

    async def connect(self, socket: WebSocket) -> None:
        """One connection, from the handshake to its end. It is accepted before the key is looked at: an SDK takes a
        refused handshake for a line that is down, and dials for ever."""
        with suppress(WebSocketDisconnect, WebSocketDisconnected):
            await socket.accept()
            try:
                principal = self.access.accounts.authenticate(socket.headers, "client")
                await self._serve(socket, principal)
            except SupernetError as denied:
                code = CLOSE_UNAUTHORIZED if denied.row.status in (401, 403) else CLOSE_LATER
                await socket.close(code, denied.message[:120])
            except Closed as closed:
                await socket.close(closed.code, closed.reason[:120])

    async def _serve(self, socket: WebSocket, principal: Principal) -> None:
        """Serve it to its end. Raises Closed, SupernetError."""
        if wait_s := self.dials.wait_s(principal.account, self.platform.intake.hub.now()):
            raise Closed(CLOSE_LATER, f"programs of this account dial too often: come back in {wait_s:.0f} s")
        app = socket.query_params.get("appId", "")[:MAX_APP_ID] or secrets.token_hex(8)
        place = principal.account, app
        if (older := self._open.pop(place, None)) is not None:
            older.close(CLOSE_ELSEWHERE, "another connection has this app id now")
        if sum(account == principal.account for account, _ in self._open) >= MOST:
            raise Closed(CLOSE_LATER, f"an account has at most {MOST} sockets open")
        useless = self.budgets.of_socket(principal.account, self.platform.intake.hub.now())
        connection = self._open[place] = Connection(socket, self.platform, self.access, principal, useless)
        try:
            row = await self.access.read(get_account, principal.account)
            await connection.serve(row.name)
        finally:
            if self._open.get(place) is connection:
                del self._open[place]
