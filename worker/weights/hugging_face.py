"""The model hub: what it declares of a repository's files, and their bytes from any offset on.

huggingface_hub knows addresses, tokens, proxies and what a refusal means. Its http_get is not used: it empties what has
arrived as soon as anybody answers 200 to a request for the rest (a portal's page does), believes any offset of a 206,
and refuses files above 50 GB, which a storage gives in ranges all the same.
"""

import contextlib
import logging
import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from huggingface_hub import HfFileMetadata, constants, get_hf_file_metadata, get_session, hf_hub_url
from huggingface_hub import errors as hub_errors
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

from wire.catalog import File, ModelSpec
from worker.weights.files import WeightsError
from worker.weights.store import Pin, Pinned

SLICE_BYTES = 16 * 2**30  # of one request: content networks give no more than 50 GB in one answer
PIECE_BYTES = 2**20
CONTENT_RANGE = re.compile(r"^bytes (\d+)-(\d+)/(\d+|\*)$")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Hub:
    """Where to fetch from. None: huggingface_hub's own settings (HF_ENDPOINT, HF_TOKEN)."""

    endpoint: str | None = None
    token: str | None = None
    pause_s: float = 2.0  # after a connection that brought nothing, doubled each time
    patience_s: float = 600.0  # how long another worker's download may stand still


