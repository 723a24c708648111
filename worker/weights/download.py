"""The model's files from the hub: fetched with resume, checked, kept.

No file is given out before its sha256 is that of the catalogue, or else the one that the hub declares for the commit
that is pinned at the first download. What the hub said of a file that has not arrived yet is asked anew at each start:
said wrong once, by a mirror or a proxy, it would be wrong for good.

hf_hub_download is not used: since huggingface_hub 2 it throws away what has arrived when it breaks, and reports a
damaged file as a good one (huggingface_hub issue 3643).
"""

import contextlib
import io
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import filelock

from wire.catalog import File, ModelSpec
from worker.weights.checksum import digest, remember
from worker.weights.files import Phase, Progress, Report, Weights, WeightsError, checksum, local, shipped
from worker.weights.hugging_face import Hub, Repository
from worker.weights.store import Pin, Pinned, Store, size_of

__all__ = [
    "Hub",
    "Progress",
    "Report",
    "Weights",
    "WeightsError",
    "beginnings",
    "declared",
    "ensure",
    "local",
    "present",
]

TRANSFER_TRIES = 5  # connections in a row that bring nothing new
HUB_WAIT_MOST_S = 300.0  # that the hub may ask for; longer, and the download fails for now
WAIT_STEP_S = 1.0
DAMAGED_PAUSE_S = 6 * 3600.0  # before a file that arrived damaged twice is fetched twice more
log = logging.getLogger(__name__)


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
            pin = _pin(store, download.repository)
            if pin != store.read_pin():
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
        if checksum(place, store.folder, report) != file.sha256:
            raise WeightsError(
                "damaged_file", f"{place} ({file.name}) is damaged", "It is fetched again at the next start."
            )
    return store.weights(pin)


def declared(spec: ModelSpec, folder: Path, hub: Hub, keep: bool = True, anew: bool = False) -> tuple[File, ...]:
    """The files of `spec` with their sizes and hashes, as far as anybody says them: the catalogue, the commit that was
    pinned here before (not if `anew`, as far as nothing of it is here), or the hub now, whose commit is pinned then
    (`keep`). Raises WeightsError for a folder that cannot be used, not for a hub that cannot be asked."""
    if spec.repository is None or all(file.sha256 for file in spec.files):
        return spec.files
    store = Store(spec, folder.resolve(), lambda progress: None)
    try:
        pin = None if anew else store.read_pin()
        pin = pin or _pin(store, Repository(spec, hub))
        if keep:
            store.write_pin(pin)
    except WeightsError as error:
        log.warning("the hub cannot be asked what %s is: %s", spec.id, error.message)
        return spec.files
    except OSError as error:
        raise store.problem(error) from error
    parts = pin.files[: len(spec.files)]
    return tuple(File(name=part.name, size_bytes=part.size, sha256=part.sha256) for part in parts)


def beginnings(
    spec: ModelSpec, folder: Path, report: Report, most: int, hub: Hub | None = None
) -> tuple[Path, int, Iterator[tuple[BinaryIO, int]]]:
    """Where the model would be, how many bytes `ensure` would fetch, and of each part its first `most` bytes and its
    size: enough to read the headers. A part is asked for when its turn comes, and the one before need not be kept.

    Straight from the hub, unchecked; nothing is kept, and nothing pinned. Raises WeightsError.
    """
    store = Store(spec, folder.resolve(), report)
    download = _Download(store, hub or Hub())
    pin = _pin(store, download.repository)
    try:
        missing = store.to_come(file for file in pin.files if not store.place(pin, file).is_file())
    except OSError as error:
        raise store.problem(error) from error
    parts = pin.files[: len(spec.files)]
    return store.weights(pin).path, missing, ((download.beginning(pin, part, most), part.size) for part in parts)


