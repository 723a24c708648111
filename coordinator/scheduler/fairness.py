"""Who was served how much: one virtual token counter for each account, at one model.

Served tokens, divided by the account's weight, advance its counter, and the account with the lowest one is next: the
virtual token counter of Sheng et al., "Fairness in Serving Large Language Models" (OSDI 2024). Models do not share
slots, so each has counters of its own.

An account that comes back after a pause starts no lower than the floor, the counter of the account that was served
last: what it did not use while it was away, it cannot save up.

To be next is worth nothing while no slot becomes free, and answers of one length that began together end together. So
an account that crowds the others leaves a few slots free, for as long as there are others. What that is worth, and what
it costs, stands in docs/benchmarks.md.
"""

PROMPT_WEIGHT = 1 / 3  # of a completion token's 1: the ratio of their prices, 300 to 900 nano-dollars
MOST_COUNTERS = 4096
LEAST_WEIGHT = 0.001
ROOM_ONE_OF, MOST_ROOM = 16, 4  # with more slots than 64, one becomes free soon enough
GUEST_S = 600.0  # who was served so long ago is not expected any more: slots are left free for nobody


def cost(prompt: int, completion: int) -> float:
    """What serving so many tokens costs, in tokens of the completion."""
    return prompt * PROMPT_WEIGHT + completion


def room(slots: int) -> int:
    """How many slots are left free by whoever crowds the others."""
    return min(slots // ROOM_ONE_OF, MOST_ROOM)


def crowds(held: int, accounts: int, slots: int) -> bool:
    """Does an account that holds so many slots leave too few for one more, besides the accounts that hold any?"""
    return held * (accounts + 1) >= slots


class Fairness:
    def __init__(self, most: int = MOST_COUNTERS) -> None:
        self._most = most
        self._counters: dict[str, float] = {}
        self.floor = 0.0

    def __len__(self) -> int:
        return len(self._counters)

    def counter(self, account: str) -> float:
        """One that is not known any more stands at the floor."""
        return self._counters.get(account, self.floor)

    def arrive(self, account: str) -> None:
        """The account waits again and did not wait before."""
        if self.counter(account) <= self.floor:
            self._counters.pop(account, None)

    def charge(self, account: str, tokens: float, weight: float) -> None:
        """Tokens served; negative: fewer than were charged before."""
        if account not in self._counters and len(self._counters) >= self._most:
            self._forget()
        self._counters[account] = self.counter(account) + tokens / max(weight, LEAST_WEIGHT)

    def chosen(self, account: str) -> None:
        """The account is next."""
        self.floor = max(self.floor, self.counter(account))

    def _forget(self) -> None:
        """First those that stand at the floor, who lose nothing by it; then the lowest half, who win the least."""
        self._counters = {account: at for account, at in self._counters.items() if at > self.floor}
        if len(self._counters) > self._most // 2:
            highest = sorted(self._counters, key=self._counters.__getitem__)[len(self._counters) // 2 :]
            self._counters = {account: self._counters[account] for account in highest}
