"""What one dispatch has learned that those of the other replicas should know, and what it makes of theirs.

Everything here only shapes what is decided next: who is served, by whom, and what is refused. What is lost on the way
costs one more attempt at a worker that rests elsewhere, or a moment's tokens of an account's turn.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from coordinator.dispatch import rests
from coordinator.dispatch.dispatch_state import State
from coordinator.dispatch.poison import BlockNews
from coordinator.scheduler.fairness import Charge
from coordinator.scheduler.owners import Deeds
from coordinator.scheduler.prefix_affinity import PromptPrefixes
from coordinator.scheduler.quarantine import RestNews


@dataclass(frozen=True)
class Lessons:
    """What accounts were charged, who rests, what owners' workers did, which requests crash engines, and which prompts
    have been read."""

    charges: tuple[Charge, ...] = ()
    rests: tuple[RestNews, ...] = ()
    deeds: tuple[Deeds, ...] = ()
    blocks: tuple[BlockNews, ...] = ()
    reads: tuple[PromptPrefixes, ...] = ()


class Learned:
    """The lessons of one dispatch. Only what decides next is changed by those of others: no effect follows at once."""

    def __init__(self, state: State) -> None:
        self._state = state

    def take(self, now: float) -> Lessons:
        """What is new since this was last asked."""
        state = self._state
        reads = list(state.fleet.reads)
        state.fleet.reads.clear()
        return Lessons(
            tuple(charge for model, each in state.queue.fairness.items() for charge in each.take_charges(model)),
            tuple(state.quarantine.take_news(now)),
            tuple(state.fleet.owners.take_deeds()),
            tuple(state.poison.take_news(now)),
            tuple(reads),
        )

    def lasting(self, now: float) -> Lessons:
        """What lasts of what was learned here, and does no more when it is heard twice."""
        state = self._state
        return Lessons(rests=tuple(state.quarantine.lasting(now)), blocks=tuple(state.poison.lasting(now)))

    def standing(self, now: float) -> Lessons:
        """All that holds now, but prompts: for a replica that knows nothing yet."""
        state = self._state
        return Lessons(
            tuple(charge for model, each in state.queue.fairness.items() for charge in each.standing(model)),
            tuple(state.quarantine.standing(now)),
            tuple(state.fleet.owners.standing()),
            tuple(state.poison.standing(now)),
        )

    def stand(self, charges: Iterable[Charge]) -> None:
        """So much the accounts have been charged in all, by another replica that knows it."""
        for charge in charges:
            self._state.queue.fairness[charge.model].stands_elsewhere(charge)

    def heard(self, lessons: Lessons, now: float) -> None:
        """Another replica has learned this. Of prompts it is the routing that wants to know."""
        state = self._state
        for charge in lessons.charges:
            state.queue.fairness[charge.model].charged_elsewhere(charge)
        for deeds in lessons.deeds:
            state.fleet.owners.heard(deeds)
        if lessons.blocks:
            state.poison.heard(lessons.blocks, now)
        for news in lessons.rests:
            state.quarantine.heard(news, now)
        rests.heard(state, [news.worker for news in lessons.rests if news.failures])
