"""What an answer in rounds costs: each round and each call has a hold of its own, and the client is told the sum."""

from decimal import Decimal
from typing import Any, Protocol

from coordinator.ledger.pricing import NANO


class Priced(Protocol):
    """What tokens cost, as `usage` shows it: ledger/pricing.py has it of one job."""

    def shown(self, prompt: int, completion: int, choices: int = 1) -> dict[str, Any]: ...


class Costs:
    """The sum until now, as `usage` shows it."""

    def __init__(self) -> None:
        self._nano = self._media = 0
        self._details: dict[str, Decimal] = {}

    def round(self, quote: Priced, prompt: int, completion: int) -> None:
        """A round of the chat has ended."""
        self._add(quote.shown(prompt, completion))

    def made(self, quote: Priced, units: int) -> int:
        """Units of a medium were made. Returns their price in nano-dollars."""
        nano = self._add(quote.shown(0, units))
        self._media += nano
        return nano

    def shown(self, prompt: int, completion: int, choices: int = 1) -> dict[str, Any]:
        """As Quote.shown: of all rounds, whose tokens have been counted here one by one."""
        details = {name: _plain(amount) for name, amount in self._details.items()}
        media = {"media_nano_usd": self._media} if self._media else {}
        return {"cost": self._nano / NANO, "cost_nano_usd": self._nano, "cost_details": {**details, **media}}

    def _add(self, shown: dict[str, Any]) -> int:
        for name, amount in shown["cost_details"].items():
            self._details[name] = self._details.get(name, Decimal()) + Decimal(amount)
        nano: int = shown["cost_nano_usd"]
        self._nano += nano
        return nano


def _plain(amount: Decimal) -> str:
    """Without an exponent, and without zeros at its end."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
