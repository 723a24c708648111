"""Where a request comes from, for what is counted by address."""

from starlette.requests import Request

from coordinator.identity.identity import Identity


def client_place(identity: Identity, request: Request) -> str:
    """The hash of the range of addresses in which the client is, behind the operator's own proxies."""
    peer = request.client.host if request.client else ""
    return identity.place(peer, request.headers.getlist("x-forwarded-for"))
