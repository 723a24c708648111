"""Tells workers what their account has earned: those that ask for it, when it has changed, at most every 10 s."""

import asyncio
import logging
from dataclasses import dataclass, field

from coordinator.clock import DAY_MS, now_ms
from coordinator.hub.hub import Hub
from coordinator.ledger.budget import Budget
from coordinator.ledger.energy_days import today as power_of
from coordinator.ledger.escrow import Earned, earned
from coordinator.store.errors import StoreError
from coordinator.store.store import Store
from wire.earnings import EARNINGS, Earnings

log = logging.getLogger("supernet.ledger")

EVERY_S = 10.0


@dataclass
class EarningsFeed:
    """`promotions`: what may be paid out of credit a day; each owner is told beforehand."""

    hub: Hub
    store: Store
    promotions: Budget
    _told: dict[str, tuple[Earned, int | None]] = field(default_factory=dict)  # by session

    async def run(self) -> None:
        """Tell workers of new earnings every EVERY_S seconds, until cancelled. A database that fails is asked again."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.once()
            except StoreError as error:
                log.error("earnings cannot be read: %s", error)

    async def once(self) -> None:
        asking = {
            worker.peer.session: worker.peer.account
            for worker in self.hub.dispatch.workers
            if worker.connected and EARNINGS in worker.hello.features
        }
        self._told = {session: told for session, told in self._told.items() if session in asking}
        accounts, today = sorted(set(asking.values())), now_ms() // DAY_MS
        if not accounts:
            return
        found = await self.store.run(earned, accounts, today)
        power = await self.store.run(power_of, accounts, today)
        for session, account in asking.items():
            have, power_nano = found[account], power.get(account)
            if self._told.get(session) != (have, power_nano):
                self._told[session] = have, power_nano
                message = Earnings(
                    escrow_nano=have.escrow,
                    available_nano=have.available,
                    credit_nano=have.credit,
                    today_nano=have.today,
                    power_today_nano=power_nano,
                    promotion_day_nano=self.promotions.nano,
                    promotion_account_nano=self.promotions.account_nano,
                )
                self.hub.tell(session, message)
