"""The tasks that notice what is wrong and tell people, beside the server in each replica; a message is sent once."""

import asyncio
import logging
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from coordinator.alerts import look, sightings
from coordinator.alerts.address_rows import Address
from coordinator.alerts.judge import STALE_S
from coordinator.alerts.kinds import OF_OPERATOR, OPERATOR, kinds
from coordinator.alerts.look import Look
from coordinator.alerts.messages import Told, messages
from coordinator.alerts.sender import Sender
from coordinator.alerts.subjects import WORKER, Key, Sighting
from coordinator.clock import now_ms
from coordinator.dispatch.effects import Failed, JobEnd
from coordinator.hub.hub import Hub
from coordinator.ledger.writer import LedgerWriter
from coordinator.scheduler.state import JobSpec
from coordinator.store.errors import StoreError
from coordinator.store.store import ANSWER_S, Store
from program.alerts import Alert, Standing, step
from wire.errors import ErrorCode

log = logging.getLogger("supernet.alerts")

LOOK_S, SEND_S = 5.0, 2.0
AGAIN_S = 60.0  # between two looks at the addresses, and two signs of life of a worker that is there
MONEY_S = 20.0  # between two looks at balances, keys and payouts
SWEEP_S = 3600.0
MOST_PARTED = 4096
LOST_S = 600.0  # an order that could not be booked is news for so long
DIRECT_S = (0.0, 20.0, 120.0)  # before each try of what is told without a database
DATABASE = "database"


