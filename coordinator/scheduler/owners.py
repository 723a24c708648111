"""What an owner's workers have shown, all of them together: a worker id is free, an account less so.

A newcomer gets little at first and more as it proves itself. Where an owner that has proven itself could serve, all
workers of a newcomer together run two jobs at once, and two more for each that they finished for a client. Where only
newcomers are there, the bound decides who is asked first, and keeps no slot idle.

Replicas tell each other what an owner's workers did: credit that was earned at one counts at all, and so does a fault.
What runs is bounded by each for itself.
"""

import math
from dataclasses import dataclass, replace

PROVEN = 8  # finished jobs: from then on an owner's slots are believed
FIRST, EACH = 2, 2  # jobs at once of an owner that has finished none, and for each finished one
# Words of its workers that were not so: two are believed to be mistakes, and four jobs in a row that were handed back.
DOUBTED = 2.5
HANDED_BACK = 0.6
REDEEMED = 0.1  # one is forgotten after ten finished jobs: builds of one engine may differ
MOST = 64  # finished jobs that count: no past is so good that faults do not show
MOST_UNTOLD = 4096


@dataclass
class Owner:
    """`credit`: jobs finished for clients of other accounts, MOST at most, halved by each fault. `unsettled`: jobs that
    have not ended, of which its workers said that the request is to blame. `wrong`: how often another owner's worker
    then served one, or a prompt was claimed to be far longer than it is. `handed_back`: jobs in a row that its
    workers had and gave back without a fault; `handed_back_at`: the last one's time."""

    credit: int = 0
    running: int = 0  # leases on its workers
    unsettled: int = 0
    wrong: float = 0.0
    handed_back: int = 0
    handed_back_at: float = -math.inf

    @property
    def proven(self) -> bool:
        return self.credit >= PROVEN

    @property
    def within_bound(self) -> bool:
        """Whether its workers may have one more job, if they are a newcomer's."""
        return self.proven or self.running < FIRST + EACH * self.credit

    @property
    def doubted(self) -> bool:
        """Whether its workers said too much that was not so: the next such word is a fault."""
        return self.wrong + HANDED_BACK * self.handed_back > DOUBTED

    @property
    def awaits_verdicts(self) -> bool:
        """Whether it is a newcomer that found a request to blame which others have not decided about yet. Whoever
        refuses is free again at once: of jobs that come together a league would have each one, and word upon word."""
        return self.unsettled > 0 and not self.proven

    def finished(self) -> None:
        """One of its workers has finished a job for a client."""
        self.credit = min(self.credit + 1, MOST)
        self.handed_back = 0
        self.wrong = max(0.0, self.wrong - REDEEMED)

    def failed(self) -> None:
        """One of its workers was at fault with a client's job."""
        self.credit //= 2

    def was_wrong(self) -> bool:
        """One of its workers said what was not so. True if that was once too often."""
        self.wrong += 1
        return self.doubted

    def has_handed_back(self, offered_at: float, now: float) -> bool:
        """One of its workers gave a client's job back, and says that it is no fault. True if that was one too many, and
        each further one is, until one is finished. A job that was offered before the last one came back does not count:
        those were on their way together."""
        if offered_at < self.handed_back_at:
            return False
        self.handed_back, self.handed_back_at = self.handed_back + 1, now
        return self.doubted

    def weighs_as_much_as(self, other: "Owner") -> bool:
        """Whether its word stands against the other's: nobody speaks against an owner that served more clients."""
        return self.credit >= min(other.credit, PROVEN)


@dataclass(frozen=True)
class Deeds:
    """What an owner's workers did with clients' jobs at one replica since it last said so, as its credit was changed by
    it. `wrong`: words of theirs that were not so."""

    account: str
    finished: int = 0
    failed: int = 0
    wrong: float = 0.0


class Owners:
    """All owners by account, and what the other replicas are to be told of them."""

    def __init__(self) -> None:
        self._owners: dict[str, Owner] = {}  # those with nothing to remember are forgotten
        self._untold: dict[str, Deeds] = {}  # at most MOST_UNTOLD

    def of(self, account: str) -> Owner:
        """What the workers of this account have shown; made, if it is new."""
        return self._owners.setdefault(account, Owner())

    def forget(self, account: str) -> None:
        """The owner has no workers: keep nothing of it if there is nothing to remember."""
        if self._owners.get(account) == Owner():
            del self._owners[account]

    def finished(self, account: str) -> None:
        """One of its workers has finished a job for a client."""
        owner = self.of(account)
        if owner.credit < MOST or owner.wrong:  # else it stays as good as it can be
            deeds = self._deeds(account)
            self._untold[account] = replace(deeds, finished=deeds.finished + 1)
        owner.finished()

    def failed(self, account: str) -> None:
        """One of its workers was at fault with a client's job."""
        deeds = self._deeds(account)
        self._untold[account] = replace(deeds, failed=deeds.failed + 1)
        self.of(account).failed()

    def was_wrong(self, account: str) -> bool:
        """One of its workers said what was not so. True if that was once too often."""
        deeds = self._deeds(account)
        self._untold[account] = replace(deeds, wrong=deeds.wrong + 1)
        return self.of(account).was_wrong()

    # ---- what the other replicas are told, and tell --------------------------------------------------------------

    def take_deeds(self) -> list[Deeds]:
        """What happened here since this was last asked."""
        untold, self._untold = self._untold, {}
        return list(untold.values())

    def standing(self) -> list[Deeds]:
        """How all owners stand: for a replica that knows nothing yet."""
        return [Deeds(account, owner.credit, 0, owner.wrong) for account, owner in self._owners.items()]

    def heard(self, deeds: Deeds) -> None:
        """Its workers did this at another replica."""
        owner = self.of(deeds.account)
        for _ in range(min(deeds.finished, MOST)):
            owner.finished()
        for _ in range(min(deeds.failed, MOST)):
            owner.failed()
        owner.wrong += deeds.wrong

    def _deeds(self, account: str) -> Deeds:
        if account not in self._untold and len(self._untold) >= MOST_UNTOLD:
            self._untold.clear()  # there is nobody to tell
        return self._untold.get(account, Deeds(account))
