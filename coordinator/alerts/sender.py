"""Carries messages to where they go: one try each time, with a verdict in words for whoever waits for them.

An account's address is a stranger's: https to the internet alone, at the usual ports, and to networks that the
operator has named (program/post.py has the rest).
"""

import asyncio
import logging
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address

from coordinator.alerts.address_rows import Address
from coordinator.alerts.outbox_rows import Delivery, claim, settle
from coordinator.clock import now_ms
from coordinator.store.store import Store
from program.alert_formats import Service, written
from program.alerts import Alert
from program.internet import public
from program.post import Lookup, NotDelivered, addresses_of, anywhere, looking_up, post, read_target

log = logging.getLogger("supernet.alerts")

AT_ONCE = 8
PORTS = (443, 8443)
AGAIN = frozenset({408, 425, 429})  # and all of 500 and more
MOST_STATUS = 200
_of_operator = looking_up(2, "operator-names")  # no stranger's name holds up the operator's


@dataclass(frozen=True)
class Verdict:
    """What became of one try. `words`: for people; `again`: another try may help."""

    delivered: bool
    words: str
    again: bool = False


@dataclass(frozen=True)
class OperatorAddress:
    """Where the operator is told."""

    service: Service
    url: str
    secret: bytes | None = None


@dataclass(frozen=True)
class Sender:
    """`secret`: of an address, what messages to a webhook there are signed with. `accounts`: whether the operator lets
    accounts be told. `networks`: beside the internet, where their addresses may lead too, at any port. `tls`: for
    tests."""

    store: Store
    secret: Callable[[str], bytes]
    accounts: bool = True
    networks: Sequence[IPv4Network | IPv6Network] = ()
    operator: OperatorAddress | None = None
    lookup: Lookup = addresses_of
    tls: ssl.SSLContext | None = None

    async def once(self) -> int:
        """Try what is due. Returns how many that were. Raises StoreError."""
        claimed = await self.store.run(claim, now_ms(), AT_ONCE)
        await asyncio.gather(*(self._deliver(one, address) for one, address in claimed))
        return len(claimed)

    async def _deliver(self, one: Delivery, address: Address | None) -> None:
        if address is not None and not self.accounts:
            verdict = Verdict(False, "the operator has switched messages to accounts off")
        elif address is not None:
            verdict = await self.to_account(address, one.alert)
        else:
            verdict = await self.to_operator(one.alert)
        await self.store.run(settle, one, verdict.words, verdict.delivered, verdict.again, now_ms())

    def may(self, address: str, port: int) -> bool:
        """Whether an account's name may lead to this IP address."""
        ip = ip_address(address.partition("%")[0])
        return any(ip in network for network in self.networks) or (port in PORTS and public(address))

    async def to_account(self, address: Address, alert: Alert) -> Verdict:
        target = read_target(address.url)
        made = written(address.service, alert, self.secret(address.id), int(time.time()))
        return await _verdict(
            post(
                target,
                made.headers,
                made.body,
                may=lambda ip: self.may(ip, target.port),
                lookup=self.lookup,
                tls=self.tls,
            )
        )

    async def to_operator(self, alert: Alert) -> Verdict:
        """At once: also when there is no database to queue it in."""
        if self.operator is None:
            return Verdict(False, "the operator has no address for messages any more (--alert-url)")
        made = written(self.operator.service, alert, self.operator.secret, int(time.time()))
        verdict = await _verdict(
            post(
                read_target(self.operator.url), made.headers, made.body, may=anywhere, lookup=_of_operator, tls=self.tls
            )
        )
        if not verdict.delivered:
            log.warning("--alert-url: a message did not arrive: %s", verdict.words)
        return verdict


async def _verdict(sending: Awaitable[int]) -> Verdict:
    try:
        status = await sending
    except NotDelivered as error:
        return Verdict(False, str(error)[:MOST_STATUS], error.again)
    if 200 <= status < 300:
        return Verdict(True, f"arrived (status {status})")
    if 300 <= status < 400:
        return Verdict(False, f"it redirects (status {status}): give the address that it leads to")
    return Verdict(False, f"refused with status {status}", status >= 500 or status in AGAIN)


def checked_url(url: str, networks: Sequence[IPv4Network | IPv6Network]) -> str:
    """An account's URL, if messages may be sent there at all. Raises ValueError in words for who typed it."""
    target = read_target(url)
    if target.scheme != "https":
        raise ValueError("it has to begin with https://: the address is a secret, and anybody on the way could read it")
    if target.port not in PORTS and not networks:
        raise ValueError(f"messages are sent to the ports {' and '.join(map(str, PORTS))} alone")
    return url
