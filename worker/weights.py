"""The model's files from the hub: fetched with resume, checked, kept.

No file is given out before its size and sha256 are those of the catalogue, or else those that the hub declares for the
commit that is pinned at the first download. hf_hub_download is not used: since huggingface_hub 2 it throws away what
has arrived when it breaks, and reports a damaged file as a good one (huggingface_hub issue 3643).
"""

import contextlib
import io
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast
from urllib.parse import urlsplit

import filelock
from huggingface_hub import HfFileMetadata, get_hf_file_metadata, hf_hub_url
from huggingface_hub import errors as hub_errors
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers, disable_progress_bars  # type: ignore[attr-defined]
from tqdm import tqdm

from wire.catalog import File, ModelSpec
from worker.checksum import digest, remember
from worker.model_files import Phase, Progress, Report, Weights, WeightsError, checksum, local, shipped
from worker.weights_store import Pin, Pinned, Store, size_of

__all__ = [
    "Console",
    "Hub",
    "Progress",
    "Report",
    "Weights",
    "WeightsError",
    "beginnings",
    "ensure",
    "local",
    "present",
]

TRANSFER_TRIES = 5  # connections in a row that bring nothing new
WAIT_STEP_S = 1.0
LINE_EVERY_S = 10.0
log = logging.getLogger(__name__)
disable_progress_bars()  # Console is shown instead: it also counts checking, and what arrived before a restart


@dataclass(frozen=True)
class Hub:
    """Where to fetch from. None: huggingface_hub's own settings (HF_ENDPOINT, HF_TOKEN)."""

    endpoint: str | None = None
    token: str | None = None
    pause_s: float = 2.0  # after a connection that brought nothing, doubled each time
    patience_s: float = 600.0  # how long another worker's download may stand still


def ensure(spec: ModelSpec, folder: Path, report: Report, hub: Hub | None = None) -> Weights:
    """The checked files of `spec`: from `folder` if they are there (no network then), else from the hub.

    Blocks as long as the download takes and calls `report` from this thread. A second process that wants the same
    model waits for the first instead of fetching it too. Raises WeightsError.
    """
    if spec.package is not None:
        return shipped(spec, folder, report)
    store = Store(spec, folder.resolve(), report)
    download = _Download(store, hub or Hub())
    try:
        store.folder.mkdir(parents=True, exist_ok=True)
        with download.locked(store.pin_path.stem):
            pin = store.read_pin()
            if pin is None:
                pin = download.resolve()
                store.write_pin(pin)
            missing = [file for file in pin.files if not store.is_checked(store.place(pin, file), file)]
            store.check_space(missing)
            for file in missing:
                with download.locked(file.sha256):
                    download.fetch_checked(pin, file)
    except OSError as error:
        raise store.problem(error) from error
    return store.weights(pin)


def present(spec: ModelSpec, folder: Path, report: Report) -> Weights | None:
    """The files of `spec` if all are in `folder`; nothing is fetched, and nothing changed. Raises WeightsError when one
    is not what it should be."""
    store = Store(spec, folder.resolve(), report)
    pin = store.read_pin()
    if pin is None or not all(store.place(pin, file).is_file() for file in pin.files):
        return None
    for file in pin.files:
        place = store.place(pin, file)
        if size_of(place) != file.size or checksum(place, store.folder, report) != file.sha256:
            raise WeightsError(
                "damaged_file", f"{place} ({file.name}) is damaged", "It is fetched again at the next start."
            )
    return store.weights(pin)


def beginnings(
    spec: ModelSpec, folder: Path, report: Report, most: int, hub: Hub | None = None
) -> tuple[Path, int, Iterator[tuple[BinaryIO, int]]]:
    """Where the model would be, how many bytes `ensure` would fetch, and of each part its first `most` bytes and its
    size: enough to read the headers. A part is asked for when its turn comes, and the one before need not be kept.

    Straight from the hub, unchecked; nothing is kept, and nothing pinned. Raises WeightsError.
    """
    store = Store(spec, folder.resolve(), report)
    download = _Download(store, hub or Hub())
    pin = store.read_pin() or download.resolve()
    try:
        missing = store.to_come(file for file in pin.files if not store.place(pin, file).is_file())
    except OSError as error:
        raise store.problem(error) from error
    parts = pin.files[: len(spec.files)]
    return store.weights(pin).path, missing, ((download.beginning(pin, part, most), part.size) for part in parts)


