"""What Sogni's SDKs ask over HTTP beside the API that is everybody's: balance, a chat's price, signing out."""

from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coordinator.api.account_access import AccountAccess
from coordinator.billing.billing import Billing
from coordinator.ledger.grants import balances_of
from coordinator.ledger.pricing import TOKEN_TYPES, TokenType, cost
from coordinator.sogni.account import balances_json, quote_json
from wire.errors import invalid

MAX_TOKENS = 10**9


@dataclass(frozen=True)
class SogniApi:
    """Their own paths, in their envelope."""

    access: AccountAccess
    billing: Billing

    async def balance(self, request: Request) -> Response:
        """Answer with the account's balances, as `account.refreshBalance()` reads them."""
        _, account = await self.access.authenticate(request, *request.query_params)  # an SDK of theirs may say more
        found = await self.access.read(balances_of, account.id)
        return JSONResponse({"status": "success", "data": balances_json(found, self.billing.units)})

    async def logout(self, request: Request) -> Response:
        """Say yes: a key is no session, so there is nothing to end here, and an SDK then forgets it."""
        self.access.accounts.authenticate(request.headers, "client")
        return JSONResponse({"status": "success", "data": None})

    async def estimate(self, request: Request) -> Response:
        """What a chat of so many tokens costs at most, as `chat.estimateCost()` asks."""
        self.access.accounts.authenticate(request.headers, "client")
        asked = request.path_params
        model, token_type = asked["model"], _token_type(asked["token_type"])
        prompt, completion = (_count(name, asked[name]) for name in ("input_tokens", "max_output_tokens"))
        nano = cost(self.billing.tariff(model), prompt, completion)
        tokens = {"inputTokens": prompt, "outputTokens": completion}
        return JSONResponse(
            {
                "request": {
                    "model": model,
                    "inputTokens": prompt,
                    "maxOutputTokens": completion,
                    "tokenType": token_type,
                    "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                },
                "quote": {**quote_json(nano, token_type, self.billing.units), **tokens},
            }
        )


def _token_type(text: str) -> TokenType:
    found = next((known for known in TOKEN_TYPES if known == text), None)
    if found is None:
        raise invalid("token_type", f"Invalid token type: supported values are {', '.join(map(repr, TOKEN_TYPES))}.")
    return found


def _count(name: str, text: str) -> int:
    count = int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else -1
    if not 0 <= count <= MAX_TOKENS:
        raise invalid(name, f"Invalid '{name}': expected a whole number of at most {MAX_TOKENS}.")
    return count
