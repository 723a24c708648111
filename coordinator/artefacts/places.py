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
    own = _own(database)
    folder = place if isinstance(place, Path) else folder_beside(db)
    staging = Staging(folder / own / (f"partial-{replica}" if replica else "partial"))
    if replica:
        _clear_left(folder / own)
    else:
        staging.clear()
    return (_bucket(place, own) if isinstance(place, str) else _folder(folder, own)), staging


def in_folder(folder: Path, database: Database) -> LocalObjects:
    """The objects of this database in a folder, for who works beside the coordinator that serves: what is on its way
    in is left alone."""
    return _folder(folder, _own(database))


def in_bucket(url: str, database: Database) -> Objects:
    """The objects of this database in a bucket, s3://BUCKET/PREFIX."""
    return _bucket(url, _own(database))


def _own(database: Database) -> str:
    return namespace(database, secrets.token_hex(8))


def _folder(folder: Path, own: str) -> LocalObjects:
    return LocalObjects(folder / own / "objects")


def _bucket(url: str, own: str) -> Objects:
    from coordinator.artefacts.s3 import S3Objects  # its library is loaded where it is used

    return S3Objects(f"{url}/{own}")


def _clear_left(folder: Path) -> None:
    """Delete what replicas left that did not end by themselves."""
    for left in folder.glob("partial-*"):
        if time.time() - left.stat().st_mtime > LEFT_S:
            shutil.rmtree(left, ignore_errors=True)
