"""The model hub: what it declares of a repository's files, and their bytes from any offset on.

huggingface_hub knows addresses, tokens, proxies and what a refusal means. Its http_get is not used: it empties what has
arrived as soon as anybody answers 200 to a request for the rest (a portal's page does), believes any offset of a 206,
and refuses files above 50 GB, which a storage gives in ranges all the same.
"""

import contextlib
import logging
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from huggingface_hub import HfApi, HfFileMetadata, constants, get_hf_file_metadata, get_session, hf_hub_url
from huggingface_hub import errors as hub_errors
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

from program.internet import addresses, public
from wire.catalog import File
from worker.weights.files import WeightsError
from worker.weights.hub_answers import declared, first_byte, is_hex, quote, refusal
from worker.weights.store import Entry, Pin, Pinned

SLICE_BYTES = 16 * 2**30  # of one request: content networks give no more than 50 GB in one answer
PIECE_BYTES = 2**20
MOST_REDIRECTS = 5  # of one download
# Errors whose words are of this machine alone; those of other errors quote the answer.
OWN_WORDS = ("ConnectError", "ConnectTimeout", "ReadTimeout", "ReadError", "WriteError", "OfflineModeIsEnabled")
log = logging.getLogger("supernet.weights")


@dataclass(frozen=True)
class HuggingFace:
    """How to reach the hub. None: huggingface_hub's own settings (HF_ENDPOINT, HF_TOKEN)."""

    endpoint: str | None = None
    token: str | None = None
    pause_s: float = 2.0  # after a connection that brought nothing, doubled each time
    patience_s: float = 600.0  # how long another worker's download may stand still
    addresses: Callable[[str], Iterable[str]] = addresses  # of a host


@dataclass(frozen=True)
class Listed:
    """A file of a repository as the hub lists it: by SHA-256 where it keeps it as a large one, else by the hash that
    git gives its contents."""

    name: str
    size: int
    sha256: str
    git: str


