"""What a request costs, and who gets what of it: arithmetic on whole nano-dollars, nothing rounded.

A hold is an upper bound that needs no tokeniser (`prompt_count/bound.py`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, get_args

from wire.errors import invalid

Currency = Literal["spark", "sogni"]
CURRENCIES: tuple[Currency, ...] = ("spark", "sogni")  # in the order in which `auto` spends them
TokenType = Literal["auto", Currency]  # what a request is paid with
TOKEN_TYPES: tuple[TokenType, ...] = get_args(TokenType)
NANO = 10**9  # nano-dollars of a dollar
SPARK_NANO = 5_000_000
STARTER_SPARK = 1000  # what a new account is given unless the operator says otherwise
SHARE = 10_000  # basis points of the whole
MOST_NANO = 10**16  # of one deposit or payout: ten million dollars
_AMOUNT = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?", re.ASCII)
PLACES = 12  # decimal places of amounts for people; all that a spark or a dollar can need


@dataclass(frozen=True)
class Tariff:
    """One version of a model's price: nano-dollars a token. Of a kind without tokens `completion` is the price of what
    it is sold by, a picture or a second of film."""

    version: int
    prompt: int
    completion: int


@dataclass(frozen=True)
class Served:
    """One choice of a request as far as it came: `prompt` tokens as claimed, and the delivered tokens (or what else the
    tariff's `completion` is the price of) by worker key. `worker` is the one that ended it and read the prompt."""

    prompt: int
    worker: str | None
    tokens: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Payee:
    """What one worker gets of a bill, for its account: nano-dollars."""

    worker: str
    account: str
    nano: int


@dataclass(frozen=True)
class Bill:
    """`costs`: of each choice; `charge` is their sum. What the payees do not get is the platform's."""

    charge: int
    costs: tuple[int, ...]
    payees: tuple[Payee, ...]


# ---- before ----------------------------------------------------------------------------------------------------------


def most(tariff: Tariff, prompt: int, max_tokens: int, context: int, choices: int = 1) -> int:
    """The largest possible bill, in nano-dollars, if the prompt has `prompt` tokens; the answer shares its context."""
    answer = min(max_tokens, context)
    if tariff.completion >= tariff.prompt:
        read = min(prompt, context - answer)  # what the answer takes of the context, the prompt cannot have
    else:
        read, answer = prompt, min(answer, context - prompt)
    return choices * (read * tariff.prompt + answer * tariff.completion)


def paying(token_type: TokenType) -> tuple[Currency, ...]:
    """The currencies that pay for a request of this token type, in the order in which they are spent."""
    return tuple(currency for currency in CURRENCIES if token_type in ("auto", currency))


def take(nano: int, balances: dict[Currency, int], token_type: TokenType) -> dict[Currency, int] | None:
    """Divide an amount over the balances that may pay for it, in the order of CURRENCIES. None: they are too small."""
    taken: dict[Currency, int] = {}
    for currency in paying(token_type):
        taken[currency] = min(nano, max(0, balances.get(currency, 0)))
        nano -= taken[currency]
    return None if nano else taken


# ---- after -----------------------------------------------------------------------------------------------------------


def cost(tariff: Tariff, prompt: int, completion: int) -> int:
    """The price of so many tokens, in nano-dollars."""
    return prompt * tariff.prompt + completion * tariff.completion


def bill(tariff: Tariff, bound: int, held: int, served: Sequence[Served], client: str, share_bps: int) -> Bill:
    """What the request costs, never more than was held. Each worker gets its share of its own tokens; of the jobs of
    its own account it gets nothing."""
    left, costs = held, []
    gross: dict[str, int] = {}
    for choice in served:
        prompt = min(choice.prompt, bound) * tariff.prompt
        parts = [(choice.worker or "", prompt), *((key, tokens * tariff.completion) for key, tokens in choice.tokens)]
        costs.append(0)
        for worker, nano in parts:
            nano = min(nano, left)
            left -= nano
            costs[-1] += nano
            gross[worker] = gross.get(worker, 0) + nano
    payees = [Payee(worker, worker.partition("/")[0], nano * share_bps // SHARE) for worker, nano in gross.items()]
    paid = tuple(payee for payee in payees if payee.nano and payee.account not in ("", client))
    return Bill(held - left, tuple(costs), paid)


def split(charge: int, held: dict[Currency, int]) -> dict[Currency, int]:
    """Divide a charge over what is held of each currency, in the order of CURRENCIES. Raises ValueError beyond that."""
    paid: dict[Currency, int] = {}
    for currency in CURRENCIES:
        paid[currency] = min(charge, held.get(currency, 0))
        charge -= paid[currency]
    if charge:
        raise ValueError(f"{charge} more was charged than was held")
    return paid


# ---- for people ------------------------------------------------------------------------------------------------------


def decimal(nano: int, unit: int = NANO) -> str:
    """An amount as a decimal number; `unit`: nano-dollars of one unit. Exact up to PLACES, then cut."""
    sign, nano = ("-", -nano) if nano < 0 else ("", nano)
    whole, rest = divmod(nano, unit)
    places = str(rest * 10**PLACES // unit).rjust(PLACES, "0").rstrip("0")
    return f"{sign}{whole}.{places}" if places else f"{sign}{whole}"


@dataclass(frozen=True)
class Units:
    """What one unit of each currency is worth in nano-dollars. The operator sets what a sogni is worth."""

    sogni: int

    def of(self, currency: Currency) -> int:
        return SPARK_NANO if currency == "spark" else self.sogni

    def read(self, amount: str, currency: Currency) -> int:
        """`12.5` of a currency in nano-dollars. Raises invalid_request unless that is a decimal number above zero, and
        a whole number of them that the books can hold."""
        if not _AMOUNT.fullmatch(amount):
            raise invalid("amount", "Invalid 'amount': expected a decimal number of the currency such as '12.5'.")
        nano = Fraction(amount) * self.of(currency)
        if nano.denominator != 1 or not 0 < nano <= MOST_NANO:
            raise invalid("amount", "Invalid 'amount': it is no whole number of nano-dollars that can be booked.")
        return int(nano)

    def shown(self, nano: int, currency: Currency) -> dict[str, Any]:
        """An amount of one currency, as the API tells it: nano-dollars, dollars, units of the currency."""
        return {"nano_usd": nano, "usd": decimal(nano), currency: decimal(nano, self.of(currency))}


@dataclass(frozen=True)
class Quote:
    """What was agreed on before the request ran: its price, and what is held for it of each currency."""

    tariff: Tariff
    bound: int  # tokens of the prompt
    held: dict[Currency, int]
    units: Units

    def shown(self, prompt: int, completion: int, choices: int = 1) -> dict[str, Any]:
        """`cost` and its companions for `usage`: dollars as a number, as other networks have it, and exactly."""
        nano = min(cost(self.tariff, min(prompt, choices * self.bound), completion), sum(self.held.values()))
        paid = split(nano, self.held)
        details = {currency: decimal(paid[currency], self.units.of(currency)) for currency in CURRENCIES}
        return {"cost": nano / NANO, "cost_nano_usd": nano, "cost_details": {"usd": decimal(nano), **details}}
