"""What an answer wrote of what its grammar does not hold: kept, to be checked against the whole schema at its end."""

from dataclasses import dataclass, field
from typing import Any

from wire.chat import CallDelta, ChatRequest, Content, Part
from worker.chat.prepared import Unheld


@dataclass(frozen=True)
class Claim:
    """A finished JSON text, its schema, and whose it is, in words for the client."""

    whose: str
    schema: dict[str, Any]
    text: str


@dataclass
class Written:
    """The texts of one answer: its content, and the arguments of each call. They take what the answer takes."""

    request: ChatRequest
    unheld: tuple[Unheld, ...]
    _content: list[str] = field(default_factory=list)
    _names: dict[int, str] = field(default_factory=dict)
    _arguments: dict[int, list[str]] = field(default_factory=dict)

    def add(self, parts: list[Part]) -> None:
        """Keep what is to be checked, if anything is."""
        for part in parts if self.unheld else ():
            match part:
                case Content(text=text):
                    self._content.append(text)
                case CallDelta(index=index, name=name, arguments=arguments):
                    self._names |= {} if name is None else {index: name}
                    self._arguments.setdefault(index, []).append(arguments)
                case _:
                    pass

    def claims(self) -> tuple[Claim, ...]:
        """Return what a check of the finished answer can judge."""
        judged = {one.tool for one in self.unheld if any(gap.checked for gap in one.gaps)}
        schemas = {tool.name: tool.parameters for tool in self.request.tools}
        found = [
            Claim(f"the arguments of call {index}", schemas[name], "".join(self._arguments[index]))
            for index, name in self._names.items()
            if name in judged and name in schemas
        ]
        if None in judged and not self._names and self.request.json_schema is not None:
            found.append(Claim("the answer", self.request.json_schema, "".join(self._content)))
        return tuple(found)
