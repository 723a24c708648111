"""/v1/account/payouts: an owner asks for earnings, and sees what becomes of that. /v1/payouts: the operator decides."""

from dataclasses import dataclass
from typing import Any, cast, get_args

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coordinator.api.account_access import AccountAccess, by_operator
from coordinator.api.body import read_body
from coordinator.api.query import only, whole_number
from coordinator.clock import now_ms
from coordinator.ledger.grants import balances_of
from coordinator.ledger.orders import Decision, PayoutState
from coordinator.ledger.payouts import (
    DECISIONS,
    MOST_LISTED,
    Payout,
    Wanted,
    ask,
    decide,
    in_state,
    of_account,
    withdraw,
)
from coordinator.ledger.pricing import CURRENCIES, Currency, Units
from coordinator.openai.fields import Fields
from coordinator.openai.json_body import load
from program.printable import printable
from wire.errors import invalid

ADDRESS = 200  # characters of it, and of a note


@dataclass(frozen=True)
class PayoutsApi:
    """The endpoints of payouts, for owners and for the operator."""

    access: AccountAccess
    units: Units

    # ---- for owners --------------------------------------------------------------------------------------------------

    async def list(self, request: Request) -> Response:
        """The account's payouts, the newest first."""
        _, account = await self.access.authenticate(request, "limit")
        found = await self.access.read(of_account, account.id, whole_number(request, "limit", 100, 1, MOST_LISTED))
        return JSONResponse({"object": "list", "data": [self._shown(payout) for payout in found]})

    async def create(self, request: Request) -> Response:
        """Ask for a payout: of `amount` in units of `currency`, or of all that can be paid out in it."""
        principal, account = await self.access.authenticate(request)
        fields = Fields(load(await read_body(request)))
        currency = cast(Currency, fields.choice("currency", CURRENCIES) or "spark")
        amount = fields.text("amount", low=1, high=40)
        address = fields.text("address", low=1, high=ADDRESS)
        fields.finish()
        if address is None:
            raise invalid("address", "Missing 'address': say where the operator should send it.")
        if amount is None:
            nano = (await self.access.read(balances_of, account.id))[currency].earned
        else:
            nano = self.units.read(amount, currency)
        wanted = Wanted(account.id, currency, nano, printable(address).strip(), principal.key)
        by = self.access.by(principal, account, "payout ask", f"{nano} nano, {currency}, to {wanted.address}")
        payout = await self.access.do(by, ask, wanted, now_ms())
        return JSONResponse(self._shown(payout), 201)

    async def withdraw(self, request: Request) -> Response:
        """Take back what was asked for, as long as it is not approved."""
        principal, account = await self.access.authenticate(request)
        name = request.path_params["payout_id"]
        by = self.access.by(principal, account, "payout withdraw", name)
        payout = await self.access.do(by, withdraw, account.id, name, now_ms())
        return JSONResponse(self._shown(payout))

    # ---- for the operator --------------------------------------------------------------------------------------------

    async def list_all(self, request: Request) -> Response:
        """Every account's payouts, or those in one `state`."""
        self.access.accounts.authenticate(request.headers, "admin")
        only(request, "state", "limit")
        state = request.query_params.get("state")
        if state is not None and state not in get_args(PayoutState):
            raise invalid("state", f"Invalid 'state': expected one of {', '.join(get_args(PayoutState))}.")
        most = whole_number(request, "limit", 100, 1, MOST_LISTED)
        found = await self.access.read(in_state, cast(PayoutState | None, state), most)
        return JSONResponse({"object": "list", "data": [self._shown(payout) for payout in found]})

    async def decide(self, request: Request) -> Response:
        """Approve, refuse, call sent or take back one payout, with a note that its owner sees."""
        principal = self.access.accounts.authenticate(request.headers, "admin")
        only(request)
        fields = Fields(load(await read_body(request)))
        decision = fields.choice("decision", tuple(DECISIONS))
        note = fields.text("note", high=ADDRESS) or ""
        fields.finish()
        if decision is None:
            raise invalid("decision", f"Missing 'decision': expected one of {', '.join(DECISIONS)}.")
        wanted = (request.path_params["payout_id"], cast(Decision, decision), printable(note).strip())
        payout = await self.access.do(by_operator(principal), decide, *wanted, principal.key, now_ms())
        return JSONResponse(self._shown(payout))

    def _shown(self, payout: Payout) -> dict[str, Any]:
        return {
            "object": "payout",
            "id": payout.id,
            "account": payout.account,
            "currency": payout.currency,
            "state": payout.state,
            **self.units.shown(payout.nano, payout.currency),
            "address": payout.address,
            "key": payout.key,
            "note": payout.note,
            "asked": payout.asked_ms // 1000,
            "changed": payout.changed_ms // 1000,
        }
