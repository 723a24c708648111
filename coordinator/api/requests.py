"""/v1/account/requests: what an account asked for: each request with its times, tokens, cost and end, and no text."""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from coordinator.accounts.rows import list_keys
from coordinator.admission.rate_limits import RateLimited
from coordinator.api.account_access import AccountAccess
from coordinator.api.query import whole_number
from coordinator.api.request_ids import PREFIX, names
from coordinator.api.request_rows import COLUMNS, request_json, request_row, request_whole
from coordinator.api.spreadsheet import MEDIA_TYPE, headers, lines
from coordinator.ledger.pricing import Units
from coordinator.ledger.requests import STATUSES, Place, Wanted, called, chunk, find, horizon, page, place
from program.allowance import Allowances
from wire.errors import invalid

MOST_LISTED = 100
PART = 50_000  # requests that one file of CSV looks at
CHUNK = 250  # of them, looked at at once: in between others are answered
FILES, FILE_EVERY_S = 10, 30.0  # files of an account at once, and one more each so many seconds
FILTERS = ("model", "key", "from", "to", "status", "finish", "request_id")
NAME = re.compile(r"[A-Za-z0-9._:/-]{1,128}")  # of models, keys and codes
CURSOR = re.compile(r"req_([0-9a-f]{32}(?:\.[0-9]{1,2}){0,2})")
MOST_MS = 253_402_300_800_000  # the year 10,000


@dataclass(frozen=True)
class RequestsApi:
    """The endpoints below /v1/account/requests."""

    access: AccountAccess
    units: Units
    _files: Allowances = field(default_factory=lambda: Allowances(FILES, 1 / FILE_EVERY_S))
    _piece: asyncio.Lock = field(default_factory=asyncio.Lock)  # of all files one at a time: others ask in between

    async def list(self, request: Request) -> Response:
        """The account's requests, the newest first; behind the one that `after` names, `limit` at most. With
        `format=csv` as a file of many."""
        _, account = await self.access.authenticate(request, "after", "limit", "format", *FILTERS)
        wanted = await self._wanted(account.id, request.query_params)
        after = await self._after(account.id, request.query_params.get("after"))
        limit = whole_number(request, "limit", 20, 1, MOST_LISTED)
        kind = request.query_params.get("format", "json")
        if kind not in ("json", "csv"):
            raise invalid("format", "Invalid 'format': expected 'json' or 'csv'.")
        if kind == "csv":
            return await self._file(request, account.id, wanted, after)
        found = await self.access.look(account.id, page, account.id, wanted, after, limit)
        keys = await self._keys(account.id)
        data = [request_json(asked, keys, self.units) for asked in found.entries]
        first, last = data[0]["id"] if data else None, PREFIX + found.last.name if found.last else None
        shown = {"object": "list", "data": data, "first_id": first, "last_id": last, "has_more": found.more}
        return JSONResponse(shown, headers={"cache-control": "no-store"})

    async def show(self, request: Request) -> Response:
        """One request with each of its choices, by any id that its client knows. Raises not_found."""
        _, account = await self.access.authenticate(request)
        asked = await self.access.read(find, account.id, *names(request.path_params["request_id"]))
        keys = await self._keys(account.id)
        return JSONResponse(request_whole(asked, keys, self.units), headers={"cache-control": "no-store"})

    async def _file(self, request: Request, account: str, wanted: Wanted, after: Place | None) -> Response:
        """A part of all requests, read piece by piece as it is sent. A `link` header leads to the next one."""
        if request.method == "GET" and not self._files.take(account, 1, time.monotonic()):
            message = f"An account has {FILES} such files at once: wait {FILE_EVERY_S:.0f} seconds for another one."
            raise RateLimited(message, FILE_EVERY_S, {})
        end = await self.access.look(account, horizon, account, wanted, after, PART)
        keys, told = await self._keys(account), headers("requests")
        if end is not None:
            query = {**request.query_params, "after": PREFIX + end.name}
            told["link"] = f'</v1/account/requests?{urlencode(query)}>; rel="next"'
            told["x-supernet-next-after"] = query["after"]
        if request.method == "HEAD":
            return Response(media_type=MEDIA_TYPE, headers=told)
        pieces = self._pieces(account, wanted, after, end, keys)
        return StreamingResponse(pieces, media_type=MEDIA_TYPE, headers=told)

    async def _pieces(
        self, account: str, wanted: Wanted, after: Place | None, end: Place | None, keys: Mapping[str, str]
    ) -> AsyncGenerator[bytes]:
        yield lines([COLUMNS])
        while True:
            async with self._piece:
                found, after = await self.access.look(account, chunk, account, wanted, after, end, CHUNK)
            if found:
                yield lines(request_row(asked, keys, self.units) for asked in found)
            if after is None:
                return

    async def _wanted(self, account: str, query: Mapping[str, str]) -> Wanted:
        wanted = read_wanted(query)
        if "request_id" not in query:
            return wanted
        return replace(wanted, names=await self.access.read(called, account, *names(query["request_id"])))

    async def _after(self, account: str, text: str | None) -> Place | None:
        """Where to go on: behind a request, or behind a round or call, where that was the last that was looked at."""
        if text is None:
            return None
        name = CURSOR.fullmatch(text)
        return await self.access.read(place, account, name[1] if name else "")

    async def _keys(self, account: str) -> dict[str, str]:
        return {key.id: key.name for key in await self.access.read(list_keys, account)}


def read_wanted(query: Mapping[str, str]) -> Wanted:
    """What is looked for. Raises invalid_request."""
    given: dict[str, Any] = {}
    for name in ("model", "key", "finish"):
        given[name] = query.get(name)
        if given[name] is not None and not NAME.fullmatch(given[name]):
            raise invalid(name, f"Invalid '{name}': expected 1 to 128 letters, digits and . _ : / -")
    status = next((known for known in STATUSES if known == query.get("status")), None)
    if status is None and "status" in query:
        raise invalid("status", f"Invalid 'status': expected one of {', '.join(map(repr, STATUSES))}.")
    return Wanted(**given, from_ms=_time(query, "from"), to_ms=_time(query, "to"), status=status)


def _time(query: Mapping[str, str], name: str) -> int | None:
    """Unix seconds, or a time of ISO 8601 with its zone, or a day (UTC)."""
    text = query.get(name)
    if text is None:
        return None
    try:
        if text.isascii() and text.isdigit() and len(text) < 12:
            at_ms = int(text) * 1000
        else:
            at = datetime.fromisoformat(text if len(text) > 10 else text + "T00:00:00+00:00")
            at_ms = round(at.timestamp() * 1000) if at.tzinfo else -1
    except (ValueError, OverflowError):
        at_ms = -1
    if not 0 <= at_ms < MOST_MS:
        raise invalid(name, f"Invalid '{name}': expected Unix seconds, 2026-12-01, or 2026-12-01T10:00:00Z.")
    return at_ms
