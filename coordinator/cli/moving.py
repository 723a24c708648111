"""`database move`: from the file to a PostgreSQL server, and what the next start has to be told then."""

import json
import sys
import time

from coordinator.accounts.pepper import pepper_file
from coordinator.artefacts.places import folder_beside
from coordinator.config import Config
from coordinator.ledger.audit import check
from coordinator.store.database import Database
from coordinator.store.move import move


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
