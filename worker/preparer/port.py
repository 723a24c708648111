"""What the daemon asks of any preparer: `process` runs one in a child process, `scripted` is the double. Types only."""

from typing import Any, Protocol

from wire.chat import ChatRequest
from worker.chat.prepared import Prepared, Seen


class Preparer(Protocol):
    """Makes a request ready for the engine. Raises SupernetError for a request that cannot be served. `sees`, once it
    has been started: the model's template shows it pictures."""

    @property
    def sees(self) -> bool: ...

    async def start(self) -> None: ...

    async def prepare(
        self, request: ChatRequest, delivered: tuple[int, ...], seen: tuple[Seen, ...] = ()
    ) -> Prepared: ...

    async def check(self, schema: dict[str, Any], text: str) -> tuple[str, ...]: ...

    async def close(self) -> None: ...
