"""What a browser may do with a session in place of a key: the API of /v1/ once more below /session/v1/.

A cookie travels by itself, whoever makes the browser send it. So nothing below /v1/ looks at one, and below /session/
each request also brings a token in a header, which only our own pages can read; and what the browser says of the page
that asks must be this coordinator. There is no CORS here.
"""

from collections.abc import Iterable

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from coordinator.accounts.accounts import SESSION_HEADER
from coordinator.api.account_access import translated
from coordinator.api.errors import error_response
from coordinator.identity.identity import Identity
from coordinator.identity.sessions import WHOLE_MS
from coordinator.openai.chat_response import error_body
from wire.errors import ErrorCode, SupernetError

PREFIX = "/session"
CSRF_HEADER = "x-csrf-token"
CHALLENGE_PATH = "/identity"
CHALLENGE_S, PROVIDER_S = 300, 900
_OURS = SESSION_HEADER.encode()

Headers = list[tuple[bytes, bytes]]


class SessionGate:
    """Around the application: a request below /session/ goes on as one without the prefix, in its session."""

    def __init__(self, app: ASGIApp, identity: Identity) -> None:
        self.app = app
        self._identity = identity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            scope["headers"] = [(name, value) for name, value in scope["headers"] if name != _OURS]
            if scope["type"] == "http" and scope["path"].startswith(f"{PREFIX}/v1/"):
                try:
                    scope = await self._inside(scope)
                except SupernetError as error:
                    await error_response(error, error_body(error))(scope, receive, send)
                    return
        await self.app(scope, receive, send)

    async def _inside(self, scope: Scope) -> Scope:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        token = cookie(headers.get("cookie", ""), session_cookie(self._identity))
        if not self._identity.tokens.genuine("session", token):
            raise SupernetError(ErrorCode.INVALID_API_KEY, "You are not signed in.")
        check_page(self._identity, headers)
        if headers.get(CSRF_HEADER) != self._identity.tokens.csrf(token):
            message = (
                f"The header '{CSRF_HEADER}' is not that of this session, as after signing in again in another tab: "
                "load the page anew."
            )
            raise SupernetError(ErrorCode.PERMISSION_DENIED, message)
        found = await translated(self._identity.session(token))
        if found is None:
            raise SupernetError(ErrorCode.INVALID_API_KEY, "Your session has ended: sign in again.")
        kept = [(name, value) for name, value in scope["headers"] if name not in _CREDENTIALS]
        path = scope["path"].removeprefix(PREFIX)
        return {**scope, "path": path, "raw_path": path.encode(), "headers": [*kept, (_OURS, found[0].encode())]}


_CREDENTIALS = {b"authorization", b"api-key", b"x-api-key", b"cookie", b"origin"}


def check_page(identity: Identity, headers: dict[str, str], *, needed: bool = False) -> None:
    """Raises permission_denied for a request that another site's page makes. `needed`: the browser must say which page
    asks, as it does of each that changes something."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    wrong = site not in (None, "same-origin") or (origin is None and needed)
    if wrong or origin not in (None, identity.origin):
        message = f"This is done by the pages at {identity.origin} alone: open the dashboard there."
        raise SupernetError(ErrorCode.PERMISSION_DENIED, message)


def cookie(header: str, name: str) -> str:
    """The value of a cookie, "" without it. What stands beside it is other programs', and may be anything."""
    for pair in header.split(";"):
        key, _, value = pair.partition("=")
        if key.strip() == name:
            return value.strip()
    return ""


def session_cookie(identity: Identity) -> str:
    """`__Host-`: the browser takes it over TLS alone, and from no neighbour among the subdomains."""
    return "__Host-supernet-session" if identity.secure else "supernet-session"


def challenge_cookie(identity: Identity) -> str:
    return "__Secure-supernet-challenge" if identity.secure else "supernet-challenge"


def provider_cookie(identity: Identity) -> str:
    """Of who is on the way to a provider and back, which may take them longer than to touch a key. `__Host-`: else a
    neighbour among the subdomains could give a browser their own, and so sign it in as themselves."""
    return "__Host-supernet-provider" if identity.secure else "supernet-provider"


def keep_session(response: Response, identity: Identity, token: str) -> None:
    _keep(response, identity, session_cookie(identity), token, "/", WHOLE_MS // 1000)


def keep_challenge(response: Response, identity: Identity, name: str, sealed: str, seconds: int) -> None:
    _keep(response, identity, name, sealed, _path(identity, name), seconds)


def drop_cookies(response: Response, identity: Identity, names: Iterable[str]) -> None:
    for name in names:
        _keep(response, identity, name, "", _path(identity, name), 0)


def _path(identity: Identity, name: str) -> str:
    """`__Host-` wants the root."""
    return CHALLENGE_PATH if name == challenge_cookie(identity) else "/"


def _keep(response: Response, identity: Identity, name: str, value: str, path: str, seconds: int) -> None:
    response.set_cookie(
        name, value, max_age=seconds, path=path, secure=identity.secure, httponly=True, samesite="strict"
    )
