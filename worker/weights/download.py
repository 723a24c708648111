"""The model's files from the hub: fetched with resume, checked, kept.

No file is given out before its sha256 is that of the catalog, or else the one that the hub declares for the commit
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
from worker.weights import identity
from worker.weights.checksum import digest, remember
from worker.weights.files import Phase, Progress, Report, Weights, WeightsError, checksum, local, shipped
from worker.weights.hugging_face import HuggingFace, Repository
from worker.weights.removal import make_room
from worker.weights.store import Pin, Pinned, Store, size_of

__all__ = [
    "HuggingFace",
    "Progress",
    "Report",
    "Weights",
    "WeightsError",
    "beginnings",
    "compared",
    "ensure",
    "local",
    "present",
]

TRANSFER_TRIES = 5  # connections in a row that bring nothing new
HUB_WAIT_MOST_S = 300.0  # that the hub may ask for; longer, and the download fails for now
WAIT_STEP_S = 1.0
DAMAGED_PAUSE_S = 6 * 3600.0  # before a file that arrived damaged twice is fetched twice more
log = logging.getLogger("supernet.weights")


def ensure(
    spec: ModelSpec, folder: Path, report: Report, hub: HuggingFace | None = None, cap_bytes: int | None = None
) -> Weights:
    """Return the checked files of `spec`: from `folder` if they are there (no network then), else from the hub.

    Blocks as long as the download takes and calls `report` from this thread. A second process that wants the same
    model waits for the first instead of fetching it too. Raises WeightsError. `cap_bytes`: so much may lie in `folder`;
    models that nobody uses are removed for it before the download.
    """
    if spec.package is not None:
        return shipped(spec, folder, report)
    store = Store(spec, folder.resolve(), report)
    download = Download(store, hub or HuggingFace())
    try:
        store.folder.mkdir(parents=True, exist_ok=True)
        with download.locked(store.pin_path.stem):
            pin = _pin(store, download.repository)
            store.keep_pin(pin)
            missing = [file for file in pin.files if not store.is_checked(store.place(pin, file), file)]
            make_room(store, pin, missing, cap_bytes)
            store.check_space(missing)
            for file in missing:
                with download.locked(file.sha256):
                    download.fetch_checked(pin, file)
    except OSError as error:
        raise store.problem(error) from error
    return store.weights(pin)


def present(spec: ModelSpec, folder: Path, report: Report) -> Weights | None:
    """Return the files of `spec` if all are in `folder`, else None; nothing is fetched or changed.

    Raises WeightsError when a file is not what it should be.
    """
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


def compared(
    spec: ModelSpec, files: Weights, folder: Path, hub: HuggingFace, keep: bool = True
) -> tuple[tuple[str, ...], bool]:
    """Hold files of the owner's against what the catalog says of `spec`, or else the hub.

    Return what is different, in words, and whether the right hash of every file is known. `keep`: what the hub says is
    kept for the next time. Raises WeightsError for a folder that cannot be used.
    """
    pairs = zip(files.parts, files.sha256, strict=True)
    found = [identity.LocalFile(path.name, path.stat().st_size, sha256) for path, sha256 in pairs]
    expected = _declared(spec, folder, hub, keep)
    if identity.wrong_files(expected, found):  # what is kept from before may have been said wrong
        anew = _declared(spec, folder, hub, keep, anew=True)
        expected = anew if identity.confirmed(anew) else expected
    return identity.wrong_files(expected, found), identity.confirmed(expected)


def _declared(spec: ModelSpec, folder: Path, hub: HuggingFace, keep: bool, anew: bool = False) -> tuple[File, ...]:
    """Return the files of `spec` with their sizes and hashes, as far as these are known.

    They come from the catalog, from the commit that was pinned here before (not if `anew`), or from the hub now, whose
    commit is pinned then (`keep`). Raises WeightsError for a folder that cannot be used, not for a hub that cannot be
    asked.
    """
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
    return tuple(File(name=part.name, size_bytes=part.size, sha256=part.sha256) for part in pin.files)


def beginnings(
    spec: ModelSpec, folder: Path, report: Report, most: int, hub: HuggingFace | None = None
) -> tuple[Path, int, int, Iterator[tuple[BinaryIO, int]]]:
    """Return the path that the model would have, its bytes, how many of these `ensure` would fetch, and for each part
    its first `most` bytes with its size: enough to read the headers. A part is asked for when the iterator comes to it.

    Straight from the hub, unchecked; nothing is kept, and nothing pinned. Raises WeightsError.
    """
    store = Store(spec, folder.resolve(), report)
    download = Download(store, hub or HuggingFace())
    pin = _pin(store, download.repository)
    try:
        missing = store.to_come(file for file in pin.files if not store.place(pin, file).is_file())
    except OSError as error:
        raise store.problem(error) from error
    parts = ((download.beginning(pin, part, most), part.size) for part in pin.files)
    return store.weights(pin).path, sum(file.size for file in pin.files), missing, parts


def _pin(store: Store, repository: Repository) -> Pin:
    """Return the pin, with files that are not here as the hub declares them now. Raises WeightsError.

    While any file is here the others are those of its commit; when none is, the revision is asked anew.
    """
    pin = store.read_pin()
    here = [] if pin is None else [store.place(pin, file).is_file() for file in pin.files]
    if pin is None or not any(here):
        return repository.resolve(store.spec.files)
    missing = tuple(file for file, is_here in zip(store.spec.files, here, strict=True) if not is_here)
    anew = iter(repository.resolve(missing, pin.commit).files)
    files = (file if is_here else next(anew) for file, is_here in zip(pin.files, here, strict=True))
    return Pin(pin.commit, tuple(files))


class Download:
    """One call of `ensure`, `beginnings` or `ensure_folder`: the store, the repository, and what goes between them."""

    def __init__(self, store: Store, hub: HuggingFace) -> None:
        self.store, self.hub, self.spec = store, hub, store.spec
        self.repository = Repository(store.spec, hub)

    @contextlib.contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Hold the lock `name`. Another process that holds it is waited for as long as its download grows."""
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
        """Fetch the file, check it, and only then give it its name. A damaged one is removed and fetched once more.

        After the second time nothing is fetched for hours: a service tries again every few minutes, for 20 GB each.
        """
        place, part, note = self.store.place(pin, file), self.store.part(file), self.store.damaged(file)
        if self.store.is_checked(place, file):  # the worker of another model brought it while we waited
            return
        message = f"{file.name} arrived damaged twice: its sha256 is not {file.sha256}"
        remedy = f"The hub or a proxy changes the file. It is tried again after hours, or once {note} is removed."
        if note.exists() and time.time() - note.stat().st_mtime < DAMAGED_PAUSE_S:
            raise WeightsError("damaged_file", message, remedy)
        place.parent.mkdir(parents=True, exist_ok=True)
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
        """Return the seconds before the next connection; None: give up."""
        if failures >= TRANSFER_TRIES or error.code not in ("hub_unreachable", "hub_rate_limited"):
            return None
        own = self.hub.pause_s * 2 ** (failures - 1) if failures else 0.0
        asked = error.retry_after_s or 0.0
        return max(own, asked) if asked <= HUB_WAIT_MOST_S else None

    def _append(self, pin: Pin, file: Pinned, part: Path) -> None:
        """Append what arrives to `part`, which only ever grows: a wrong answer cannot spoil what has arrived before."""
        with part.open("ab") as out:
            self._copy(pin, file, out, out.tell(), file.size, "downloading")

    def beginning(self, pin: Pin, file: Pinned, most: int) -> BinaryIO:
        """Fetch the first `most` bytes, or all of a shorter file, into memory."""
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
