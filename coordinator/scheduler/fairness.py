"""Who was served how much: one virtual token counter for each account, at one model.

Served tokens, divided by the account's weight, advance its counter, and the account with the lowest one is next: the
virtual token counter of Sheng et al., "Fairness in Serving Large Language Models" (OSDI 2024). Models do not share
slots, so each has counters of its own.

An account that comes back after a pause starts no lower than the floor, the counter of the account that was served
last: what it did not use while it was away, it cannot save up.
"""

PROMPT_WEIGHT = 1 / 3  # of a completion token's 1: the ratio of their prices, 300 to 900 nano-dollars
MOST_COUNTERS = 4096
LEAST_WEIGHT = 0.001


def cost(prompt: int, completion: int) -> float:
    """What serving so many tokens costs, in tokens of the completion."""
    return prompt * PROMPT_WEIGHT + completion


class Fairness:
    """The counters of one model, for at most `most` accounts."""

    def __init__(self, most: int = MOST_COUNTERS) -> None:
        self._most = most
        self._counters: dict[str, float] = {}
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
        if account not in self._counters and len(self._counters) >= self._most:
            self._forget()
        self._counters[account] = self.counter(account) + tokens / max(weight, LEAST_WEIGHT)

    def chosen(self, account: str) -> None:
        """The account was next and is served: accounts that come from now on start no lower than it."""
        self.floor = max(self.floor, self.counter(account))

    def _forget(self) -> None:
        """Make room: accounts at the floor lose nothing by it; if they are too few, the lowest half gain the least."""
        self._counters = {account: at for account, at in self._counters.items() if at > self.floor}
        if len(self._counters) > self._most // 2:
            highest = sorted(self._counters, key=self._counters.__getitem__)[len(self._counters) // 2 :]
            self._counters = {account: self._counters[account] for account in highest}
