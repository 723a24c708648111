"""An agent's session of 60 turns on real llama.cpp: what was read once is not read again, and nothing is refused.

Its history began with another provider; it is told reminders as system messages, some of them for one turn only; it
calls tools; twice its history is made into a summary, once without a message of the user. What has to come from the
cache is said by the client's messages alone: all that it sent before, word for word, up to where the model's template
itself begins to write otherwise (Qwen's leave out the thoughts before a new message of the user).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from coordinator.openai.chat_request import parse
from tools.local_network import MODEL, Network
from wire import catalog_text
from wire.catalog import ChatFormat
from worker.bindings.vocab import Vocab
from worker.chat.prompt import prepare

TURNS = 60
CONTEXT = 16384
Message = dict[str, Any]
PLACE = {"type": "string", "enum": ["the yard", "the roof"]}
TOOL = {
    "type": "function",
    "function": {
        "name": "look",
        "description": "Look at a place.",
        "parameters": {"type": "object", "properties": {"place": PLACE}, "required": ["place"]},
    },
}
SYSTEM: Message = {"role": "system", "content": "You watch a house. Look before you answer, and be brief about it."}
# As another provider's answers come back: its own fields, its own ids, a thought in two spellings.
ELSEWHERE: list[Message] = [
    {"role": "user", "content": "Is the gate shut?"},
    {
        "role": "assistant",
        "id": "msg_01",
        "content": [
            {"type": "thinking", "thinking": "Look first.", "signature": "c2ln"},
            {"type": "text", "text": "So."},
        ],
        "tool_calls": [
            {
                "id": "toolu_01A",
                "type": "function",
                "function": {"name": "look", "arguments": '{"place": "the yard"}'},
                "extra_content": {"google": {"thought_signature": "c2ln"}},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "toolu_01A", "content": "The gate is open."},
    {
        "role": "assistant",
        "content": "It is open.",
        "reasoning_content": "It is.",
        "reasoning_details": [{"type": "reasoning.text", "text": "It is.", "format": "unknown", "index": 0}],
    },
]


@dataclass
class Session:
    """Sends what an agent sends, and holds each answer's count of cached tokens to what was sent before."""

    client: OpenAI
    network: Network
    vocabulary: Vocab
    format: ChatFormat
    messages: list[Message] = field(default_factory=lambda: [SYSTEM, *ELSEWHERE])
    sent: list[Message] = field(default_factory=list)
    turns: int = 0

    def say(self, role: str, content: str) -> None:
        self.messages.append({"role": role, "content": content})

    def ask(self, call: bool, *passing: Message) -> None:
        """One turn: a call and its result, or an answer. `passing`: messages that no later request has."""
        sent = [*self.messages, *passing]
        body: dict[str, Any] = {"model": MODEL, "messages": sent, "tools": [TOOL], "max_tokens": 200, "temperature": 0}
        body["tool_choice"] = "required" if call else "auto"
        extra = {"thinking_budget": 8, "parallel_tool_calls": False}
        done = self.client.chat.completions.create(**body, extra_body=extra)
        assert done.usage is not None and done.usage.prompt_tokens_details is not None
        cached = done.usage.prompt_tokens_details.cached_tokens or 0
        assert cached >= self._read_before(sent), f"turn {self.turns}"
        self.sent = sent
        self.turns += 1
        answer = done.choices[0].message
        self.messages.append({"role": "assistant", **answer.model_dump(exclude_none=True)})
        assert bool(answer.tool_calls) or not call
        for made in answer.tool_calls or []:
            self.messages.append({"role": "tool", "tool_call_id": made.id, "content": f"All is quiet ({self.turns})."})

    def _read_before(self, messages: list[Message]) -> int:
        """Tokens of the messages that the last request had too."""
        pairs = zip(self.sent, messages, strict=False)
        common = [new for _, new in takewhile(lambda pair: pair[0] == pair[1], pairs)]
        users = [at for at, message in enumerate(common) if message["role"] == "user"]
        if users and any(message["role"] == "user" for message in messages[len(common) :]):
            common = common[: users[-1] + 1]
        if not common:
            return 0
        body = {"messages": common, "tools": [TOOL], "max_tokens": 1}
        catalog = catalog_text.parse(self.network.catalog.read_bytes(), "models.yaml")
        request = parse(json.dumps(body).encode(), catalog, {}).request
        return prepare(request, (), CONTEXT, self.vocabulary, self.format).anchors[-1]


@pytest.fixture(scope="module", params=["tiny_qwen3", "tiny_qwen35"])
def session(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A dense model that calls in JSON, and a hybrid one that calls in XML."""
    path: Path = request.getfixturevalue(request.param)
    format: ChatFormat = "qwen-json" if request.param == "tiny_qwen3" else "qwen-xml"
    network = Network(tmp_path_factory.mktemp("session"), path, context=CONTEXT, format=format)
    try:
        network.start_coordinator()
        network.start_worker()
        with OpenAI(base_url=network.url + "/v1", api_key=network.key, max_retries=0) as client:
            yield Session(client, network, Vocab(str(path)), format)
    finally:
        network.close()


def test_what_was_read_once_is_never_read_again_and_nothing_is_refused(session: Session) -> None:
    while session.turns < TURNS:
        session.say("user", f"What is new since {session.turns}?")
        session.ask(call=True)
        session.say("system", f"Reminder {session.turns}: look at the roof too.")
        session.ask(call=True)
        session.ask(False, {"role": "system", "content": f"{session.turns} turns are done."})
        session.ask(
            False, {"role": "system", "content": "Few turns are left."}, {"role": "system", "content": "Hurry."}
        )
        session.say("system", "Nobody has come since.")
        if session.turns == TURNS // 3:  # a summary instead of all that was said; no user is left
            call = {
                "id": "call_9",
                "type": "function",
                "function": {"name": "look", "arguments": '{"place": "the roof"}'},
            }
            summary = {"role": "assistant", "content": "The house was quiet so far.", "tool_calls": [call]}
            session.messages = [SYSTEM, summary, {"role": "tool", "tool_call_id": "call_9", "content": "A cat."}]
            for _ in range(3):
                session.ask(call=True)
        if session.turns > 2 * TURNS // 3 and len(session.messages) > 30:
            session.messages = [SYSTEM, {"role": "user", "content": "So far: a cat on the roof, and the gate is open."}]
            session.ask(call=True)
