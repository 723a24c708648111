"""What an answer in rounds costs: each round and each call has a hold of its own, and the client is told the sum."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from coordinator.ledger.pricing import NANO


class Priced(Protocol):
    """What tokens cost, as `usage` shows it: ledger/pricing.py has it of one job."""

    def shown(self, prompt: int, completion: int, choices: int = 1) -> dict[str, Any]: ...


@dataclass(frozen=True)
class _Shown:
    """What was reckoned before."""

    what: dict[str, Any]

    def shown(self, prompt: int, completion: int, choices: int = 1) -> dict[str, Any]:
        return self.what


class Costs:
    """The sum until now, as `usage` shows it."""

    def __init__(self) -> None:
        self._rounds: list[tuple[Priced, int, int]] = []
        self._made: list[dict[str, Any]] = []

    def round(self, quote: Priced, prompt: int, completion: int) -> None:
        """A round of the chat has ended."""
        self._rounds.append((quote, prompt, completion))

    def made(self, quote: Priced, units: int) -> int:
        """Units of a medium were made. Returns their price in nano-dollars."""
        self._made.append(quote.shown(0, units))
        nano: int = self._made[-1]["cost_nano_usd"]
        return nano

    @property
    def rounds(self) -> tuple[dict[str, Any], ...]:
        """What each round cost."""
        return tuple(quote.shown(read, said) for quote, read, said in self._rounds)

    @property
    def media(self) -> tuple[dict[str, Any], ...]:
        """What each call cost that made something."""
        return tuple(self._made)

    def resume(self, rounds: Sequence[dict[str, Any]], media: Sequence[dict[str, Any]]) -> None:
        """So much it has cost before."""
        self._rounds = [(_Shown(shown), 0, 0) for shown in rounds]
        self._made = list(media)

    def shown(self, prompt: int, completion: int, choices: int = 1) -> dict[str, Any]:
        """As Quote.shown: of all rounds, whose tokens have been counted here one by one."""
        each = [*self.rounds, *self._made]
        if len(each) == 1 and not self._made:
            return each[0]
        sums: dict[str, Decimal] = {}
        for shown in each:
            for name, amount in shown["cost_details"].items():
                sums[name] = sums.get(name, Decimal()) + Decimal(amount)
        nano = sum(shown["cost_nano_usd"] for shown in each)
        details = {name: _plain(amount) for name, amount in sums.items()}
        if media := sum(shown["cost_nano_usd"] for shown in self._made):
            details["media_nano_usd"] = media
        return {"cost": nano / NANO, "cost_nano_usd": nano, "cost_details": details}


def _plain(amount: Decimal) -> str:
    """Without an exponent, and without zeros at its end."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