class _Download:
    """One call of `ensure` or `beginnings`."""

    def __init__(self, store: Store, hub: Hub) -> None:
        self.store, self.hub, self.spec = store, hub, store.spec

    @contextlib.contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Hold the lock `name`; as long as another process's download grows, wait for it."""
        folder = self.store.folder / "locks"
        folder.mkdir(exist_ok=True)
        lock = filelock.FileLock(folder / f"{name}.lock")
        seen, still_since = -1, time.monotonic()
        while True:
            try:
                lock.acquire(timeout=WAIT_STEP_S)
                break
            except filelock.Timeout:
                arrived = self.store.arrived()
                if arrived != seen:
                    seen, still_since = arrived, time.monotonic()
                if time.monotonic() - still_since >= self.hub.patience_s:
                    message = f"another worker holds {self.store.folder} and stands still"
                    raise WeightsError("locked", message, "Look after it, or use another --models-dir.") from None
                self.store.report(Progress(self.spec.id, "waiting", arrived, 0))
        try:
            yield
        finally:
            lock.release()

    def resolve(self) -> Pin:
        """Ask the hub once for each file; the first answer fixes the commit that the others are asked for."""
        commit: str | None = self.spec.revision if _is_hex(self.spec.revision, 40) else None
        files = []
        for file in self.store.wanted:
            found = self._metadata(file.name, commit or self.spec.revision)
            if not _is_hex(found.commit_hash or "", 40) or found.commit_hash != (commit or found.commit_hash):
                message = f"the hub does not say that {file.name} belongs to commit {commit or 'so and so'}"
                raise WeightsError("unverifiable_file", message, "Use the hub itself, not a mirror (HF_ENDPOINT).")
            commit = found.commit_hash
            files.append(_declared(file, found))
        return Pin(str(commit), tuple(files))

    def fetch_checked(self, pin: Pin, file: Pinned) -> None:
        """Fetch, check, and only then give the file its name; what is damaged is thrown away and fetched once more."""
        place, part = self.store.place(pin, file), self.store.part(file)
        if self.store.is_checked(place, file):  # the worker of another model brought it while we waited
            return
        place.parent.mkdir(exist_ok=True)
        for _ in range(2):
            self._fetch(pin, file, part)
            actual = digest(part, lambda done: self.store.report(Progress(file.name, "checking", done, file.size)))
            if actual == file.sha256:
                part.replace(place)
                remember(place, self.store.records, actual)
                return
            log.warning("%s is damaged: its sha256 is %s instead of %s", file.name, actual, file.sha256)
            part.unlink()
        message = f"{file.name} arrived damaged twice: its sha256 is not {file.sha256}"
        raise WeightsError("damaged_file", message, "Try later; if it stays, the hub or a proxy changes the file.")

    def _fetch(self, pin: Pin, file: Pinned, part: Path) -> None:
        """Append to `part` until it is whole; a broken connection is taken up again where it broke."""
        failures = 0
        while (have := size_of(part)) != file.size:
            if have > file.size:
                part.unlink()
                continue
            try:
                with self._problems(file.name):
                    self._fetch_once(pin, file, part)
            except WeightsError as error:
                failures = 0 if size_of(part) > have else failures + 1
                if error.code != "hub_unreachable" or failures >= TRANSFER_TRIES:
                    raise
                log.warning("%s; going on at %d bytes", error.message, size_of(part))
                time.sleep(self.hub.pause_s * 2 ** (failures - 1) if failures else 0)

    def _fetch_once(self, pin: Pin, file: Pinned, part: Path) -> None:
        url, headers = self._source(pin, file)
        with part.open("ab") as stream:
            counted = cast(BinaryIO, _Counted(stream, file, self.store.report))
            http_get(url, counted, resume_size=stream.tell(), headers=headers, expected_size=file.size)

    def beginning(self, pin: Pin, file: Pinned, most: int) -> BinaryIO:
        """Its first `most` bytes, or all of a shorter file; kept nowhere."""
        memory, head = io.BytesIO(), replace(file, size=min(most, file.size))
        counted = cast(BinaryIO, _Head(memory, head, self.store.report, "looking into"))
        with self._problems(file.name), contextlib.suppress(_Enough):
            url, headers = self._source(pin, file)
            http_get(url, counted, headers=headers | {"Range": f"bytes=0-{head.size - 1}"})
            if memory.tell() < head.size:
                raise OSError(f"the answer is short: {memory.tell()} bytes in place of {head.size}")
        memory.seek(0)
        return memory

    def _source(self, pin: Pin, file: Pinned) -> tuple[str, dict[str, str]]:
        """Where the hub keeps it now, and the headers to ask with."""
        found = self._metadata(file.name, pin.commit)
        headers = build_hf_headers(token=self.hub.token)
        home = urlsplit(hf_hub_url("a/b", "c", endpoint=self.hub.endpoint))
        target = urlsplit(found.location)
        if target.netloc != home.netloc:  # a signed storage address: it must be safe, and never gets our token
            headers.pop("authorization", None)
            if target.scheme != "https":
                message = f"the hub sends us to {target.scheme}://{target.netloc}"
                raise WeightsError("unverifiable_file", message, "Only https storage is used; check HF_ENDPOINT.")
        return found.location, headers

    def _metadata(self, name: str, revision: str) -> HfFileMetadata:
        url = hf_hub_url(str(self.spec.repository), name, revision=revision, endpoint=self.hub.endpoint)
        with self._problems(name):
            return get_hf_file_metadata(url, token=self.hub.token, endpoint=self.hub.endpoint)

    @contextlib.contextmanager
    def _problems(self, name: str) -> Iterator[None]:
        """Every way in which the hub says no, in our words."""
        where = f"{name} of {self.spec.repository}"
        try:
            yield
        except hub_errors.GatedRepoError:
            remedy = "Accept the model's terms on the hub with your account and set HF_TOKEN."
            raise WeightsError("gated_repository", f"{where} needs its owner's consent", remedy) from None
        except (hub_errors.RepositoryNotFoundError, hub_errors.RevisionNotFoundError, hub_errors.EntryNotFoundError):
            message = f"{where} at revision {self.spec.revision} is not on the hub, or not for you"
            remedy = "Check repository, revision and file in the catalogue; a private one needs HF_TOKEN."
            raise WeightsError("not_found", message, remedy) from None
        except (hub_errors.HTTPError, hub_errors.OfflineModeIsEnabled) as error:  # type: ignore[attr-defined]
            text = (str(error) or type(error).__name__).splitlines()[0]
            remedy = "Check the network and HF_ENDPOINT; what has arrived is kept."
            raise WeightsError("hub_unreachable", f"{where} cannot be fetched: {text}", remedy) from None
        except OSError as error:
            if error.errno is not None:
                raise
            raise WeightsError("hub_unreachable", f"{where}: {error}", "Try again.") from None  # a short answer
        except ValueError as error:  # http_get trusts headers to be numbers, as in `Content-Range: bytes 0-9/*`
            raise WeightsError("hub_unreachable", f"{where}: {error}", "Try again, without a proxy.") from None


