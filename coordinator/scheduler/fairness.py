"""Who was served how much: one virtual token counter for each account, at one model.

Served tokens, divided by the account's weight, advance its counter, and the account with the lowest one is next: the
virtual token counter of Sheng et al., "Fairness in Serving Large Language Models" (OSDI 2024). Models do not share
slots, so each has counters of its own.

An account that comes back after a pause starts no lower than the floor, the counter of the account that was served
last: what it did not use while it was away, it cannot save up.

Each replica charges what its own workers serve, and adds what the others have charged. Counters of two replicas differ
by where they began, and by what is on the way between them.
"""

from dataclasses import dataclass

PROMPT_WEIGHT = 1 / 3  # of a completion token's 1: the ratio of their prices, 300 to 900 nano-dollars
MOST_COUNTERS = 4096
LEAST_WEIGHT = 0.001


def cost(prompt: int, completion: int) -> float:
    """What serving so many tokens costs, in tokens of the completion."""
    return prompt * PROMPT_WEIGHT + completion


@dataclass(frozen=True)
class Charge:
    """What one replica has charged an account at a model since it last said so: tokens by weight; negative, if it gave
    more back. `chosen`: whether the account was next there."""

    model: str
    account: str
    share: float
    chosen: bool


class Fairness:
    """The counters of one model, for at most `most` accounts."""

    def __init__(self, most: int = MOST_COUNTERS) -> None:
        self._most = most
        self._counters: dict[str, float] = {}
        self._untold: dict[str, tuple[float, bool]] = {}  # charged since the others were told, and whether it was next
        self.floor = 0.0

    def __len__(self) -> int:
        return len(self._counters)

    def counter(self, account: str) -> float:
        """Tokens served, by weight; the floor for an account that is not known, or not any more."""
        return self._counters.get(account, self.floor)

    def arrive(self, account: str) -> None:
        """The account begins to wait: what it did not use while it was away is not saved up."""
        if self.counter(account) <= self.floor:
            self._counters.pop(account, None)

    def charge(self, account: str, tokens: float, weight: float) -> None:
        """Advance the account's counter by tokens served. Negative tokens take back what was charged before."""
        share = tokens / max(weight, LEAST_WEIGHT)
        self._advance(account, share)
        self._note(account, share, False)

    def chosen(self, account: str) -> None:
        """The account was next and is served: accounts that come from now on start no lower than it."""
        self.floor = max(self.floor, self.counter(account))
        self._note(account, 0.0, True)

    # ---- what the others are told, and tell ----------------------------------------------------------------------

    def take_charges(self, model: str) -> list[Charge]:
        """What was charged here since this was last asked."""
        untold, self._untold = self._untold, {}
        return [Charge(model, account, share, chosen) for account, (share, chosen) in untold.items()]

    def standing(self, model: str) -> list[Charge]:
        """How far above the floor each account stands, as charges: for a replica that knows nothing yet."""
        return [Charge(model, account, at - self.floor, False) for account, at in self._counters.items()]

    def charged_elsewhere(self, charge: Charge) -> None:
        """Another replica has charged the account."""
        if charge.chosen:
            self.floor = max(self.floor, self.counter(charge.account))
        self._advance(charge.account, charge.share)

    def stands_elsewhere(self, charge: Charge) -> None:
        """So far above the floor the account stands at another replica, in all."""
        at = self.floor + charge.share
        if at > self.counter(charge.account):
            self._advance(charge.account, at - self.counter(charge.account))

    def _note(self, account: str, share: float, chosen: bool) -> None:
        if account not in self._untold and len(self._untold) >= self._most:
            self._untold.clear()  # there is nobody to tell
        before, next_before = self._untold.get(account, (0.0, False))
        self._untold[account] = (before + share, next_before or chosen)

    def _advance(self, account: str, share: float) -> None:
        if account not in self._counters and len(self._counters) >= self._most:
            self._forget()
        self._counters[account] = self.counter(account) + share

    def _forget(self) -> None:
        """Make room: accounts at the floor lose nothing by it; if they are too few, the lowest half gain the least."""
        self._counters = {account: at for account, at in self._counters.items() if at > self.floor}
        if len(self._counters) > self._most // 2:
            highest = sorted(self._counters, key=self._counters.__getitem__)[len(self._counters) // 2 :]
            self._counters = {account: self._counters[account] for account in highest}
