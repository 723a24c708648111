"""/v1/account/alerts: where an account is told that something is wrong, and what it was told."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coordinator.admission.rate_limits import RateLimited
from coordinator.alerts.address_rows import (
    MOST_ADDRESSES,
    Address,
    add_address,
    addresses_of,
    get_address,
    new_id,
    note_test,
    remove_address,
)
from coordinator.alerts.alerts import Alerts
from coordinator.alerts.kinds import ACCOUNT
from coordinator.alerts.outbox_rows import Delivery, deliveries_of
from coordinator.alerts.sender import checked_url
from coordinator.api.account_access import AccountAccess
from coordinator.api.body import read_body
from coordinator.clock import now_ms
from coordinator.ledger.pricing import Units, decimal
from coordinator.openai.fields import Fields
from coordinator.openai.json_body import load
from program.alert_formats import SERVICES, Service
from program.alerts import Alert
from program.allowance import Allowances
from program.post import MOST_URL
from program.signatures import shown
from wire.errors import ErrorCode, SupernetError, invalid

TESTS = 6  # of an account at once, and as many an hour: each is a request to a stranger's server
TEST_EVERY_S = 3600.0 / TESTS
BELOW_SPARK = "200"  # a dollar
NOT_ALLOWED = "This network sends accounts no messages: its operator has to allow it (--alerts)."


@dataclass(frozen=True)
class AlertsApi:
    """The endpoints of an account's addresses for messages."""

    access: AccountAccess
    alerts: Alerts
    units: Units
    _tests: Allowances = field(default_factory=lambda: Allowances(TESTS, 1 / TEST_EVERY_S))

    async def list(self, request: Request) -> Response:
        """The addresses of the account, what it can be told of, and what was sent lately."""
        _, account = await self.access.authenticate(request)
        rows = await self.access.read(addresses_of, account.id)
        sent = await self.access.read(deliveries_of, account.id)
        return JSONResponse(
            {
                "object": "list",
                "allowed": self.alerts.allowed,
                "most": MOST_ADDRESSES,
                "kinds": {name: kind.words for name, kind in ACCOUNT.items()},
                "services": [*SERVICES],
                "data": [_address(row) for row in rows],
                "sent": [_delivery(one) for one in sent],
            }
        )

    async def create(self, request: Request) -> Response:
        """Add an address. The answer is the only place where the secret is shown that a webhook's messages are signed
        with."""
        principal, account = await self.access.authenticate(request)
        if not self.alerts.allowed:
            raise SupernetError(ErrorCode.PERMISSION_DENIED, NOT_ALLOWED)
        address = self._wanted(Fields(load(await read_body(request))), account.id)
        await self.access.do(self.access.by(principal, account, "alert create", address.id), add_address, address)
        self.alerts.changed()
        secret = {"secret": shown(self.alerts.sender.secret(address.id))} if address.service == "webhook" else {}
        return JSONResponse({**_address(address), **secret}, 201)

    async def delete(self, request: Request) -> Response:
        """Remove an address, with all that waits to be sent there."""
        principal, account = await self.access.authenticate(request)
        name = request.path_params["alert_id"]
        by = self.access.by(principal, account, "alert delete", name)
        await self.access.do(by, remove_address, account.id, name)
        self.alerts.changed()
        return JSONResponse({"object": "account.alert.deleted", "id": name, "deleted": True})

    async def test(self, request: Request) -> Response:
        """Send a message now, and say what became of it: that, and nothing of what the other side answered."""
        principal, account = await self.access.authenticate(request)
        if not self.alerts.allowed:
            raise SupernetError(ErrorCode.PERMISSION_DENIED, NOT_ALLOWED)
        address = await self.access.read(get_address, account.id, request.path_params["alert_id"])
        if not self._tests.take(account.id, 1, time.monotonic()):
            message = f"An account sends {TESTS} test messages an hour: try again later."
            raise RateLimited(message, TEST_EVERY_S, {})
        verdict = await self.alerts.sender.to_account(address, _test_message())
        by = self.access.by(principal, account, "alert test", address.id)
        await self.access.do(by, note_test, address.id, verdict.words, verdict.delivered, now_ms())
        self.alerts.changed()
        told = {"object": "account.alert.test", "id": address.id}
        return JSONResponse({**told, "delivered": verdict.delivered, "status": verdict.words})

    def _wanted(self, fields: Fields, account: str) -> Address:
        """What the body describes."""
        service = fields.choice("service", SERVICES)
        url = fields.text("url", low=1, high=MOST_URL)
        alerts = fields.array("alerts", len(ACCOUNT))
        below = fields.text("balance_below_spark", low=1, high=40) or BELOW_SPARK
        fields.finish()
        if service is None or url is None:
            raise invalid("url", "Missing 'service' or 'url': say what it is, and where.")
        try:
            checked_url(url, self.alerts.sender.networks)
        except ValueError as error:
            raise invalid("url", f"Invalid 'url': {error}.") from None
        wanted = tuple(ACCOUNT) if alerts is None else tuple(alerts)
        if not wanted or not all(isinstance(one, str) and one in ACCOUNT for one in wanted):
            raise invalid("alerts", f"Invalid 'alerts': expected some of {', '.join(ACCOUNT)}.")
        kept = tuple(kind for kind in ACCOUNT if kind in wanted)
        nano = self.units.read(below, "spark")
        return Address(new_id(), account, cast(Service, service), url, kept, nano, now_ms())


def _test_message() -> Alert:
    at_ms = now_ms()
    at = datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%H:%M UTC")
    text = f"This is a test, sent at {at}. Messages will come here when something is wrong, and when that is over."
    return Alert(f"msg_test_{at_ms}", "test", "", "info", False, "Supernet can reach you here", text, at_ms // 1000)


def _address(row: Address) -> dict[str, Any]:
    return {
        "object": "account.alert",
        "id": row.id,
        "service": row.service,
        "url": row.shown,
        "alerts": [*row.alerts],
        "balance_below_usd": decimal(row.below_nano),
        "created": row.made_ms // 1000,
        "tried": None if row.tried_ms is None else row.tried_ms // 1000,
        "status": row.status,
        "paused": row.paused,
    }


def _delivery(one: Delivery) -> dict[str, Any]:
    return {
        "object": "account.alert.message",
        "id": one.id,
        "alert": one.address,
        "kind": one.kind,
        "over": one.over,
        "title": one.title,
        "text": one.text,
        "created": one.at_ms // 1000,
        "state": one.state,
        "status": one.status,
        "tries": one.tries,
    }
