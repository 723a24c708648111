"""The parts of an answer on their way out: cut at the first stop string, neighbours of one kind joined."""

from wire.chat import CallDelta, Content, Notice, Part
from wire.chat import Reasoning as ReasoningPart
from worker.chat.stops import Stops
from worker.chat.thought import Thought
from worker.chat.tool_call import MARK


class Parts:
    """Collects what is given out; `take` hands it over. Marks (`tool_call.MARK`) are taken out of all texts.

    A thought is trimmed (`thought`), and content is held back while it may become a stop string (`stops`).
    """

    def __init__(self, stop: tuple[str, ...]) -> None:
        self.stops = Stops(stop)
        self.thought = Thought()
        self._made: list[Part] = []

    def reasoning(self, text: str) -> None:
        if text := self.thought.add(text.replace(MARK, "")):
            self._made.append(ReasoningPart(text=text))

    def content(self, text: str) -> None:
        if text := self.stops.add(text.replace(MARK, "")):
            self._made.append(Content(text=text))

    def flush_content(self) -> None:
        """Give out the content that was held back, as no stop string can grow out of it any more."""
        if text := self.stops.flush():
            self._made.append(Content(text=text))

    def call(self, part: CallDelta) -> None:
        self._made.append(part.model_copy(update={"arguments": part.arguments.replace(MARK, "")}))

    def notice(self, text: str) -> None:
        self._made.append(Notice(text=text))

    def take(self) -> list[Part]:
        """The parts made since the last call."""
        joined: list[Part] = []
        for part in self._made:
            match joined[-1] if joined else None, part:
                case Content(text=before), Content(text=text):
                    joined[-1] = Content(text=before + text)
                case ReasoningPart(text=before), ReasoningPart(text=text):
                    joined[-1] = ReasoningPart(text=before + text)
                case CallDelta() as call, CallDelta(name=None) if call.index == part.index:
                    joined[-1] = call.model_copy(update={"arguments": call.arguments + part.arguments})
                case _:
                    joined.append(part)
        self._made = []
        return joined
