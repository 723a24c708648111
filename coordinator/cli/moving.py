"""`database move` and `media move`: from one process's file and folder to what replicas share, and what the next start
has to be told then."""

import asyncio
import json
import sys
import time
from dataclasses import asdict

from coordinator.accounts.pepper import pepper_file
from coordinator.artefacts.copying import Outcome, copy_objects
from coordinator.artefacts.local import LocalObjects
from coordinator.artefacts.objects import Objects, ObjectsError
from coordinator.artefacts.places import folder_beside, in_bucket, in_folder
from coordinator.artefacts.rows import kept
from coordinator.config import Config
from coordinator.ledger.audit import check
from coordinator.store.database import Database
from coordinator.store.errors import StoreError
from coordinator.store.move import move

TOLD_EVERY_S = 2.0
# A thread of obstore's takes the interpreter once more after its answer has come. A process that ends in that moment is
# aborted: 7 of 160 were that ended at once, none that waited.
LAST_S = 0.2


def move_database(source: Database, config: Config, address: str, *, as_json: bool) -> None:
    """Move it, with the progress on stderr, and print what has moved. Raises StoreError: nothing has."""
    began = time.monotonic()
    counts = move(source, address, _copied, check)
    seconds = time.monotonic() - began
    if as_json:
        print(json.dumps({"rows": counts, "seconds": round(seconds, 3)}))
    pepper = config.pepper or pepper_file(source.name)
    media = "" if config.artefacts else f" --artefacts {folder_beside(source.name)}"
    print(f"{sum(counts.values()):,} rows have moved in {seconds:.1f} s, and all of them are there", file=sys.stderr)
    print(f"from its next start on the coordinator needs --db URL --pepper {pepper}{media}", file=sys.stderr)


def _copied(table: str, done: int, rows: int) -> None:
    print(f"{table}: {done:,} of {rows:,}", file=sys.stderr)


def move_media(database: Database, config: Config, to: str, *, as_json: bool) -> bool:
    """Copy the folder's objects to the bucket, with the progress on stderr, and print what became of them. Returns
    whether all that rows have are in the bucket. Raises StoreError: it can be run again."""
    began = time.monotonic()
    try:
        source = _source(database, config)
        outcome = asyncio.run(_copy(database, source, in_bucket(to, database)))
    except ObjectsError as error:
        raise StoreError(
            f"{to} does not take them: {error}; AWS_ENDPOINT, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            " say where it is and with which keys. Run it again then: what is there is not copied twice"
        ) from None
    except OSError as error:
        raise StoreError(
            f"{error.filename}: {error.strerror}; run it again as the user who runs the coordinator"
        ) from None
    seconds = time.monotonic() - began
    if as_json:
        lost = {name: [file.name for file in getattr(outcome, name)] for name in ("missing", "damaged")}
        print(json.dumps(asdict(outcome) | lost | {"seconds": round(seconds, 3)}))
    _say(outcome, seconds, source, to)
    return not outcome.missing and not outcome.damaged


def _source(database: Database, config: Config) -> LocalObjects:
    if isinstance(config.artefacts, str):
        raise StoreError(f"{config.artefacts} is a bucket: name the folder that they lie in with --artefacts FOLDER")
    folder = config.artefacts or folder_beside(config.db)
    source = in_folder(folder, database)
    if not source.folder.is_dir() and kept(database):
        raise StoreError(
            f"{folder} has no media of {database.name}: name the coordinator's folder with --artefacts FOLDER (for a"
            " database that was moved, `database move` named it at its end)"
        )
    return source


async def _copy(database: Database, source: LocalObjects, target: Objects) -> Outcome:
    told = time.monotonic()

    def tell(outcome: Outcome) -> None:
        nonlocal told
        if (now := time.monotonic()) >= told + TOLD_EVERY_S:
            told = now
            size = outcome.copied_bytes / 2**20
            print(f"media: {outcome.done:,} of {outcome.objects:,}, {size:,.0f} MiB copied", file=sys.stderr)

    try:
        return await copy_objects(database, source, target, tell)
    finally:
        await asyncio.sleep(LAST_S)


def _say(outcome: Outcome, seconds: float, source: LocalObjects, to: str) -> None:
    lines = [
        *(f"missing: {file}" for file in outcome.missing),
        *(f"damaged: {file} (its bytes are not those that its name and its row say)" for file in outcome.damaged),
        f"{outcome.copied:,} files of {outcome.copied_bytes / 2**20:,.1f} MiB were copied in {seconds:.1f} s,"
        f" {outcome.already_there:,} were there already; {source.folder} is as it was",
    ]
    if lost := len(outcome.missing) + len(outcome.damaged):
        lines.append(
            f"{lost:,} could not be copied: bring them back from a backup of the folder and run it again, or go on"
            " without them, and whoever opens a link to one gets an error"
        )
    lines.append(
        "what a coordinator takes in meanwhile is still written to the folder: stop it, run this once more, and start"
        f" it with --artefacts {to}"
    )
    print("\n".join(lines), file=sys.stderr)
