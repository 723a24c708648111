"""A model hub on the loopback interface, with the answers that huggingface_hub needs and switches for trouble.

It serves HEAD and GET of /{owner}/{name}/resolve/{revision}/{file} with ranges, as the real hub does for large files:
the sha256 as etag, size and commit in headers; descriptions (JSON, text) are small files, whose etag is git's hash. GET
of /api/models/{owner}/{name}/revision/{revision} lists a repository, or says `listed` in its place. `instead` puts any
other answer in the place of one of these: what a portal, a proxy or a broken mirror says.
"""

import hashlib
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

PATH = re.compile(r"^/(?P<repository>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)$")
LISTING = re.compile(r"^/api/models/(?P<repository>[^/]+/[^/]+)/revision/(?P<revision>[^/?]+)")
COMMIT = "c0ffee" + "0" * 34
PIECE = 64 * 1024
IN_GIT = (".json", ".txt")  # what the hub keeps as git does, without a SHA-256


def git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _listed(name: str, content: bytes) -> dict[str, Any]:
    """A file as the hub's list has it."""
    one: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": git_hash(content)}
    if not name.endswith(IN_GIT):
        one["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
    return one


@dataclass(frozen=True)
class Asked:
    """A request. `start`: the first byte that it wants."""

    method: str
    path: str
    start: int
    token: str | None


@dataclass(frozen=True)
class Reply:
    """Any answer. A Content-Length that is not among the headers is that of the body; "" leaves a header out."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class LoopbackHub:
    """`files` maps (repository, file name) to contents. Use it as a context manager; set switches at any time."""

    files: dict[tuple[str, str], bytes]
    commit: str | None = COMMIT
    gated: bool = False
    down: bool = False  # every answer is 503
    ignore_range: bool = False
    hide_size: bool = False  # of a part it does not say how long the whole is
    etag_is_sha256: bool = True
    redirect_to: str | None = None
    instead: Callable[[Asked], Reply | None] | None = None  # None of it: the hub's own answer
    listed: Callable[[list[dict[str, Any]]], Any] | None = None  # the list that is told, of the true one
    wrong: int = 0  # so many of the next downloads carry a wrong byte
    cut_after: int | None = None  # bytes of one answer after which the connection breaks
    cuts: int = 0  # so many of the next downloads are cut
    hold_after: int | None = None  # bytes of one answer after which it waits for `release`
    holding: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)  # method, path, Range
    tokens: list[str | None] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"owner": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="hub")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def downloads(self) -> list[str | None]:
        """The Range of every GET, in order."""
        return [span for method, _, span in self.requests if method == "GET"]


class _Handler(BaseHTTPRequestHandler):
    owner: LoopbackHub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a test looks at `requests`."""

    def _answer(self, body: bool) -> None:
        hub = self.owner
        hub.requests.append((self.command, self.path, self.headers["Range"]))
        hub.tokens.append(self.headers["Authorization"])
        start = re.match(r"bytes=(\d+)-", self.headers["Range"] or "")
        asked = Asked(self.command, self.path, int(start[1]) if start else 0, self.headers["Authorization"])
        if hub.instead is not None and (reply := hub.instead(asked)) is not None:
            return self._reply(reply, body)
        if (asked_for := LISTING.match(self.path)) and not (hub.down or hub.gated):
            return self._list(asked_for["repository"], asked_for["revision"], body)
        match = PATH.match(self.path)
        content = hub.files.get((match["repository"], match["file"])) if match else None
        if hub.down:
            return self._refuse(503, None)
        if hub.gated:
            return self._refuse(403, "GatedRepo")
        if match is None or content is None:
            known = match and any(repository == match["repository"] for repository, _ in hub.files)
            return self._refuse(404, "EntryNotFound" if known else "RepoNotFound")
        if match["revision"] not in ("main", hub.commit):
            return self._refuse(404, "RevisionNotFound")
        self._serve(content, body, in_git=match["file"].endswith(IN_GIT))

    def _reply(self, reply: Reply, body: bool) -> None:
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(len(reply.body)), "Connection": "close", **reply.headers}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(reply.body)
        self.close_connection = True

    def _list(self, repository: str, revision: str, body: bool) -> None:
        hub = self.owner
        files = {name: content for (owner, name), content in hub.files.items() if owner == repository}
        if not files or revision not in ("main", hub.commit):
            return self._refuse(404, "RepoNotFound" if not files else "RevisionNotFound")
        true = [_listed(name, content) for name, content in files.items()]
        told = {"id": repository, "sha": hub.commit, "siblings": hub.listed(true) if hub.listed else true}
        self._reply(Reply(200, {"Content-Type": "application/json"}, json.dumps(told).encode()), body)

    def _refuse(self, status: int, code: str | None) -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
            self.send_header("X-Error-Message", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _serve(self, content: bytes, body: bool, in_git: bool) -> None:
        hub, start, whole = self.owner, 0, content
        span = re.match(r"bytes=(\d+)-(\d*)", self.headers["Range"] or "")
        ranged = span is not None and not hub.ignore_range
        if span and ranged:
            start = int(span[1])
            content = content[: int(span[2]) + 1] if span[2] else content
        redirected = hub.redirect_to is not None and not body
        self.send_response(302 if redirected else 206 if ranged else 200)
        if redirected:
            self.send_header("Location", f"{hub.redirect_to}{self.path}")
        etag = hashlib.sha256(whole).hexdigest() if hub.etag_is_sha256 and not in_git else git_hash(whole)
        self.send_header("ETag", f'"{etag}"')
        self.send_header("X-Linked-Etag", f'"{etag}"')
        self.send_header("X-Linked-Size", str(len(whole)))
        if hub.commit:
            self.send_header("X-Repo-Commit", hub.commit)
        if ranged:
            size = "*" if hub.hide_size else len(whole)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{size}")
        self.send_header("Content-Length", str(0 if redirected else len(content) - start))
        self.end_headers()
        if body:
            self._send(content[start:])

    def _send(self, content: bytes) -> None:
        hub = self.owner
        if hub.wrong:
            hub.wrong -= 1
            content = bytes([content[0] ^ 1]) + content[1:]
        limit = len(content)
        if hub.cuts and hub.cut_after is not None:
            hub.cuts -= 1
            limit = min(limit, hub.cut_after)
        try:
            for at in range(0, limit, PIECE):
                if hub.hold_after is not None and at >= hub.hold_after:
                    self.wfile.flush()
                    hub.holding.set()
                    hub.release.wait(60)
                self.wfile.write(content[at : min(at + PIECE, limit)])
        except (BrokenPipeError, ConnectionResetError):  # the downloader was killed
            self.close_connection = True
        if limit < len(content):
            self.close_connection = True
