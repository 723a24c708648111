"""Which web pages may call the API from a browser: CORS, on /v1/ alone.

A key travels in a header that the page itself must write, never by itself as a cookie does. So a page of any origin may
call, without credentials: it can do no more than a program that has the key. What the dashboard's pages are made of
(`/`, `/web/`) has no such headers, and nothing that works by a cookie belongs under /v1/.
"""

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

METHODS = ("GET", "HEAD", "POST", "PATCH", "DELETE")
MAX_AGE_S = 7200  # Chromium's own bound: for so long no page asks again before each request

# What a page may read of an answer's headers besides the content's type and length.
_RATES = [f"x-ratelimit-{what}-{kind}" for what in ("limit", "remaining", "reset") for kind in ("requests", "tokens")]
_SUPERNET = [
    f"x-supernet-{name}"
    for name in ("attempts", "platform-tools", "queue-ms", "queue-place", "queue-wait-ms", "ttft-ms", "worker")
]
EXPOSED = [
    "x-request-id",
    "request-id",
    "retry-after",
    "retry-after-ms",
    "x-should-retry",
    "idempotent-replayed",
    *_RATES,
    *_SUPERNET,
]


class CrossOrigin:
    """Around the application: Starlette's own middleware for paths below /v1/, nothing for all others.

    `origins`: those that may call, ("*",) for all, () for none. A page on the internet may call a coordinator in the
    same house too: the owner of the browser typed its key in.
    """

    def __init__(self, app: ASGIApp, origins: tuple[str, ...]) -> None:
        self.app = app
        self._shared = app
        if origins:
            self._shared = CORSMiddleware(
                app,
                allow_origins=origins,
                allow_methods=METHODS,
                allow_headers=("*",),
                allow_private_network=True,
                expose_headers=EXPOSED,
                max_age=MAX_AGE_S,
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        shared = scope["type"] == "http" and scope["path"].startswith("/v1/")
        await (self._shared if shared else self.app)(scope, receive, send)
