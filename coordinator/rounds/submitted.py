"""A request that has been submitted, as those see it who answer it: where its events come from, and what it costs.

Answers (hub/answers.py) is such a source, and so are Rounds, of which each round is one.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from coordinator.dispatch.outlook import QueuePosition
from coordinator.hub.buffers import AnswerEvent
from coordinator.rounds.costs import Priced
from coordinator.rounds.events import ToolProgress
from wire.errors import SupernetError


class Source(Protocol):
    """The events of a request, choice by choice, until each choice has ended."""

    @property
    def cut(self) -> asyncio.Future[None]:
        """Done once the client does not read: stop writing to it."""
        ...

    @property
    def waits(self) -> bool: ...

    async def settle(self, within_s: float) -> None: ...

    async def take(self, timeout_s: float) -> Sequence[tuple[int, AnswerEvent | ToolProgress]]: ...

    def early_error(self) -> SupernetError | None: ...

    def queue_position(self) -> QueuePosition | None: ...

    def cancel(self) -> None: ...


class Submitted(Protocol):
    @property
    def answers(self) -> Source: ...

    @property
    def quote(self) -> Priced: ...
