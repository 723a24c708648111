"""What each thing that a page asks for costs, after a month of 100,000 requests a day to 10,000 workers.

    scripts/bench pages [--days N] [--requests N] [--workers N] [--connected N] [--keep FOLDER | --postgres]
                        [--rounds N] [--json]

A coordinator is started on a database that was filled by the ledger itself (month.py, about ten minutes; `--keep` keeps
it for the next time; with --postgres it is a PostgreSQL, not kept). Every request is timed as a client
sees it: the median of the rounds with the least and the most.
With --connected so many of the workers are there (crowded.py), and it is told what processor time the coordinator takes
while nobody watches the network and while one does.
"""

import argparse
import json
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import psutil

from coordinator.accounts.pepper import open_pepper
from coordinator.clock import now_ms
from coordinator.ledger.audit import check
from coordinator.store.database import Database
from tools.bench.pages.crowded import CONNECTED
from tools.bench.pages.month import Size, fill
from tools.cluster.postgres import Postgres
from tools.local_network import Network

PATHS = (
    "/v1/account",
    "/v1/account/usage?days=30",
    "/v1/account/keys",
    "/v1/account/workers",
    "/v1/account/payouts",
    "/v1/models",
    "/v1/network",
    "/v1/network/history?days=30",
    "/v1/network/history?hours=24",
    "/v1/network/models",
    "/v1/payouts",
    "/v1/account/requests",
    "/v1/account/earnings?days=30",
    "/v1/admin/overview",
    "/v1/admin/accounts",
    "/v1/admin/accounts?sort=owed&order=desc",
    "/v1/admin/accounts?sort=seen&order=desc",
    "/v1/admin/workers",
    "/v1/admin/workers?sort=earned&order=desc",
)
WATCHED_S = 20.0
FIRST_LOOK_S = 5.0  # of all workers, which is not what a second of watching costs


@dataclass(frozen=True)
class Figure:
    """`ms`: the median."""

    path: str
    status: int
    bytes: int
    ms: float
    least: float
    most: float


def measure(network: Network, path: str, rounds: int) -> Figure:
    took, status, size = [], 0, 0
    for _ in range(rounds):
        begun = time.perf_counter()
        request = urllib.request.Request(network.url + path, headers={"Authorization": f"Bearer {network.key}"})
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                status, size = answer.status, len(answer.read())
        except urllib.error.HTTPError as error:
            status, size = error.code, len(error.read())
        took.append((time.perf_counter() - begun) * 1000)
    return Figure(path, status, size, round(median(took), 1), round(min(took), 1), round(max(took), 1))


def prepare(network: Network, size: Size) -> None:
    """Make the database, unless the folder has it."""
    kept = network.folder / "key.txt"
    if kept.exists():
        network.key = kept.read_text()
        return
    network.key = network.create_key("test", "--scope", "admin,client,worker")
    is_url = "://" in network.db
    database = Database(network.db if is_url else network.folder / network.db)
    try:
        pepper = open_pepper(database, network.folder / ("pepper" if is_url else f"{network.db}.pepper"), make=False)
        for done, whole in fill(database, pepper, size, now_ms()):
            if done % 100_000 < 2000:
                print(f"{done:,} of {whole:,} requests are booked", file=sys.stderr)
        if wrong := check(database):
            raise SystemExit(f"bench: the money does not add up: {wrong[0]}")
    finally:
        database.close()
    kept.write_text(network.key)


def watching(network: Network) -> Iterator[str]:
    """What one who watches the network costs, in percent of a core."""
    yield f"nobody watches: {_used(network, None):.1f} % of a core"
    headers = {"Authorization": f"Bearer {network.key}"}
    with urllib.request.urlopen(urllib.request.Request(f"{network.url}/v1/network/events", headers=headers)) as events:
        _read(events, FIRST_LOOK_S)
        yield f"one watches: {_used(network, events):.1f} % of a core"


def _used(network: Network, events: Iterable[bytes] | None) -> float:
    assert network.coordinator is not None
    process = psutil.Process(network.coordinator.popen.pid)
    before, began = sum(process.cpu_times()[:2]), time.monotonic()
    if events is None:
        time.sleep(WATCHED_S)
    else:
        _read(events, WATCHED_S)
    return (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - began) * 100


def _read(events: Iterable[bytes], seconds: float) -> None:
    """What comes in so long, or a little longer: something does every few seconds."""
    until = time.monotonic() + seconds
    for _ in events:
        if time.monotonic() > until:
            return


def figures(network: Network, paths: list[str], rounds: int) -> Iterator[Figure]:
    for path in paths:
        yield measure(network, path, rounds)


def main() -> None:
    parser = argparse.ArgumentParser("scripts/bench pages", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--requests", type=int, default=100_000, help="of a day (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=10_000, help="that have earned (default: %(default)s)")
    parser.add_argument("--clients", type=int, default=1000, help="other accounts that ask (default: %(default)s)")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--keep", type=Path, help="folder of the database, which is made once")
    place.add_argument("--postgres", action="store_true", help="a PostgreSQL in place of SQLite's file")
    parser.add_argument("--connected", type=int, default=0, help="workers that are there (default: none)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--path", action="append", help="measure this one instead of all; more than once for several")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with ExitStack() as stack:
        folder = asked.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        network = Network(folder, Path(__file__))
        if asked.postgres:
            folder.chmod(0o755)  # PostgreSQL is another user's
            network.db = stack.enter_context(closing(Postgres(folder))).url
        try:
            prepare(network, Size(asked.days, asked.requests, asked.workers, asked.clients))
            if asked.connected:
                network.program, network.env = "tools.bench.pages.crowded", {CONNECTED: str(asked.connected)}
            network.start_coordinator()
            for each in figures(network, asked.path or list(PATHS), asked.rounds):
                words = f"{each.path}: {each.ms} ms ({each.least} to {each.most}), {each.status}, {each.bytes:,} bytes"
                print(json.dumps(asdict(each)) if asked.json else words, flush=True)
            for line in watching(network) if asked.connected else ():
                print(line, file=sys.stderr if asked.json else sys.stdout, flush=True)
        finally:
            network.close()


if __name__ == "__main__":
    main()
