"""The folder of a pipeline: out of a Python package, or from the hub, listed, pinned, fetched, checked and kept.

The catalog says which files of a repository are wanted. Of each the hub declares a hash, for the commit that is pinned
at the first download; what is not plain weights and descriptions is not fetched, and no name leads out of the folder.
"""

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub.utils import filter_repo_objects  # type: ignore[attr-defined]

from wire.catalog import File
from wire.media_catalog import MediaSpec
from worker.weights.download import Download, HuggingFace
from worker.weights.files import Report, WeightsError, checksum
from worker.weights.hugging_face import Listed
from worker.weights.inventory import PLAIN
from worker.weights.removal import make_room
from worker.weights.store import Pin, Pinned, Store, identity_of, pin_of, read_pin

MOST_FILES = 512
SMALL_BYTES = 32 * 2**20  # of a file for which the hub declares no SHA-256: it is read whole to be checked


@dataclass(frozen=True)
class Folder:
    """A pipeline's checked folder. `sha256`: of the names and hashes of all its files; `commit`: of the repository, if
    it has one."""

    path: Path
    sha256: str
    size_bytes: int
    commit: str | None = None


@dataclass(frozen=True)
class _Entry:
    id: str
    repository: str | None
    revision: str
    files: tuple[File, ...] = ()
    projector: File | None = None


@dataclass(frozen=True)
class _FolderStore(Store):
    """The files of a pipeline lie in a folder of their own, under the names that the repository gives them."""

    allow: tuple[str, ...]

    @property
    def pin_path(self) -> Path:
        return self.folder / pin_of("folder", str(self.spec.repository), self.spec.revision, *self.allow)

    def read_pin(self) -> Pin | None:
        pin = read_pin(self.pin_path)
        return pin if pin and all(PLAIN.fullmatch(file.name) for file in pin.files) else None

    def place(self, pin: Pin, file: Pinned) -> Path:
        return self.folder / identity_of(pin.files) / file.name

    def made(self, pin: Pin) -> Folder:
        identity = identity_of(pin.files)
        return Folder(self.folder / identity, identity, sum(file.size for file in pin.files), pin.commit)


def ensure_folder(
    spec: MediaSpec, folder: Path, report: Report, hub: HuggingFace | None = None, cap_bytes: int | None = None
) -> Folder:
    """Return the checked folder of `spec`: from `folder` if all is there (no network then), else from the hub.

    Blocks as long as the download takes and calls `report` from this thread; what has arrived is gone on with. Raises
    WeightsError. `cap_bytes`: as of download.ensure.
    """
    if spec.package is not None:
        return shipped_folder(spec, folder, report)
    store = _store(spec, folder, report)
    download = Download(store, hub or HuggingFace())
    try:
        store.folder.mkdir(parents=True, exist_ok=True)
        with download.locked(store.pin_path.stem):
            pin = store.read_pin()
            pin = store.read_pin() or _pin(download, store)
            store.keep_pin(pin)
            missing = [file for file in pin.files if not store.is_checked(store.place(pin, file), file)]
            make_room(store, pin, missing, cap_bytes)
            store.check_space(missing)
            for file in missing:
                with download.locked(file.sha256):
                    download.fetch_checked(pin, file)
    except OSError as error:
        raise store.problem(error) from error
    return store.made(pin)


def present_folder(spec: MediaSpec, folder: Path, report: Report) -> Folder | None:
    """Return the folder if all of it is here, else None; nothing is fetched or changed. Raises WeightsError when a file
    is not what it should be."""
    if spec.package is not None:
        return shipped_folder(spec, folder, report)
    store = _store(spec, folder, report)
    pin = store.read_pin()
    if pin is None or not all(store.place(pin, file).is_file() for file in pin.files):
        return None
    for file in pin.files:
        place = store.place(pin, file)
        if checksum(place, store.folder, report) != file.sha256:
            raise WeightsError("damaged_file", f"{place} is damaged", "It is fetched again at the next start.")
    return store.made(pin)


def shipped_folder(spec: MediaSpec, folder: Path, report: Report) -> Folder:
    """Return the folder that is shipped inside an installed Python package; hashes are remembered in `folder`. Raises
    WeightsError."""
    found = importlib.util.find_spec(str(spec.package))
    homes = list(found.submodule_search_locations or ()) if found else []
    place = next((Path(home) / str(spec.folder) for home in homes if (Path(home) / str(spec.folder)).is_dir()), None)
    if place is None:
        package = str(spec.package).replace("_", "-")
        message = f"{spec.id} comes in the Python package {package}, which is not here or has no {spec.folder}"
        raise WeightsError("not_found", message, f"Install the Python package {package} beside this worker.")
    names = [path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()]
    wanted = sorted(filter_repo_objects(names, allow_patterns=list(spec.allow)))
    files = [Pinned(name, (place / name).stat().st_size, checksum(place / name, folder, report)) for name in wanted]
    return Folder(place, identity_of(files), sum(file.size for file in files))


def _store(spec: MediaSpec, folder: Path, report: Report) -> _FolderStore:
    entry = _Entry(spec.id, spec.repository, spec.revision)
    return _FolderStore(entry, folder.resolve(), report, tuple(spec.allow))


def _pin(download: Download, store: _FolderStore) -> Pin:
    """Ask the hub what the folder is. A file that it knows by git's hash alone is fetched and held against it."""
    commit, listed = download.repository.listing()
    wanted = list(filter_repo_objects(listed, allow_patterns=list(store.allow), key=lambda one: one.name))
    if not wanted or len(wanted) > MOST_FILES:
        message = f"{store.spec.repository} has {len(wanted)} files of those that the catalog wants"
        raise WeightsError("not_found", message, "Correct `allow` or `revision` in the catalog.")
    for file in wanted:  # all names before the first fetch
        if not PLAIN.fullmatch(file.name):
            message = f"the hub lists a file of no plain name: {file.name[:100]!r}"
            raise WeightsError("unverifiable_file", message)
    return Pin(commit, tuple(_pinned(download, store, commit, one) for one in wanted))


def _pinned(download: Download, store: _FolderStore, commit: str, file: Listed) -> Pinned:
    if file.sha256:
        return Pinned(file.name, file.size, file.sha256)
    if file.name.endswith(".safetensors") or file.size > SMALL_BYTES:
        raise WeightsError("unverifiable_file", f"the hub declares no sha256 of {file.name}")
    content = download.beginning(Pin(commit, ()), Pinned(file.name, file.size, ""), file.size).read()
    if hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() != file.git:
        raise WeightsError("damaged_file", f"{file.name} is not what the hub declares", "It is tried again later.")
    found = Pinned(file.name, file.size, hashlib.sha256(content).hexdigest())
    store.part(found).write_bytes(content)  # it has arrived: fetch_checked only gives it its name
    return found
