"""What only a coordinator that runs knows, asked over HTTP with a key of the operator."""

import json
import sys
from collections.abc import Iterator
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

from coordinator.operating.errors import CannotBeDone
from program.printable import printable

KEY_VARIABLE = "SUPERNET_API_KEY"
ASK_S = 15.0
PAGE, MOST_PAGES = 200, 1000
MOST_BYTES = 16 * 1024 * 1024


def everyone(url: str, key: str) -> Iterator[dict[str, Any]]:
    """All workers that are connected, as GET /v1/admin/workers has them. Raises CannotBeDone with what to do."""
    if not key:
        raise CannotBeDone(f"--coordinator asks with a key that has the scope admin: put one into {KEY_VARIABLE}")
    after: str | None = ""
    for _ in range(MOST_PAGES):
        if after is None:
            return
        page = _page(
            f"{url.rstrip('/')}/v1/admin/workers?limit={PAGE}" + (f"&after={quote(after)}" if after else ""), key
        )
        if not after and page.get("left_out"):
            print(f"{page['left_out']} more at other replicas: ask each with --coordinator", file=sys.stderr)
        yield from page["data"]
        after = page["next"]


def _page(address: str, key: str) -> Any:
    try:
        with urlopen(Request(address, headers={"authorization": f"Bearer {key}"}), timeout=ASK_S) as answer:
            return json.loads(answer.read(MOST_BYTES))
    except HTTPError as error:
        said = printable(error.read(1000).decode("utf-8", "replace"))
        raise CannotBeDone(f"{address} answered {error.code}: {said}") from None
    except (OSError, HTTPException, ValueError) as error:
        raise CannotBeDone(f"no coordinator answers at {address}: {printable(str(error))}") from None
