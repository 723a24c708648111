"""What was made goes to the coordinator: one PUT over HTTP, to where the worker dials and nowhere else.

The same address, the same proxy, the same certificates and the same rule for a home on the internet as the websocket
has (home.py); a redirect is followed nowhere. Python's own client sends it, from a thread: it takes a socket that is
open already, which other clients do not, and needs no library.
"""

import asyncio
import base64
import contextlib
import http.client
import logging
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import quote, urlsplit

from websockets.exceptions import InvalidProxy
from websockets.proxy import get_proxy, parse_proxy
from websockets.uri import parse_uri

from wire.errors import ErrorCode
from wire.media import UPLOAD_PATH, Upload
from wire.messages import Issue
from worker.config import api_url
from worker.daemon import reach
from worker.daemon.home import Home
from worker.daemon.reason import Reason
from worker.daemon.threads import in_thread
from worker.issues import issue
from worker.media_engine.port import Made
from worker.session.slots import JobKey

TRIES = 3
PAUSE_S = 2.0  # before the second try, five times as long before the third: a coordinator may be restarting
STEP_S = 30.0  # of one wait for the network
LEAST_S, SLOWEST_BYTES_PER_S = 60.0, 125_000  # of one try: a line of 1 Mbit/s is good enough
MOST_ANSWER_BYTES = 64 * 1024
PIECE_BYTES = 64 * 1024
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})  # another try may help
MOVED_ON = frozenset({403, 409, 410})  # the attempt is not wanted any more: nobody's trouble
FILTERED = f'"{ErrorCode.CONTENT_FILTER}"'  # with a 403: it was looked at, and may not be shown
log = logging.getLogger("supernet.uploads")


class UploadFailed(Exception):
    """The coordinator has not taken the file. The text is in our own words; `problem`: what its owner can do something
    about."""

    def __init__(self, why: str, problem: Issue | None = None) -> None:
        super().__init__(why)
        self.problem = problem


@dataclass(frozen=True)
class _Answer:
    status: int
    location: str
    said: str


async def upload(home: Home, key: JobKey, made: Made, leave: Upload, opened: Callable[[], BinaryIO]) -> None:
    """Bring what was made for an attempt home, in a few tries. `opened`: opens its file. Raises UploadFailed."""
    url = f"{api_url(home.url)}{UPLOAD_PATH}/{quote(key.job, safe='')}/{key.attempt}"
    headers = {
        "Authorization": f"Bearer {leave.token}",
        "Content-Type": made.media_type,
        "Content-Length": str(made.size_bytes),
        "Digest": f"sha-256={base64.b64encode(bytes.fromhex(made.sha256)).decode()}",
    }
    failed = UploadFailed("it was not tried")
    for number in range(TRIES):
        if number:
            await asyncio.sleep(PAUSE_S * 5 ** (number - 1))
        try:
            async with asyncio.timeout(LEAST_S + made.size_bytes / SLOWEST_BYTES_PER_S):
                answer = await _put(home, url, headers, opened)
        except (OSError, http.client.HTTPException, InvalidProxy, TimeoutError) as error:
            failed = _unreachable(error, url)
        else:
            if answer.status in (200, 201):
                return
            failed = _refused(answer, url)
            if answer.status not in AGAIN and not _may_be_waited_for(answer):
                break
        log.info("upload of %s: %s", key, failed, extra={"job": key.job, "attempt": key.attempt})
    raise failed


def _may_be_waited_for(answer: _Answer) -> bool:
    """Whether it says that nobody waits for the file, as a replica does while the one that waited dies or is replaced:
    before long the worker's line is with another one that knows better, or that has the upload stopped. For the first
    answer alone an honest worker was taken for a broken one."""
    return answer.status in (403, 410) and FILTERED not in answer.said


def _unreachable(error: Exception, url: str) -> UploadFailed:
    match error:
        case TimeoutError():
            why = Reason("it takes too long")
        case OSError():
            why = reach.reason(error, url)
        case InvalidProxy():
            why = Reason(str(error))
        case _:  # its words are those of a stranger
            why = reach.no_http(url)
    return UploadFailed(f"the file could not be uploaded: {why.text}", _problem(why.text, why.remedy))


def _refused(answer: _Answer, url: str) -> UploadFailed:
    text = f"the coordinator does not take the file (HTTP {answer.status})"
    log.warning("%s: %.300r", text, answer.said)
    if answer.status in MOVED_ON:
        return UploadFailed(text)
    why = reach.refusal(url, answer.status, answer.said, answer.location) or Reason(text)
    return UploadFailed(why.text, _problem(why.text, why.remedy))


def _problem(text: str, remedy: str) -> Issue:
    return issue("upload_refused", text[:4000], remedy)


# ---- one try -----------------------------------------------------------------------------------------------------


async def _put(home: Home, url: str, headers: dict[str, str], opened: Callable[[], BinaryIO]) -> _Answer:
    """Send the file and return the answer. Cancelled, it ends the connection, and the thread with it. Raises OSError,
    HTTPException and InvalidProxy."""
    line = await _connection(home, url)
    try:
        return await in_thread(lambda: _send(line, url, headers, opened), "upload")
    finally:
        if line.sock is not None:
            with contextlib.suppress(OSError):
                line.sock.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits for it, which closing does not
        line.close()


async def _connection(home: Home, url: str) -> http.client.HTTPConnection:
    """A connection over a socket that home.py has opened, or through the owner's proxy, which knows addresses of its
    own."""
    where, secure = urlsplit(url), url.startswith("https://")
    assert where.hostname is not None
    port = where.port or (443 if secure else 80)
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    proxy = None if reach.loopback(url) else get_proxy(parse_uri(home.url))
    if proxy is None:
        async with asyncio.timeout(STEP_S):
            opened = await home.dial(where.hostname, port)
        opened.settimeout(STEP_S)
        line = kind(where.hostname, port, timeout=STEP_S, blocksize=PIECE_BYTES)
        line.sock = opened
        line.auto_open = 0  # a thread that finds it closed would dial anew, and by name
        return line
    through = parse_proxy(proxy)
    if through.scheme != "http":
        raise InvalidProxy(proxy, "files are uploaded through a proxy of http:// alone")
    line = kind(through.host, through.port, timeout=STEP_S, blocksize=PIECE_BYTES)
    login = through.user_info
    token = "" if login is None else base64.b64encode(":".join(login).encode()).decode()
    line.set_tunnel(where.hostname, port, {"Proxy-Authorization": f"Basic {token}"} if token else None)
    return line


def _send(
    line: http.client.HTTPConnection, url: str, headers: dict[str, str], opened: Callable[[], BinaryIO]
) -> _Answer:
    """Blocks. Whoever refuses early may close the line before all is sent: its answer counts all the same."""
    if line.sock is not None and isinstance(line, http.client.HTTPSConnection):
        line.sock = ssl.create_default_context().wrap_socket(line.sock, server_hostname=line.host)
    with opened() as file:
        try:
            line.request("PUT", urlsplit(url).path, file, headers)
        except (BrokenPipeError, ConnectionResetError) as error:
            try:
                return _read(line)
            except (OSError, http.client.HTTPException):
                raise error from None
        return _read(line)


def _read(line: http.client.HTTPConnection) -> _Answer:
    answer = line.getresponse()
    said = answer.read(MOST_ANSWER_BYTES).decode("utf-8", "replace")
    return _Answer(answer.status, answer.headers.get("Location", ""), said)
