"""Where the database and its pepper lie by default: one place for a user, whatever the working folder is.

They used to lie in the working folder: a second terminal then made a second database, whose keys the coordinator that
ran did not know.
"""

import tempfile
from pathlib import Path

import platformdirs

from coordinator.store.errors import StoreError


def database() -> Path:
    """The default of `--db`. Raises StoreError, as `pepper` does: see _place."""
    return _place("supernet-coordinator.db", "--db")


def pepper() -> Path:
    """Where the pepper lies unless it is said, for a database that is no SQLite file."""
    return _place("supernet-coordinator.pepper", "--pepper")


def media() -> Path:
    """Where artefacts lie unless it is said, for a database that is no SQLite file."""
    return _place("supernet-media", "--artefacts")


def vocabularies() -> Path:
    """The default of `--vocabularies`: what can be fetched again belongs into a cache."""
    try:
        return platformdirs.user_cache_path("supernet", appauthor=False) / "vocabularies"
    except RuntimeError:  # no home: it is fetched anew after each start of the machine
        return Path(tempfile.gettempdir()) / "supernet-vocabularies"


def _place(name: str, flag: str) -> Path:
    """Raises StoreError when there is no home, or when a file lies where earlier versions looked for it: to pass it
    over in silence would be to lose every account and key."""
    try:
        folder = platformdirs.user_state_path("supernet", appauthor=False)
    except RuntimeError:  # neither HOME nor an entry in passwd; older releases give a path that begins with ~
        folder = Path("~")
    if not folder.is_absolute():
        raise StoreError(f"this user has no home folder to keep {name} in: give {flag} FILE")
    place = folder / name
    here = Path.cwd() / name
    if not here.exists() or (place.exists() and here.samefile(place)):  # the same by another path: HOME may be a link
        return place
    says = f"{name} lies in this folder, as earlier versions had it; its place is now {place}. Give {flag} {name}, or "
    if place.exists():
        raise StoreError(f"{says}, as a file is there too, move the one away that is out of use")
    raise StoreError(f"{says}stop the coordinator and move it: mkdir -p {place.parent} && mv {name}* {place.parent}/")
