"""How much of something a stranger may cause: some at once, and then so much a second."""

LOOK_S = 60.0  # between two looks at which of many are full


class Allowance:
    """A bucket of at most `most`, full at first, that fills by `per_s` a second. `now` is in seconds of any clock that
    never goes back."""

    def __init__(self, most: float, per_s: float, now: float) -> None:
        self._most, self._per_s = most, per_s
        self._left, self._at = most, now

    def take(self, amount: float, now: float) -> bool:
        """Take the amount out; False, and nothing is taken, if there is less than that."""
        self._fill(now)
        if amount > self._left:
            return False
        self._left -= amount
        return True

    def full(self, now: float) -> bool:
        """Whether nothing of what was ever taken is still missing."""
        self._fill(now)
        return self._left >= self._most

    def _fill(self, now: float) -> None:
        self._left = min(self._most, self._left + max(0.0, now - self._at) * self._per_s)
        self._at = max(self._at, now)


class Allowances:
    """An Allowance for each of many names, of which those that are full again are forgotten: they are as new ones."""

    def __init__(self, most: float, per_s: float) -> None:
        self._most, self._per_s = most, per_s
        self._each: dict[str, Allowance] = {}
        self._looked_at = 0.0

    def take(self, name: str, amount: float, now: float) -> bool:
        """Take the amount out of the name's; False, and nothing is taken, if there is less than that."""
        if now - self._looked_at > LOOK_S:
            self._looked_at = now
            self._each = {key: each for key, each in self._each.items() if not each.full(now)}
        if name not in self._each:
            self._each[name] = Allowance(self._most, self._per_s, now)
        return self._each[name].take(amount, now)