class Repository:
    """The repository of one catalog entry. Its methods raise WeightsError, with the row of issues.py that fits.

    A token that the hub refuses is left out from then on (`token_refused`): a public model needs none.
    """

    def __init__(self, spec: Entry, hub: HuggingFace) -> None:
        self._spec, self._hub = spec, hub
        self._token: str | bool | None = hub.token
        self.token_refused = False

    def resolve(self, wanted: tuple[File, ...], commit: str | None = None) -> Pin:
        """Ask the hub for size and hash of each file. Without a `commit` the first answer fixes that of the others."""
        if commit is None and is_hex(self._spec.revision, 40):
            commit = self._spec.revision
        files = []
        for file in wanted:
            found = self._metadata(file.name, commit or self._spec.revision)
            if not is_hex(found.commit_hash or "", 40) or found.commit_hash != (commit or found.commit_hash):
                message = f"the hub does not say that {file.name} belongs to commit {commit or 'so and so'}"
                raise WeightsError("unverifiable_file", message, "Use the hub itself, not a mirror (HF_ENDPOINT).")
            commit = found.commit_hash
            files.append(declared(file, found))
        return Pin(str(commit), tuple(files))

    def listing(self) -> tuple[str, tuple[Listed, ...]]:
        """Ask the hub for the commit of the revision, and for all files of it."""
        where = str(self._spec.repository)
        with self._problems("the list of files"):
            api = HfApi(endpoint=self._hub.endpoint, token=self._token)
            found = api.model_info(where, revision=self._spec.revision, files_metadata=True)
        listed = tuple(
            Listed(one.rfilename, one.size or 0, one.lfs.sha256 if one.lfs else "", one.blob_id or "")
            for one in found.siblings or ()
        )
        if not is_hex(found.sha or "", 40) or not listed:
            raise WeightsError("wrong_answer", f"what answers for {where} does not say its commit and its files")
        return str(found.sha), listed

    def stream(self, pin: Pin, file: Pinned, start: int, stop: int) -> Generator[bytes, None, None]:
        """Yield the bytes [start, stop) of the file as they arrive, SLICE_BYTES at most.

        None is yielded before status, type, range and length of the answer have been compared with the file. A server
        without ranges sends all of it: the bytes before `start` are passed over then.
        """
        stop = min(stop, start + SLICE_BYTES)
        url, headers = self._source(pin, file)
        headers |= {"Range": f"bytes={start}-{stop - 1}", "Accept-Encoding": "identity"}
        with self._problems(file.name), self._asked(url, headers) as answer:
            if answer.is_error and answer.status_code != 416:
                answer.close()  # what it means stands in its head; its body would be read however long it is
                hf_raise_for_status(answer)
            at = first_byte(answer.status_code, answer.headers, start, file)
            for piece in answer.iter_raw(PIECE_BYTES):
                wanted = piece[max(0, start - at) : stop - at]
                at += len(piece)
                if wanted:
                    yield wanted
                if at >= stop:
                    return
        raise WeightsError("hub_unreachable", f"{self._where(file.name)}: the answer is short: it ends at byte {at}")

    @contextlib.contextmanager
    def _asked(self, url: str, headers: dict[str, str]) -> Iterator[Any]:
        """The answer to a GET, behind redirects: each place that one names is looked at before it is asked."""
        wait_s = constants.HF_HUB_DOWNLOAD_TIMEOUT
        for _ in range(MOST_REDIRECTS):
            asked = get_session().stream("GET", url, headers=headers, timeout=wait_s, follow_redirects=False)
            with asked as answer:
                if not answer.has_redirect_location:
                    yield answer
                    return
                url = urljoin(url, answer.headers["location"])
            if self._check_place(url):
                headers.pop("authorization", None)
        raise WeightsError("wrong_answer", f"the hub sends us on and on: {MOST_REDIRECTS} times")

    def _source(self, pin: Pin, file: Pinned) -> tuple[str, dict[str, str]]:
        """Return the address where the hub keeps the file now, and the headers to ask with."""
        found = self._metadata(file.name, pin.commit)
        etag = found.etag if is_hex(found.etag or "", 64) else file.sha256
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
        """Return True for an address elsewhere than the hub. It must be https, and never gets our token; a hub on the
        internet must not name a place in a network behind it."""
        home, target = urlsplit(hf_hub_url("a/b", "c", endpoint=self._hub.endpoint)), urlsplit(address)
        if (target.scheme, target.netloc) == (home.scheme, home.netloc):
            return False
        remedy = "Only https storage on the internet is used; check HF_ENDPOINT."
        if target.scheme != "https":
            quote(address)
            raise WeightsError("unverifiable_file", "the hub sends us to a place without https", remedy)
        if self._inside(target.hostname) and not self._inside(home.hostname):
            quote(address)
            raise WeightsError("unverifiable_file", "the hub sends us into a private network", remedy)
        return True

    def _inside(self, host: str | None) -> bool:
        """Return whether an address of the host is none of the internet. A name that only a proxy knows is not."""
        try:
            return not all(public(address) for address in self._hub.addresses(host or ""))
        except OSError:
            return False

    # ---- questions -----------------------------------------------------------------------------------------------

    def _metadata(self, name: str, revision: str) -> HfFileMetadata:
        """Ask with the token, and without it when the hub does not take it."""
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
            quote(found.location)
            raise WeightsError("wrong_answer", f"{self._where(name)}: what answers is not the hub")
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
        """Turn what the hub's client raises into WeightsError."""
        where = self._where(name)
        try:
            yield
        except hub_errors.HfHubHTTPError as error:
            with_token = "authorization" in error.response.request.headers
            raise refusal(error, where, with_token) from None
        except (hub_errors.HTTPError, hub_errors.OfflineModeIsEnabled) as error:  # type: ignore[attr-defined]
            text = str(error).partition("\n")[0]
            if not text or type(error).__name__ not in OWN_WORDS:
                quote(text)
                text = type(error).__name__
            remedy = "Check the network and HF_ENDPOINT; what has arrived is kept."
            raise WeightsError("hub_unreachable", f"{where} cannot be fetched: {text}", remedy) from None
        except ValueError as error:  # huggingface_hub takes the address apart that a redirect names
            quote(str(error))
            raise WeightsError("wrong_answer", f"{where}: we are sent to what is no address") from None