@dataclass
class Alerts:
    """`allowed`: accounts may name addresses. `after_s`: how long a worker is away before its owner hears of it.
    `replica`: what people call this one; `folders`: whose disks may fill up."""

    hub: Hub
    store: Store
    ledger: LedgerWriter
    sender: Sender
    allowed: bool
    after_s: float
    replica: str
    folders: tuple[Path, ...] = ()
    _addresses: list[Address] = field(default_factory=list)
    _read_at: float = float("-inf")
    _here: dict[Key, tuple[str, float]] = field(default_factory=dict)  # workers: words, and when they were written
    _parted: set[Key] = field(default_factory=set)
    _asked: Counter[str] = field(default_factory=Counter)  # requests that nobody serves, by model
    _lost: tuple[int, float] = (0, float("-inf"))
    _steady_ms: int = 0
    _looked: float = float("-inf")
    _counted: float = float("-inf")
    _swept: float = float("-inf")
    _database: Standing = field(default_factory=Standing)
    _direct: set["asyncio.Task[None]"] = field(default_factory=set)

    @property
    def _wanted(self) -> bool:
        return self.allowed or self.sender.operator is not None

    async def run(self) -> None:
        """Look and send until cancelled. A database that fails is asked again, and the operator told of it."""
        if not self._wanted:
            return
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._looking())
            tasks.create_task(self._sending())

    async def _looking(self) -> None:
        """A look that does not end is waited for, and is as good as a database that is away."""
        looking: asyncio.Task[int] | None = None
        try:
            while True:
                await asyncio.sleep(LOOK_S)
                looking = looking or asyncio.create_task(self.once(), name="look")
                done, _ = await asyncio.wait({looking}, timeout=ANSWER_S)
                away = not done
                if done:
                    try:
                        looking.result()
                    except StoreError as error:
                        away = True
                        log.error("what is wrong cannot be looked at: %s", error)
                    looking = None
                self._tell_of_database(away)
        finally:
            if looking is not None:
                looking.cancel()

    async def _sending(self) -> None:
        while True:
            try:
                while await self.sender.once():
                    pass
            except StoreError as error:
                log.error("messages cannot be sent: %s", error)
            await asyncio.sleep(SEND_S)

    # ---- what happens meanwhile --------------------------------------------------------------------------------------

    def job_ended(self, spec: JobSpec, end: JobEnd) -> None:
        if isinstance(end, Failed) and end.error.code is ErrorCode.NO_WORKER:
            self._asked[spec.model] += 1

    def parted(self, account: str, worker: str) -> None:
        """A worker has left of its own accord."""
        if len(self._parted) < MOST_PARTED:
            self._parted.add(Key(account, WORKER, worker))

    def changed(self) -> None:
        """An address was added or removed here: look at them now."""
        self._read_at = float("-inf")

    # ---- one look ----------------------------------------------------------------------------------------------------

    async def once(self) -> int:
        """Look at everything, and queue messages. Returns how many. Raises StoreError."""
        if self.hub.dispatch.draining:
            return 0  # the workers are being sent away
        now = time.monotonic()
        if self.allowed and now - self._read_at >= AGAIN_S:
            self._read_at = now
            self._addresses = await self.store.run(look.addresses)
        if now - self._looked >= STALE_S:
            self._steady_ms = now_ms()
        seen, here = self._seen(now)
        settled = set(self._parted)
        if self.sender.operator is not None:
            seen += await self._of_operator(now)
        mine = Look(
            seen,
            self._addresses,
            kinds(self.after_s),
            self.sender.operator is not None,
            self._steady_ms / 1000,
            now_ms(),
            money=now - self._counted >= MONEY_S,
        )
        queued = await self.store.run(look.look, mine)
        self._here, self._looked = here, now
        self._counted = now if mine.money else self._counted
        self._parted -= settled
        if now - self._swept >= SWEEP_S:
            self._swept = now
            await self.store.run(look.sweep, now_ms())
        return queued

    def _seen(self, now: float) -> tuple[list[Sighting], dict[Key, tuple[str, float]]]:
        """What is to be written of workers now, and which are here by then."""
        wanted = dict[str, set[str]]()
        for address in self._addresses:
            wanted.setdefault(address.account, set()).update(address.alerts)
        found = sightings.of_workers(self.hub.cell.workers, wanted)
        seen, here = list[Sighting](), dict[Key, tuple[str, float]]()
        for one in found:
            words, written = self._here.get(one.key, ("", float("-inf")))
            due = one.key.kind != WORKER or words != one.words or now - written >= AGAIN_S
            if due:
                seen.append(one)
            if one.key.kind == WORKER:
                here[one.key] = (one.words, now if due else written)
        self._parted -= here.keys()  # they are back
        for key, (words, _) in self._here.items():
            if key not in here and key.account in wanted:
                parted = key in self._parted
                seen.append(Sighting(key, words, away=not parted, parted=parted))
        return seen, here

    async def _of_operator(self, now: float) -> list[Sighting]:
        dispatch, cell = self.hub.dispatch, self.hub.cell
        asked = self._asked + Counter({model: dispatch.online(model).waiting for model in cell.waited_for()})
        self._asked = Counter()
        online = {model: dispatch.online(model).workers for model in asked}
        if self.ledger.lost > self._lost[0]:
            self._lost = (self.ledger.lost, now)
        waiting = sum(cell.online(model).waiting for model in cell.waited_for())
        return [
            *sightings.unserved(asked, online),
            *sightings.failing(cell.workers, self.replica),
            *sightings.full_queue(waiting, cell.limits.queue, self.replica),
            *sightings.lost(self._lost[0] if now - self._lost[1] < LOST_S else 0, self.replica),
            *sightings.full_disks(await asyncio.to_thread(_disks, self.folders), self.replica),
        ]

    # ---- without a database ------------------------------------------------------------------------------------------

    def _tell_of_database(self, away: bool) -> None:
        now, kind = time.time(), OF_OPERATOR[DATABASE]
        before = self._database
        self._database, news = step(kind.rule, before, now if away else None, now)
        if news is None or self.sender.operator is None:
            return
        since = (before if news == "over" else self._database).since or now
        words = f"{self.replica}\nAccounts and money cannot be read or written. Look at its log, and at the database."
        told = Told(Key(OPERATOR, DATABASE, self.replica), words, news == "over", since)
        (message,) = messages([told], OF_OPERATOR, now)
        alert = Alert(
            f"msg_{secrets.token_hex(12)}",
            DATABASE,
            self.replica,
            message.level,
            message.over,
            message.title,
            message.text,
            int(now),
        )
        task = asyncio.create_task(self._tell_directly(alert))
        self._direct.add(task)
        task.add_done_callback(self._direct.discard)

    async def _tell_directly(self, alert: Alert) -> None:
        for pause_s in DIRECT_S:
            await asyncio.sleep(pause_s)
            if (await self.sender.to_operator(alert)).delivered:
                return


def _disks(folders: Iterable[Path]) -> dict[str, tuple[int, int]]:
    """Folder -> bytes in all, bytes free; without those that are not there."""
    found = {}
    for folder in folders:
        try:
            usage = shutil.disk_usage(folder)
        except OSError:
            continue  # it is made with the first file
        found[str(folder)] = (usage.total, usage.free)
    return found
