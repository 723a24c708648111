"""What replicas tell each other so that many are as fair and as strict as one.

Each decides alone, from what it knows at the moment; this only makes that what all know, a quarter of a second later.
Charges and use are added up, and of two words about a rest or a blocked request the one that ends later counts: in
which order they come does not matter. What runs under a key, who rests and what is blocked is said whole every few
seconds, so that a lost message holds no place for ever, and whoever was cut off learns who rests and what is blocked.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import TypeVar

from coordinator.admission.rate_limits import Rates
from coordinator.cluster.protocol.gossip_messages import MAX_TOLD, Charges, Gossiped, Hints, Poison, Rests, Use
from coordinator.dispatch.dispatch import Dispatch
from coordinator.dispatch.lessons import Lessons
from coordinator.scheduler.prefix_affinity import SESSION_SHARE, PromptPrefixes

WHOLE_S = 5.0  # so often each replica says again what runs there under every key, and the rests and blocks of its own
HINTS = 100_000  # prompts of which it is known whose cell has read them
HINT_S = 1800.0  # an engine has forgotten a prompt by then
SNAPSHOT_HINTS = 20_000  # the newest: what one who joins is told of them

T = TypeVar("T")


class Gossip:
    """What replica `me` tells the others and hears from them. `rates` are those that its edge admits requests by.

    Times are seconds of the clock that dispatch and rates go by.
    """

    def __init__(self, me: str, dispatch: Dispatch, rates: Rates) -> None:
        self._me = me
        self._learned = dispatch.learned
        self._rates = rates
        self._hints: OrderedDict[int, tuple[str, float]] = OrderedDict()  # prompt -> cell and when; the oldest first
        self._whole_at = 0.0

    def due(self, now: float) -> list[Gossiped]:
        """What all others are to be told; asked four times a second."""
        lessons = self._learned.take(now)
        told = list(_messages(lessons))
        told += [Use(items) for items in _pieces(self._rates.take_use())]
        if now - self._whole_at >= WHOLE_S:
            self._whole_at = now
            told.append(Use(tuple(self._rates.running_use()[:MAX_TOLD]), whole=True))
            told += _messages(self._learned.lasting(now))
        read = [name for prompt in lessons.reads for name in _names(prompt)]
        self._remember(self._me, read, now)
        return told + [Hints(self._me, prompts) for prompts in _pieces(read)]

    def heard(self, sender: str, message: Gossiped, now: float) -> None:
        """Another replica told this."""
        match message:
            case Charges():
                self._learned.heard(Lessons(charges=message.items), now)
            case Rests():
                self._learned.heard(Lessons(rests=message.rests, deeds=message.deeds), now)
            case Poison():
                self._learned.heard(Lessons(blocks=message.items), now)
            case Use():
                if message.whole:
                    self._rates.forget_running(sender)
                for use in message.items:
                    self._rates.used_elsewhere(sender, use, now)
            case Hints():
                self._remember(message.cell, message.prompts, now)

    def stands(self, sender: str, message: Gossiped, now: float, *, again: bool) -> None:
        """A part of what holds in all, as another replica knows it. Of use and charges what was heard before is in it,
        and counts once. `again`: one was heard before, since when something may have been lost: deeds would be counted
        twice, and are not taken."""
        match message:
            case Charges():
                self._learned.stand(message.items)
            case Use():
                for use in message.items:
                    self._rates.stands_elsewhere(sender, use, now)
            case Rests() if again:
                self.heard(sender, Rests(message.rests), now)
            case _:
                self.heard(sender, message, now)

    def snapshot(self, now: float) -> list[Gossiped]:
        """All that holds: for one who joins, or was cut off."""
        told = list(_messages(self._learned.standing(now)))
        told += [Use(items) for items in _pieces(self._rates.standing(now))]
        newest = list(self._hints.items())[-SNAPSHOT_HINTS:]
        by_cell: dict[str, list[int]] = {}
        for prompt, (cell, _) in newest:
            by_cell.setdefault(cell, []).append(prompt)
        return told + [Hints(cell, prompts) for cell, read in by_cell.items() for prompts in _pieces(read)]

    def gone(self, replica: str) -> None:
        """The replica is dead or has left: what ran there runs no more."""
        self._rates.forget_running(replica)

    def hinted(self, prompt: PromptPrefixes, now: float) -> tuple[str, int] | None:
        """The cell, this one's too, whose engines have lately read the longest beginning of the prompt, and how many
        tokens that has."""
        found = None
        for step, tokens in zip(reversed(prompt.steps), reversed(prompt.tokens), strict=True):
            if (cell := self._cell(step, now)) is not None:
                found = (cell, tokens)
                break
        session = self._cell(prompt.session, now) if prompt.session else None
        of_session = int(prompt.total * SESSION_SHARE)
        if session is not None and (found is None or found[1] < of_session):
            return session, of_session
        return found

    def _cell(self, name: int, now: float) -> str | None:
        cell, at = self._hints.get(name, ("", 0.0))
        return cell if cell and now - at < HINT_S else None

    def _remember(self, cell: str, prompts: Sequence[int], now: float) -> None:
        for prompt in prompts:
            self._hints[prompt] = (cell, now)
            self._hints.move_to_end(prompt)
        while len(self._hints) > HINTS:
            self._hints.popitem(last=False)


def _names(prompt: PromptPrefixes) -> Iterator[int]:
    """Its last step, which the next turn of the conversation has among its own, and its session."""
    yield from prompt.steps[-1:]
    if prompt.session:
        yield prompt.session


def _messages(lessons: Lessons) -> Iterator[Gossiped]:
    yield from map(Charges, _pieces(lessons.charges))
    yield from (Rests(rests=rests) for rests in _pieces(lessons.rests))
    yield from (Rests(deeds=deeds) for deeds in _pieces(lessons.deeds))
    yield from map(Poison, _pieces(lessons.blocks))


def _pieces(items: Sequence[T]) -> Iterator[tuple[T, ...]]:
    """What has room in one message each; none, if there is nothing to say."""
    return (tuple(items[at : at + MAX_TOLD]) for at in range(0, len(items), MAX_TOLD))
