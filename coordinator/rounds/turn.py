"""One turn of the model, taken apart as it comes: what the client sees of it, and the calls that are ours to run."""

from collections.abc import Collection
from dataclasses import dataclass, field

from wire.chat import CallDelta, Content, Part, Reasoning

MOST_ARGUMENT_CHARS = 512 * 1024  # of all calls of a turn that are ours: a worker says them, and a worker is a stranger


@dataclass
class Call:
    """A call of a platform tool."""

    name: str
    arguments: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.arguments)


class Turn:
    """`take` is given the parts of every step. Calls of `platform` tools are kept back, all else goes to the client,
    whose own calls are numbered as if there were no others."""

    def __init__(self, platform: Collection[str]) -> None:
        self._platform = platform
        self.calls: dict[int, Call] = {}  # ours, by the model's own number
        self.content: list[str] = []
        self.reasoning: list[str] = []
        self._numbers: dict[int, int] = {}  # of the client's calls: the model's number -> theirs
        self._room = MOST_ARGUMENT_CHARS

    def resume(self, content: str, reasoning: str, has_clients_calls: bool) -> None:
        """A turn that has ended elsewhere: nothing more of it is taken."""
        self.content, self.reasoning = [content], [reasoning]
        self._numbers = {0: 0} if has_clients_calls else {}

    @property
    def has_clients_calls(self) -> bool:
        return bool(self._numbers)

    def take(self, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        """What of these parts is for the client: the same object where no call is among them."""
        calls = False
        for part in parts:
            if isinstance(part, Content):
                self.content.append(part.text)
            elif isinstance(part, Reasoning):
                self.reasoning.append(part.text)
            elif isinstance(part, CallDelta):
                calls = True
        if not calls:
            return parts
        shown: list[Part] = []
        for part in parts:
            shown += self._call(part) if isinstance(part, CallDelta) else [part]
        return tuple(shown)

    def _call(self, part: CallDelta) -> list[Part]:
        """What of a call is for the client: nothing of ours."""
        if part.name is not None and part.name in self._platform:
            self.calls[part.index] = Call(part.name)
            self._add(part)
            return []
        if part.name is None and part.index in self.calls:
            self._add(part)
            return []
        number = self._numbers.setdefault(part.index, len(self._numbers))
        return [part.model_copy(update={"index": number})]

    def _add(self, part: CallDelta) -> None:
        if part.arguments and len(part.arguments) <= self._room:
            self._room -= len(part.arguments)
            self.calls[part.index].arguments.append(part.arguments)