class Repository:
    """The repository of one catalogue entry. All raise WeightsError, with the row of issues.py that fits.

    A token that the hub refuses is left out from then on, `token_refused`: a public model needs none.
    """

    def __init__(self, spec: ModelSpec, hub: Hub) -> None:
        self._spec, self._hub = spec, hub
        self._token: str | bool | None = hub.token
        self.token_refused = False

    def resolve(self, wanted: tuple[File, ...], commit: str | None = None) -> Pin:
        """Ask the hub once for each file. Without a commit the first answer fixes the one that the others are asked
        for."""
        if commit is None and _is_hex(self._spec.revision, 40):
            commit = self._spec.revision
        files = []
        for file in wanted:
            found = self._metadata(file.name, commit or self._spec.revision)
            if not _is_hex(found.commit_hash or "", 40) or found.commit_hash != (commit or found.commit_hash):
                message = f"the hub does not say that {file.name} belongs to commit {commit or 'so and so'}"
                raise WeightsError("unverifiable_file", message, "Use the hub itself, not a mirror (HF_ENDPOINT).")
            commit = found.commit_hash
            files.append(_declared(file, found))
        return Pin(str(commit), tuple(files))

    def stream(self, pin: Pin, file: Pinned, start: int, stop: int) -> Generator[bytes, None, None]:
        """The bytes [start, stop) of the file as they arrive, SLICE_BYTES at most.

        Nothing is given out before status, type, range and length of the answer have been held against the file. A
        server without ranges sends all of it: what lies before `start` is passed over then.
        """
        stop = min(stop, start + SLICE_BYTES)
        url, headers = self._source(pin, file)
        headers |= {"Range": f"bytes={start}-{stop - 1}", "Accept-Encoding": "identity"}
        with self._problems(file.name):
            asked = get_session().stream("GET", url, headers=headers, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT)
            with asked as answer:
                self._check_place(str(answer.url))
                if answer.is_error and answer.status_code != 416:
                    answer.close()  # what it means stands in its head; its body would be read however long it is
                    hf_raise_for_status(answer)
                at = _first_byte(answer.status_code, answer.headers, start, file)
                for piece in answer.iter_raw(PIECE_BYTES):
                    wanted = piece[max(0, start - at) : stop - at]
                    at += len(piece)
                    if wanted:
                        yield wanted
                    if at >= stop:
                        return
        raise WeightsError("hub_unreachable", f"{self._where(file.name)}: the answer is short: it ends at byte {at}")

    def _source(self, pin: Pin, file: Pinned) -> tuple[str, dict[str, str]]:
        """Where the hub keeps it now, and the headers to ask with."""
        found = self._metadata(file.name, pin.commit)
        etag = found.etag if _is_hex(found.etag or "", 64) else file.sha256
        if etag != file.sha256 or (found.size or file.size) != file.size:
            message = f"{self._where(file.name)} has changed at commit {pin.commit}: the hub says sha256 {etag}, "
            message += f"{found.size} bytes, and said {file.sha256}, {file.size} bytes"
            remedy = "The next start asks anew; if it stays so, use the hub itself, not a mirror (HF_ENDPOINT)."
            raise WeightsError("unverifiable_file", message, remedy)
        headers = self._headers()
        if self._check_place(found.location):
            headers.pop("authorization", None)
        return found.location, headers

    def _check_place(self, address: str) -> bool:
        """Is it elsewhere than the hub? A signed storage address must be safe, and never gets our token."""
        home, target = urlsplit(hf_hub_url("a/b", "c", endpoint=self._hub.endpoint)), urlsplit(address)
        if target.netloc != home.netloc and target.scheme != "https":
            message = f"the hub sends us to {target.scheme}://{target.netloc}"
            raise WeightsError("unverifiable_file", message, "Only https storage is used; check HF_ENDPOINT.")
        return target.netloc != home.netloc

    # ---- questions -----------------------------------------------------------------------------------------------

    def _metadata(self, name: str, revision: str) -> HfFileMetadata:
        """With the token, and without it when the hub does not take it."""
        with_token = "authorization" in self._headers()
        try:
            return self._ask(name, revision)
        except WeightsError as error:
            if not with_token or error.code not in ("hub_token_refused", "hub_refuses"):
                raise
            log.warning("%s; trying without the token (HF_TOKEN)", error.message)
            refused = error
        token, self._token = self._token, False
        try:
            found = self._ask(name, revision)
        except WeightsError as error:
            self._token = token
            if error.code in ("gated_repository", "not_found", "hub_refuses"):
                raise WeightsError(refused.code, f"{refused.message}; and without it: {error.message}") from None
            raise
        self.token_refused = True
        return found

    def _ask(self, name: str, revision: str) -> HfFileMetadata:
        url = hf_hub_url(str(self._spec.repository), name, revision=revision, endpoint=self._hub.endpoint)
        with self._problems(name):
            found = get_hf_file_metadata(url, token=self._token, endpoint=self._hub.endpoint)
        if found.commit_hash is None and found.etag is None:
            place = urlsplit(found.location)
            message = f"{self._where(name)}: {place.scheme}://{place.netloc} answers, and it is not the hub"
            raise WeightsError("wrong_answer", message)
        return found

    def _headers(self) -> dict[str, str]:
        headers: dict[str, str] = build_hf_headers(token=self._token)
        if not headers.get("authorization", "").isascii():  # no header can carry it; the error would quote it
            log.warning("the token (HF_TOKEN) has letters that no token has; trying without it")
            self._token, self.token_refused = False, True
            headers = build_hf_headers(token=False)
        return headers

    def _where(self, name: str) -> str:
        return f"{name} of {self._spec.repository}"

    @contextlib.contextmanager
    def _problems(self, name: str) -> Iterator[None]:
        """Every way in which the hub says no, in our words."""
        where = self._where(name)
        try:
            yield
        except hub_errors.HfHubHTTPError as error:
            with_token = "authorization" in error.response.request.headers
            raise _refusal(error, where, with_token) from None
        except (hub_errors.HTTPError, hub_errors.OfflineModeIsEnabled) as error:  # type: ignore[attr-defined]
            text = next(iter(str(error).split("\n")), "") or type(error).__name__
            remedy = "Check the network and HF_ENDPOINT; what has arrived is kept."
            raise WeightsError("hub_unreachable", f"{where} cannot be fetched: {text}", remedy) from None
        except ValueError as error:  # huggingface_hub takes the address apart that a redirect names
            raise WeightsError("wrong_answer", f"{where}: we are sent to what is no address: {error}") from None


# ---- answers, in our words -------------------------------------------------------------------------------------------


