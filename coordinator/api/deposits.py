"""POST /v1/deposits: a payment service that the operator trusts says, signed, that an account has paid."""

import asyncio
import time
from dataclasses import dataclass
from typing import cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coordinator.accounts.rows import get_account
from coordinator.api.account_access import AccountAccess
from coordinator.billing.deposit_hook import read_headers, verify
from coordinator.clock import now_ms
from coordinator.ledger.grants import hooked_deposit
from coordinator.ledger.pricing import CURRENCIES, Currency, Units
from coordinator.openai.fields import Fields
from coordinator.openai.json_body import load
from coordinator.operating.changes import pay_in
from program.printable import printable
from wire.errors import ErrorCode, SupernetError, invalid

BODY_BYTES = 16 * 1024  # read before anybody is believed
BODY_S = 10.0


@dataclass(frozen=True)
class DepositsApi:
    """The endpoint of the hook. `secret`: shared with the payment service, None: there is no hook."""

    access: AccountAccess
    units: Units
    secret: bytes | None

    async def create(self, request: Request) -> Response:
        """Book a deposit, once for each message id. Raises not_found without a secret, permission_denied for what is
        not signed with it."""
        if self.secret is None:
            raise SupernetError(ErrorCode.NOT_FOUND, "This coordinator has no deposit hook: --deposit-secret sets one.")
        signed = read_headers(request.headers, time.time())
        body = await _body(request)
        verify(self.secret, signed, body)
        fields = Fields(load(body))
        name = fields.text("account", low=1, high=128)
        currency = cast(Currency, fields.choice("currency", CURRENCIES) or "spark")
        amount = fields.text("amount", low=1, high=40)
        note = fields.text("note", high=200) or ""
        fields.finish()
        if name is None or amount is None:
            raise invalid("amount", "Missing 'account' or 'amount': say who has paid, and how much.")
        account = await self.access.read(get_account, name)
        nano = self.units.read(amount, currency)
        order = hooked_deposit(signed.id, account.id, currency, nano, now_ms(), printable(note).strip())
        again = await self.access.read(pay_in, order)
        shown = {"object": "deposit", "id": signed.id, "account": account.id, "again": again}
        return JSONResponse({**shown, "currency": currency, **self.units.shown(nano, currency)})


async def _body(request: Request) -> bytes:
    """The bytes as they came, which are what was signed: `read_body` decodes them."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for piece in request.stream():
                body += piece
                if len(body) > BODY_BYTES:
                    message = f"The message is larger than {BODY_BYTES // 1024} KiB."
                    raise SupernetError(ErrorCode.REQUEST_TOO_LARGE, message)
    except TimeoutError:
        raise invalid(None, f"The body did not arrive within {BODY_S:.0f} s.") from None
    return bytes(body)
