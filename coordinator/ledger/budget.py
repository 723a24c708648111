"""How much of given tokens' credit a day may pay out: the operator's bound. Pure, and known without a database."""

from dataclasses import dataclass

PARTS = 4  # no account gets more than a quarter of a day's budget, and a few accounts cannot take all of it for ever


@dataclass(frozen=True)
class Budget:
    """`nano`: nano-dollars a day for all accounts together; 0: nothing is paid out of credit."""

    nano: int

    @property
    def account_nano(self) -> int:
        """The most that one account may be paid out of credit a day, in nano-dollars."""
        return self.nano // PARTS
