"""How often guesses come true: a moving average."""


class Acceptance:
    """Of one kind of guess. `usual`: what is taken for its rate before it has shown its own, and counts as much as so
    many guesses, `weight`; `memory`: guesses after which what was before counts a third."""

    def __init__(self, usual: "Acceptance | float", weight: float, memory: float) -> None:
        self._usual, self._weight, self._keep = usual, weight, 1 - 1 / memory
        self._right = self._tried = 0.0

    @property
    def rate(self) -> float:
        """The chance that the next guess comes true, if those before it do."""
        usual = self._usual if isinstance(self._usual, float) else self._usual.rate
        return (self._right + self._weight * usual) / (self._tried + self._weight)

    def record(self, right: int, guessed: int) -> None:
        """Of a draft of so many guesses the first `right` came true. Behind the first that did not none was tried."""
        tried = min(right + 1, guessed)
        keep = self._keep**tried
        self._right = self._right * keep + right
        self._tried = self._tried * keep + tried
