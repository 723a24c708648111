"""What a request costs, and who gets what of it: arithmetic on whole nano-dollars, nothing rounded.

A hold is an upper bound that needs no tokeniser: a token stands for at least one byte of the text that is rendered, so
a prompt has at most as many tokens as it has bytes, and what the template adds (marks of every turn, the frame around
tools) is bounded by constants. The worker that counts the prompt cannot claim more than that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from wire.chat import ChatRequest

Currency = Literal["spark", "sogni"]
CURRENCIES: tuple[Currency, ...] = ("spark", "sogni")  # in the order in which `auto` spends them
NANO = 10**9  # nano-dollars of a dollar
SPARK_NANO = 5_000_000
STARTER_SPARK = 1000  # what a new account is given unless the operator says otherwise
SHARE = 10_000  # basis points of the whole
PLACES = 12  # decimal places of amounts for people; all that a spark or a dollar can need
MARKS_TURN = 64  # tokens of the template's marks around one turn, names and empty thoughts included; measured: 5 to 12
MARKS_TOOLS = 1024  # and of its instructions when there are tools; measured: 160 to 330
MARKS_CHAT = 256  # and of everything else


@dataclass(frozen=True)
class Tariff:
    """One version of a model's price: nano-dollars a token."""

    version: int
    prompt: int
    completion: int


@dataclass(frozen=True)
class Served:
    """One choice of a request as far as it came: `prompt` tokens as claimed, and the delivered tokens by worker key.
    `worker` is the one that ended it and read the prompt."""

    prompt: int
    worker: str | None
    tokens: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Payee:
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


def prompt_bound(request: ChatRequest, context: int) -> int:
    """No tokeniser makes more tokens of the prompt than this."""
    text = len(request.model_dump_json(include={"messages", "tools"}))
    spaces = len(request.model_dump_json(include={"tools"})) if request.tools else 0  # a template may write JSON wider
    marks = MARKS_TURN * len(request.messages) + MARKS_CHAT + (MARKS_TOOLS if request.tools else 0)
    return min(context, text + spaces + marks)


def most(tariff: Tariff, prompt: int, max_tokens: int, context: int, choices: int = 1) -> int:
    """The largest bill of a request whose prompt has at most `prompt` tokens: prompt and answer share the context."""
    answer = min(max_tokens, context)
    if tariff.completion >= tariff.prompt:
        read = min(prompt, context - answer)  # what the answer takes of the context, the prompt cannot have
    else:
        read, answer = prompt, min(answer, context - prompt)
    return choices * (read * tariff.prompt + answer * tariff.completion)


def take(nano: int, purses: dict[Currency, int], token_type: str) -> dict[Currency, int] | None:
    """How much of each purse pays for it, in the order of CURRENCIES; None: there is too little."""
    allowed = [currency for currency in CURRENCIES if token_type in ("auto", currency)]
    taken: dict[Currency, int] = {}
    for currency in allowed:
        taken[currency] = min(nano, max(0, purses.get(currency, 0)))
        nano -= taken[currency]
    return None if nano else taken


# ---- after -----------------------------------------------------------------------------------------------------------


def cost(tariff: Tariff, prompt: int, completion: int) -> int:
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
    """What of a charge each purse pays, in the order of CURRENCIES. The charge is at most what is held."""
    paid: dict[Currency, int] = {}
    for currency in CURRENCIES:
        paid[currency] = min(charge, held.get(currency, 0))
        charge -= paid[currency]
    if charge:
        raise ValueError(f"{charge} more was charged than was held")
    return paid


# ---- for people ------------------------------------------------------------------------------------------------------


def decimal(nano: int, unit: int = NANO) -> str:
    """An amount in units of so many nano-dollars, as a decimal number. Exact up to PLACES, then cut."""
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

    def shown(self, nano: int, currency: Currency) -> dict[str, Any]:
        """One amount in a purse."""
        return {"nano_usd": nano, "usd": decimal(nano), currency: decimal(nano, self.of(currency))}


@dataclass(frozen=True)
class Quote:
    """What was agreed on before the request ran: its price, and what is held for it of each purse."""

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