def _declared(file: File, found: HfFileMetadata) -> Pinned:
    """The catalogue's word wins, and the hub must agree; its etag of a large file is the sha256."""
    etag = found.etag if _is_hex(found.etag or "", 64) else None
    sha256, size = file.sha256 or etag, file.size_bytes or found.size
    if sha256 is None or size is None:
        remedy = "Give its size_bytes and sha256 in the catalogue."
        raise WeightsError("unverifiable_file", f"the hub declares no size and sha256 of {file.name}", remedy)
    if sha256 != (etag or sha256) or size != (found.size or size):
        message = f"{file.name} on the hub (sha256 {etag}, {found.size} bytes) is not the file of the catalogue"
        raise WeightsError("damaged_file", message, "Correct the catalogue, or pin the revision that it was made for.")
    return Pinned(file.name, size, sha256)


def _is_hex(text: str, length: int) -> bool:
    return len(text) == length and all(char in "0123456789abcdef" for char in text)


class _Counted:
    """The part file, reporting every chunk; http_get uses nothing else of a file."""

    def __init__(self, stream: BinaryIO, file: Pinned, report: Report, phase: Phase = "downloading") -> None:
        self.tell, self.seek, self.truncate = stream.tell, stream.seek, stream.truncate
        self._stream, self._file, self._report, self._phase = stream, file, report, phase

    def write(self, chunk: bytes) -> int:
        done = self._stream.tell() + len(chunk)
        if done > self._file.size:  # a proxy that answers with something else must not fill the disk
            raise OSError("more bytes than the hub declares")
        self._stream.write(chunk)
        self._report(Progress(self._file.name, self._phase, done, self._file.size))
        return len(chunk)


class _Enough(Exception):
    """All that was wanted has arrived."""


class _Head(_Counted):
    """A file in memory that is left once it is full: a hub that ignores ranges sends more than was asked for."""

    def write(self, chunk: bytes) -> int:
        room = self._file.size - self._stream.tell()
        taken = super().write(chunk[:room])
        if len(chunk) >= room:
            raise _Enough
        return taken


class Console:
    """Shows progress: a bar on a terminal, a log line every few seconds otherwise."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bar: tqdm[Any] | None = None
        self._shown: tuple[str, str] | None = None
        self._line_at = 0.0

    def __call__(self, progress: Progress) -> None:
        key = (progress.file, progress.phase)
        if self._stream.isatty():
            if key != self._shown:
                self.close()
                label = f"{progress.phase} {progress.file}"
                self._bar = tqdm(
                    desc=label, total=progress.total_bytes or None, unit="B", unit_scale=True, file=self._stream
                )
            if self._bar is not None:
                self._bar.update(progress.done_bytes - self._bar.n)
        elif key != self._shown or time.monotonic() - self._line_at >= LINE_EVERY_S:
            self._line_at = time.monotonic()
            percent = 100 * progress.done_bytes // progress.total_bytes if progress.total_bytes else 0
            log.info("%s %s: %d MiB, %d %%", progress.phase, progress.file, progress.done_bytes >> 20, percent)
        self._shown = key

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
