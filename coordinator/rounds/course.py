"""The course of one answer: which calls of a turn are run, what the model is asked next, and when it is over.

At most MOST_ROUNDS rounds, and the last is asked without tools, so that a text comes of it. A choice of the client's
(`required`, or a tool by name) holds for the first round: held on to, the model could never stop calling.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from coordinator.media.results import Result, for_model, missing_links
from coordinator.rounds.turn import Turn
from wire.chat import ChatRequest, Message, ToolCall, Usage

MOST_ROUNDS = 5
MOST_CALLS = 8  # of one round that are run
MOST_TOLD = 16  # of one round that the model is told of at all
MOST_ARTEFACTS = 64  # of one request
MESSAGES = MOST_ROUNDS * (1 + MOST_TOLD)  # that may join a conversation


@dataclass(frozen=True)
class Wanted:
    """A call that the model made: its place among ours in its round, from 1, its id, and what it says."""

    place: int
    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Covered:
    """A course so far: the number of its round, what all took, what the client was sent, what came of the calls of the
    rounds before, and the messages that have joined the client's."""

    round: int
    used: Usage
    told: str
    results: tuple[Result, ...]
    joined: tuple[Message, ...]


class Course:
    """Where one request is. `name`: of the request; ids of calls are made from it, so that no failover changes them.
    `apart`: the tools of which the client is given what they made, and no links."""

    def __init__(self, name: str, request: ChatRequest, apart: Collection[str] = ()) -> None:
        self._name = name
        self._apart = apart
        self._most_tokens = request.max_tokens
        self._asked = len(request.messages)
        self._told: list[str] = []  # the client, of every round
        self._results: list[Result] = []
        self.request = request
        self.round = 1
        self.used = Usage(prompt=0, completion=0)

    @property
    def may_go_on(self) -> bool:
        """Whether another round may follow this one: there are rounds left, and tokens."""
        return self.round < MOST_ROUNDS and self.used.completion < self._most_tokens

    @property
    def artefacts(self) -> int:
        return sum(len(result.pieces) for result in self._results)

    @property
    def covered(self) -> Covered:
        joined = self.request.messages[self._asked :]
        return Covered(self.round, self.used, "".join(self._told), tuple(self._results), joined)

    def resume(self, covered: Covered) -> None:
        """Stand where another one stood, of the same request."""
        self.round, self.used = covered.round, covered.used
        self._told, self._results = [covered.told], list(covered.results)
        self.request = self.request.model_copy(update={"messages": (*self.request.messages, *covered.joined)})

    def told(self, texts: Sequence[str]) -> None:
        """The client has been sent these texts, a round of them."""
        self._told += texts

    def spent(self, usage: Usage) -> None:
        """A round has ended."""
        before = self.used
        self.used = Usage(
            prompt=before.prompt + usage.prompt,
            cached=before.cached + usage.cached,
            completion=before.completion + usage.completion,
            reasoning=before.reasoning + usage.reasoning,
        )

    def wanted(self, turn: Turn) -> list[Wanted]:
        """The calls of a turn that are ours, in its order; far too many are as good as not made."""
        calls = [turn.calls[index] for index in sorted(turn.calls)][:MOST_TOLD]
        return [Wanted(place, self._id(place), call.name, call.text or "{}") for place, call in enumerate(calls, 1)]

    def came_of(self, results: Sequence[Result]) -> None:
        """The calls of the round have been run."""
        self._results += results

    def go_on(self, turn: Turn, wanted: Sequence[Wanted], results: Sequence[Result]) -> ChatRequest:
        """Begin the next round: what the model is asked, with its own turn and what came of its calls."""
        said = Message(
            role="assistant",
            content="".join(turn.content),
            reasoning="".join(turn.reasoning) or None,
            tool_calls=tuple(ToolCall(id=call.id, name=call.name, arguments=call.arguments) for call in wanted),
        )
        told = [
            Message(role="tool", content=for_model(result, result.name in self._apart), tool_call_id=result.call_id)
            for result in results
        ]
        self.round += 1
        self.request = self.request.model_copy(
            update={
                "messages": (*self.request.messages, said, *told),
                "tool_choice": "auto" if self.round < MOST_ROUNDS else "none",
                "max_tokens": self._most_tokens - self.used.completion,
            }
        )
        return self.request

    def links(self) -> str:
        """What the client's text lacks of the links of all that was made."""
        linked = [result for result in self._results if result.name not in self._apart]
        return missing_links(linked, "".join(self._told))

    def _id(self, place: int) -> str:
        digest = hashlib.sha256(f"{self._name}/{self.round}/{place}".encode()).hexdigest()
        return f"call_{digest[:24]}"