def _refusal(error: hub_errors.HfHubHTTPError, where: str, with_token: bool) -> WeightsError:
    """What an HTTP status from 400 on means."""
    status = error.response.status_code
    if isinstance(error, hub_errors.GatedRepoError):
        return WeightsError("gated_repository", f"{where} needs its owner's consent")
    if isinstance(error, hub_errors.DisabledRepoError):
        return WeightsError("hub_refuses", f"{where}: the hub has disabled the repository", "Choose another model.")
    if status == 401 and with_token:
        return WeightsError("hub_token_refused", f"{where}: the hub refuses the token of HF_TOKEN (HTTP 401)")
    if status in (401, 404, 410):
        token = "The account of HF_TOKEN may not see it." if with_token else "A private one needs HF_TOKEN."
        remedy = f"Check repository, revision and file in the catalogue. {token}"
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
    """Seconds of Retry-After, which may be a date, or of the hub's own `RateLimit: "api";r=0;t=55`."""
    told = headers.get("retry-after", "").strip()
    if told.isdecimal():
        return float(told[:9])
    with contextlib.suppress(ValueError, TypeError):
        return max(0.0, (parsedate_to_datetime(told) - parsedate_to_datetime(headers["date"])).total_seconds())
    limit = re.search(r"\bt=(\d{1,9})\b", headers.get("ratelimit", ""))
    return float(limit[1]) if limit else None


def _first_byte(status: int, headers: Mapping[str, str], start: int, file: Pinned) -> int:
    """At which byte of `file` the answer begins. Raises WeightsError when it is not the file from `start` on."""
    length, kind = headers.get("content-length"), headers.get("content-type", "")
    span = CONTENT_RANGE.match(headers.get("content-range", ""))
    if kind.startswith(("text/html", "application/xhtml")):
        raise _wrong(file, f"a page ({kind.partition(';')[0]}) came in its place")
    if headers.get("content-encoding", "identity") != "identity":
        raise _wrong(file, f"it came compressed ({headers['content-encoding']}), unasked")
    if status == 416:  # we ask only within the size that was declared, so the file there is another or was cut
        told = headers.get("content-range", "no range").removeprefix("bytes */")
        raise _wrong(file, f"nothing lies at byte {start} of {file.size} there (HTTP 416, {told} bytes)")
    if status == 206 and span:
        first, last = int(span[1]), int(span[2])
        if first != start or not first <= last < file.size or span[3] not in ("*", str(file.size)):
            raise _wrong(file, f"bytes from {start} of {file.size} were asked for, and {span[0]} came")
        if length not in (None, str(last - first + 1)):
            raise _wrong(file, f"{length} bytes are announced for {span[0]}")
        return first
    if status == 200 and length == str(file.size):
        return 0
    raise _wrong(file, f"HTTP {status} with {length or 'unknown'} bytes came for byte {start} of {file.size}")


def _wrong(file: Pinned, what: str) -> WeightsError:
    return WeightsError("wrong_answer", f"what answers for {file.name} does not give it: {what}")


def _declared(file: File, found: HfFileMetadata) -> Pinned:
    """The catalogue's word wins, and the hub must agree; its etag of a large file is the sha256."""
    etag = found.etag if _is_hex(found.etag or "", 64) else None
    sha256, size = file.sha256 or etag, file.size_bytes or found.size
    if sha256 is None or not size:
        remedy = "Give its size_bytes and sha256 in the catalogue."
        raise WeightsError("unverifiable_file", f"the hub declares no size and sha256 of {file.name}", remedy)
    if sha256 != (etag or sha256) or size != (found.size or size):
        message = f"{file.name} on the hub (sha256 {etag}, {found.size} bytes) is not the file of the catalogue"
        raise WeightsError("damaged_file", message, "Correct the catalogue, or pin the revision that it was made for.")
    return Pinned(file.name, size, sha256)


def _is_hex(text: str, length: int) -> bool:
    return len(text) == length and all(char in "0123456789abcdef" for char in text)
