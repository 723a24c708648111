"""Where artefacts are kept: the objects and the files on their way in, as the operator's setting says."""

import secrets
import shutil
import time
from pathlib import Path

from coordinator.artefacts.local import LocalObjects
from coordinator.artefacts.objects import Objects
from coordinator.artefacts.rows import namespace
from coordinator.artefacts.staging import Staging
from coordinator.store import home
from coordinator.store.database import Database
from coordinator.store.engines import sqlite_file

LEFT_S = 86_400.0  # files on their way in take minutes


def folder_beside(db: str | Path) -> Path:
    """The folder of a database whose artefacts are kept nowhere else. Raises StoreError."""
    file = sqlite_file(db)
    if file is None:
        return home.media()
    real = file.resolve()
    return real.with_name(real.name + ".media")


def opened(place: str | Path | None, db: str | Path, database: Database, replica: str = "") -> tuple[Objects, Staging]:
    """The objects and the staging of a setting: a folder, s3://BUCKET/PREFIX, or None for the folder beside the
    database. `replica`: one of several, of which some may be on this machine: each stages for itself.

    Below it the objects of each database have a folder of their own: a sweeper deletes what its database does not
    know, and must not find another's.
    """
    own = namespace(database, secrets.token_hex(8))
    folder = place if isinstance(place, Path) else folder_beside(db)
    staging = Staging(folder / own / (f"partial-{replica}" if replica else "partial"))
    if replica:
        _clear_left(folder / own)
    else:
        staging.clear()
    if isinstance(place, str):
        from coordinator.artefacts.s3 import S3Objects  # its library is loaded where it is used

        return S3Objects(f"{place}/{own}"), staging
    return LocalObjects(folder / own / "objects"), staging


def _clear_left(folder: Path) -> None:
    """Delete what replicas left that did not end by themselves."""
    for left in folder.glob("partial-*"):
        if time.time() - left.stat().st_mtime > LEFT_S:
            shutil.rmtree(left, ignore_errors=True)
