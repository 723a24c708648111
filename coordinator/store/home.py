"""Where the database and its pepper lie when nobody says: one place for a user, whatever the working folder is.

They used to lie in the working folder: a second terminal then made a second database, whose keys the coordinator that
ran did not know.
"""

from pathlib import Path

import platformdirs

from coordinator.store.errors import LedgerError


def database() -> Path:
    """The default of `--db`. Raises LedgerError, as `pepper` does: see _place."""
    return _place("supernet-coordinator.db", "--db")


def pepper() -> Path:
    """The default of `--pepper` where there is no file of SQLite to lie beside."""
    return _place("supernet-coordinator.pepper", "--pepper")


def _place(name: str, flag: str) -> Path:
    """Raises LedgerError when there is no home, or when a file lies where earlier versions looked for it: to pass it
    over in silence would be to lose every account and key."""
    try:
        folder = platformdirs.user_state_path("supernet", appauthor=False)
    except RuntimeError:  # neither HOME nor an entry in passwd; older releases give a path that begins with ~
        folder = Path("~")
    if not folder.is_absolute():
        raise LedgerError(f"this user has no home folder to keep {name} in: give {flag} FILE")
    place = folder / name
    here = Path.cwd() / name
    if not here.exists() or (place.exists() and here.samefile(place)):  # the same by another path: HOME may be a link
        return place
    says = f"{name} lies in this folder, as earlier versions had it; its place is now {place}. Give {flag} {name}, or "
    if place.exists():
        raise LedgerError(f"{says}, as a file is there too, move the one away that is out of use")
    raise LedgerError(f"{says}stop the coordinator and move it: mkdir -p {place.parent} && mv {name}* {place.parent}/")