def _pin(store: Store, repository: Repository) -> Pin:
    """The pin as far as its files are here, checked, and the others as the hub declares them now: those of the same
    commit, or, when none is here, of the revision. Raises WeightsError."""
    pin = store.read_pin()
    here = [] if pin is None else [store.place(pin, file).is_file() for file in pin.files]
    if pin is None or not any(here):
        return repository.resolve(store.wanted)
    missing = tuple(file for file, is_here in zip(store.wanted, here, strict=True) if not is_here)
    anew = iter(repository.resolve(missing, pin.commit).files)
    files = (file if is_here else next(anew) for file, is_here in zip(pin.files, here, strict=True))
    return Pin(pin.commit, tuple(files))


class _Download:
    """One call of `ensure` or `beginnings`."""

    def __init__(self, store: Store, hub: Hub) -> None:
        self.store, self.hub, self.spec = store, hub, store.spec
        self.repository = Repository(store.spec, hub)

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

    def fetch_checked(self, pin: Pin, file: Pinned) -> None:
        """Fetch, check, and only then give the file its name; what is damaged is thrown away and fetched once more.

        After the second time nothing is fetched for hours: a service tries again every few minutes, for 20 GB each."""
        place, part, note = self.store.place(pin, file), self.store.part(file), self.store.damaged(file)
        if self.store.is_checked(place, file):  # the worker of another model brought it while we waited
            return
        message = f"{file.name} arrived damaged twice: its sha256 is not {file.sha256}"
        remedy = f"The hub or a proxy changes the file. It is tried again after hours, or once {note} is removed."
        if note.exists() and time.time() - note.stat().st_mtime < DAMAGED_PAUSE_S:
            raise WeightsError("damaged_file", message, remedy)
        place.parent.mkdir(exist_ok=True)
        for _ in range(2):
            self._fetch(pin, file, part)
            actual = digest(part, lambda done: self.store.report(Progress(file.name, "checking", done, file.size)))
            if actual == file.sha256:
                part.replace(place)
                remember(place, self.store.records, actual)
                note.unlink(missing_ok=True)
                return
            log.warning("%s is damaged: its sha256 is %s instead of %s", file.name, actual, file.sha256)
            part.unlink()
        note.touch()
        raise WeightsError("damaged_file", message, remedy)

    def _fetch(self, pin: Pin, file: Pinned, part: Path) -> None:
        """Append to `part` until it is whole; a broken connection is taken up again where it broke."""
        failures = 0
        while (have := size_of(part)) != file.size:
            try:
                if have > file.size:  # it took hours to arrive: the size counts once the bytes come with it too
                    self.beginning(pin, file, 1)
                    part.unlink()
                self._append(pin, file, part)
                failures = 0
            except WeightsError as error:
                failures = 0 if size_of(part) > have else failures + 1
                wait = self._pause(error, failures)
                if wait is None:
                    raise
                log.warning("%s; going on at %d bytes", error.message, size_of(part))
                time.sleep(wait)

    def _pause(self, error: WeightsError, failures: int) -> float | None:
        """Seconds before the next connection; None: give up."""
        if failures >= TRANSFER_TRIES or error.code not in ("hub_unreachable", "hub_rate_limited"):
            return None
        own = self.hub.pause_s * 2 ** (failures - 1) if failures else 0.0
        asked = error.retry_after_s or 0.0
        return max(own, asked) if asked <= HUB_WAIT_MOST_S else None

    def _append(self, pin: Pin, file: Pinned, part: Path) -> None:
        """`part` only ever grows: whatever answers, what has arrived stays."""
        with part.open("ab") as out:
            self._copy(pin, file, out, out.tell(), file.size, "downloading")

    def beginning(self, pin: Pin, file: Pinned, most: int) -> BinaryIO:
        """Its first `most` bytes, or all of a shorter file; kept nowhere."""
        memory = io.BytesIO()
        self._copy(pin, file, memory, 0, min(most, file.size), "looking into")
        memory.seek(0)
        return memory

    def _copy(self, pin: Pin, file: Pinned, out: BinaryIO, start: int, stop: int, phase: Phase) -> None:
        with contextlib.closing(self.repository.stream(pin, file, start, stop)) as pieces:
            for piece in pieces:
                out.write(piece)
                start += len(piece)
                self.store.report(Progress(file.name, phase, start, stop))
