"""A restore, practised: a coordinator serves with a copy of a backup and says what is in it; the backup stays as it is.

    scripts/restore_drill backup.db                                     # its pepper is backup.db.pepper
    scripts/restore_drill --db postgresql://USER@HOST/SCRATCH --pepper FILE    # what pg_restore made, nobody else's

Exits with 1 when the backup would not serve, or its books do not add up.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import URLError

from sqlalchemy import Table, func, select

from coordinator.ledger.audit import check
from coordinator.ledger.grants import totals
from coordinator.ledger.pricing import decimal
from coordinator.store.database import Database
from coordinator.store.errors import StoreError
from coordinator.store.tables import accounts, journals, keys
from tools.local_network import Network


@dataclass(frozen=True)
class Found:
    """What a backup holds. `last_ms`: of its last booking, None: it has none; `wrong`: in its books, a sentence each;
    `serves`: a coordinator started on it and knew a key that was made for it."""

    accounts: int
    keys: int
    spendable_nano: int
    last_ms: int | None
    wrong: list[str]
    serves: bool
    seconds: float


def drill(db: str, pepper: Path) -> Found:
    """Serve with the database, which nobody else may, and look into it. Raises StoreError, OSError."""
    began = time.monotonic()
    with TemporaryDirectory(prefix="supernet-drill-") as folder, _copied(db, pepper, Path(folder)) as network:
        name = network.db if "://" in db else network.folder / network.db
        with closing(Database(name)) as database:
            people, secrets = (_count(database, table) for table in (accounts, keys))
            money = sum(balance.available for balance in totals(database).values())
            last = database.query(select(func.max(journals.c.at_ms)))[0][0]
            wrong = check(database)
        print("the books are read; starting a coordinator", file=sys.stderr)
        serves = _serves(network)
        return Found(people, secrets, money, last, wrong, serves, round(time.monotonic() - began, 1))


def _count(database: Database, table: Table) -> int:
    return int(database.query(select(func.count()).select_from(table))[0][0])


@contextmanager
def _copied(db: str, pepper: Path, folder: Path) -> Iterator[Network]:
    """A network whose database is a copy of the file; one on a server it uses as it is."""
    network = Network(folder, pepper, db=db if "://" in db else "restored.db")
    if "://" in db:
        shutil.copy(pepper, folder / "pepper")
    else:
        shutil.copy(db, folder / network.db)
        shutil.copy(pepper, folder / f"{network.db}.pepper")
    try:
        yield network
    finally:
        network.close()


def _serves(network: Network) -> bool:
    try:
        network.start_coordinator()
        answer = network.get("/v1/account")
    except subprocess.CalledProcessError as error:  # no key can be made
        print(f"it does not serve: {error.stderr.decode(errors='replace').strip()}", file=sys.stderr)
        return False
    except (AssertionError, TimeoutError, URLError, OSError) as error:
        log = network.coordinator.output() if network.coordinator else ""
        print(f"it does not serve: {error}\n{log}", file=sys.stderr)
        return False
    return bool(answer["object"] == "account")


def main() -> None:
    parser = argparse.ArgumentParser(description="Would this backup serve?", prog="scripts/restore_drill")
    parser.add_argument("file", nargs="?", type=Path, help="the backup of a database's file")
    parser.add_argument("--db", metavar="URL", help="instead: a scratch database that the backup was restored into")
    parser.add_argument("--pepper", type=Path, help="the backup of the pepper (default: FILE.pepper)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    asked = parser.parse_args()
    if (asked.file is None) == (asked.db is None) or (asked.db and not asked.pepper):
        parser.error("give a backup's FILE, or --db URL with --pepper FILE")
    pepper = asked.pepper or asked.file.with_name(asked.file.name + ".pepper")
    for file in filter(None, (asked.file, pepper)):
        if not file.is_file():
            parser.error(f"there is no file {file}")
    try:
        found = drill(asked.db or str(asked.file), pepper)
    except (StoreError, OSError) as error:
        sys.exit(f"restore_drill: {error}")
    if asked.json:
        print(json.dumps(asdict(found)))
    else:
        last = "nothing" if found.last_ms is None else f"{datetime.fromtimestamp(found.last_ms / 1000, UTC):%F %T} UTC"
        print(f"{found.accounts} accounts, {found.keys} keys, ${decimal(found.spendable_nano)} to spend")
        print(f"last booking: {last} (what came later is not in it)")
        print("\n".join(found.wrong) if found.wrong else "all money adds up")
        print(f"a coordinator {'serves' if found.serves else 'does NOT serve'} with it; {found.seconds} s")
    sys.exit(bool(found.wrong) or not found.serves)


if __name__ == "__main__":
    main()
