"""What the hub answered, in our words: what a refusal means, which bytes came, what a file is declared to be.

A problem is told to the coordinator too, so none quotes what a stranger answered: the owner's log does.
"""

import contextlib
import logging
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from huggingface_hub import HfFileMetadata
from huggingface_hub import errors as hub_errors

from wire.catalog import File
from worker.weights.files import WeightsError
from worker.weights.store import Pinned

CONTENT_RANGE = re.compile(r"^bytes (\d+)-(\d+)/(\d+|\*)$")
log = logging.getLogger("supernet.weights")


def refusal(error: hub_errors.HfHubHTTPError, where: str, with_token: bool) -> WeightsError:
    """Return what an HTTP status from 400 on means."""
    status = error.response.status_code
    if isinstance(error, hub_errors.GatedRepoError):
        return WeightsError("gated_repository", f"{where} needs its owner's consent")
    if isinstance(error, hub_errors.DisabledRepoError):
        return WeightsError("hub_refuses", f"{where}: the hub has disabled the repository", "Choose another model.")
    if status == 401 and with_token:
        return WeightsError("hub_token_refused", f"{where}: the hub refuses the token of HF_TOKEN (HTTP 401)")
    if status in (401, 404, 410):
        token = "The account of HF_TOKEN may not see it." if with_token else "A private one needs HF_TOKEN."
        remedy = f"Check repository, revision and file in the catalog. {token}"
        return WeightsError("not_found", f"{where} is not on the hub, or not for you (HTTP {status})", remedy)
    if status == 407:
        remedy = "Give the proxy its password: HTTPS_PROXY=http://name:password@host:port."
        return WeightsError("hub_unreachable", f"{where}: the proxy wants a password (HTTP 407)", remedy)
    if status == 429:
        wait = _wait_s(error.response.headers)
        told = "asks to wait" if wait is None else f"asks to wait {wait:.0f} s"
        return WeightsError("hub_rate_limited", f"{where}: the hub {told} (HTTP 429)", retry_after_s=wait)
    if status == 451:
        remedy = "The law of some country keeps it from you: choose another model."
        return WeightsError("hub_refuses", f"{where} is withheld for legal reasons (HTTP 451)", remedy)
    if status == 511:
        return WeightsError("wrong_answer", f"{where}: the network asks you to sign in first (HTTP 511)")
    if status >= 500 or status in (408, 425):
        return WeightsError("hub_unreachable", f"{where} cannot be fetched: HTTP {status}")
    return WeightsError("hub_refuses", f"{where}: the hub refuses it (HTTP {status})")


def _wait_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of Retry-After, which may be a date, or of the hub's own `RateLimit: "api";r=0;t=55`."""
    told = headers.get("retry-after", "").strip()
    if told.isdecimal():
        return float(told[:9])
    with contextlib.suppress(ValueError, TypeError):
        return max(0.0, (parsedate_to_datetime(told) - parsedate_to_datetime(headers["date"])).total_seconds())
    limit = re.search(r"\bt=(\d{1,9})\b", headers.get("ratelimit", ""))
    return float(limit[1]) if limit else None


def first_byte(status: int, headers: Mapping[str, str], start: int, file: Pinned) -> int:
    """Return the byte of `file` at which the answer begins. Raises WeightsError when it is not this file from `start`
    on."""
    length, kind = headers.get("content-length"), headers.get("content-type", "")
    span = CONTENT_RANGE.match(headers.get("content-range", ""))
    if kind.startswith(("text/html", "application/xhtml")):
        raise _wrong(file, "a page came in its place")
    if headers.get("content-encoding", "identity") != "identity":
        quote(headers["content-encoding"])
        raise _wrong(file, "it came compressed, unasked")
    if status == 416:  # we ask only within the size that was declared, so the file there is another or was cut
        quote(headers.get("content-range", "no range"))
        raise _wrong(file, f"nothing lies at byte {start} of {file.size} there (HTTP 416)")
    if status == 206 and span:
        first, last = int(span[1]), int(span[2])
        if first != start or not first <= last < file.size or span[3] not in ("*", str(file.size)):
            raise _wrong(file, f"bytes from {start} of {file.size} were asked for, and {span[0]} came")
        if length not in (None, str(last - first + 1)):
            quote(str(length))
            raise _wrong(file, f"another length is announced than that of {span[0]}")
        return first
    if status == 200 and length == str(file.size):
        return 0
    quote(length or "no length")
    raise _wrong(file, f"HTTP {status} with another length came for byte {start} of {file.size}")


def quote(words: str) -> None:
    """Tell the owner's log what a stranger wrote: in one line, escaped and cut."""
    log.warning("the answer says %.300r", words)


def _wrong(file: Pinned, what: str) -> WeightsError:
    return WeightsError("wrong_answer", f"what answers for {file.name} does not give it: {what}")


def declared(file: File, found: HfFileMetadata) -> Pinned:
    """Return the file with size and hash. The catalog's word wins, and the hub must agree; its etag of a large file is
    the sha256."""
    etag = found.etag if is_hex(found.etag or "", 64) else None
    sha256, size = file.sha256 or etag, file.size_bytes or found.size
    if sha256 is None or not size:
        remedy = "Give its size_bytes and sha256 in the catalog."
        raise WeightsError("unverifiable_file", f"the hub declares no size and sha256 of {file.name}", remedy)
    if sha256 != (etag or sha256) or size != (found.size or size):
        message = f"{file.name} on the hub (sha256 {etag}, {found.size} bytes) is not the file of the catalog"
        raise WeightsError("damaged_file", message, "Correct the catalog, or pin the revision that it was made for.")
    return Pinned(file.name, size, sha256)


def is_hex(text: str, length: int) -> bool:
    return len(text) == length and all(char in "0123456789abcdef" for char in text)
