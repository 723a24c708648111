"""The beginnings of prompts, and which of them a worker's engine has read lately: a belief, bounded and cheap.

The coordinator has no tokeniser. A prompt is known by a chain of hashes, one at the end of each message, in which each
stands for everything before it; lengths are estimated from bytes. The next turn of a conversation repeats the chain of
the last one and goes on; chats that share tools and a system prompt share its first step.

That first step is the same for every account: the text of a program that many use. From the first message of a
conversation on the chain holds the account, so that nobody's request is ever drawn to where another's conversation is.
"""

import json
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import takewhile

from wire.chat import ChatRequest

BYTES_PER_TOKEN = 4  # of English and of code, with the vocabularies of today
MESSAGE_TOKENS = 4  # of the template, around each message
FIRST_STEPS, LAST_STEPS = 8, 24  # of a long chain: what the next turn of it needs
MOST_TRAILS = 32  # remembered for one model of one worker: about 100 KB
SESSION_SHARE = 0.5  # of a prompt, where only its session is known: a client may have rewritten what came before
SESSION_CHARS = 256
LEAST_TELLING = 64  # tokens; a belief about fewer teaches nothing
LEARNING, LEAST_TRUST = 0.3, 0.05


@dataclass(frozen=True)
class Trail:
    """One prompt: `steps[i]` is the hash of its first messages, `tokens[i]` their estimated length, growing.

    `total`: tokens of all of it. `session`: the conversation that the client says it belongs to, 0 if it says none.
    """

    steps: tuple[int, ...] = ()
    tokens: tuple[int, ...] = ()
    total: int = 0
    session: int = 0


def trail(request: ChatRequest, account: str, session: str = "") -> Trail:
    """About 2 µs for each message and 1 ms for a megabyte."""
    head = [[tool.name, tool.description, tool.parameters] for tool in request.tools]
    text = json.dumps([head, request.preserve_thinking]) if head else str(request.preserve_thinking)
    leading = sum(1 for _ in takewhile(lambda message: message.role == "system", request.messages))
    length, digest = len(text) if head else 0, _hash(b"", text.encode())
    steps, tokens = [], []
    if head and not leading:
        steps.append(int.from_bytes(digest))
        tokens.append(length // BYTES_PER_TOKEN)
    for i, message in enumerate(request.messages):
        if i == leading:
            digest = _hash(digest, account.encode())
        data = message.model_dump_json(exclude_defaults=True).encode()
        digest, length = _hash(digest, data), length + len(data)
        if i + 1 >= leading:
            steps.append(int.from_bytes(digest))
            tokens.append(length // BYTES_PER_TOKEN + MESSAGE_TOKENS * (i + 1))
    total = tokens[-1] if tokens else 0
    if len(steps) > FIRST_STEPS + LAST_STEPS:
        steps = steps[:FIRST_STEPS] + steps[-LAST_STEPS:]
        tokens = tokens[:FIRST_STEPS] + tokens[-LAST_STEPS:]
    known = int.from_bytes(_hash(account.encode(), session.encode())) if session else 0
    return Trail(tuple(steps), tuple(tokens), total, known)


def prompt_tokens(request: ChatRequest) -> int:
    """About how many tokens a prompt has, at once."""
    texts = (len(message.content) + len(message.reasoning or "") for message in request.messages)
    tools = (len(tool.description) + len(str(tool.parameters)) for tool in request.tools)
    return (sum(texts) + sum(tools)) // BYTES_PER_TOKEN + MESSAGE_TOKENS * len(request.messages)


def session_of(headers: Mapping[str, str]) -> str:
    """What agents call the conversation (opencode sends both); empty if they say nothing."""
    name = headers.get("x-session-affinity") or headers.get("x-session-id") or ""
    return name[:SESSION_CHARS]


def _hash(before: bytes, data: bytes) -> bytes:
    state = blake2b(before, digest_size=8)
    state.update(data)
    return state.digest()


@dataclass
class Remembered:
    """What one worker's engine holds of one model, as far as we know: it keeps about as many prompts as it has slots.

    `trust`: the share of what was believed that the worker's own count of cached tokens has borne out, lately.
    """

    trust: float = 1.0
    _trails: OrderedDict[int, tuple[int, ...]] = field(default_factory=OrderedDict)  # by last step, oldest first
    _steps: Counter[int] = field(default_factory=Counter)  # of all of them
    _sessions: OrderedDict[int, None] = field(default_factory=OrderedDict)

    def known(self, prompt: Trail) -> int:
        """Tokens of the prompt that the engine has read already, before trust."""
        known = 0
        if prompt.steps and prompt.steps[0] in self._steps:
            for i in range(len(prompt.steps) - 1, -1, -1):
                if prompt.steps[i] in self._steps:
                    known = prompt.tokens[i]
                    break
        if prompt.session and prompt.session in self._sessions:
            known = max(known, int(prompt.total * SESSION_SHARE))
        return known

    def remember(self, prompt: Trail, slots: int) -> None:
        """The engine has read the prompt. What the prompt continues lives on in it."""
        for step in reversed(prompt.steps):
            if step in self._trails:
                self._drop(step)
                break
        if prompt.steps:
            self._trails[prompt.steps[-1]] = prompt.steps
            self._steps.update(prompt.steps)
        if prompt.session:
            self._sessions[prompt.session] = None
            self._sessions.move_to_end(prompt.session)
        most = min(max(slots, 1), MOST_TRAILS)
        while len(self._trails) > most:
            self._drop(next(iter(self._trails)))
        while len(self._sessions) > most:
            self._sessions.popitem(last=False)

    def learn(self, believed: int, prompt: Trail, cached: int, length: int) -> None:
        """A prompt of `length` tokens is done, `cached` of them were not computed; `known` had said `believed`."""
        if believed < LEAST_TELLING or not prompt.total:
            return
        expected = believed * length / prompt.total
        truth = min(cached / expected, 1.0) if expected else 0.0
        self.trust = max(self.trust + LEARNING * (truth - self.trust), LEAST_TRUST)

    def forget(self) -> None:
        """The engine is a new one."""
        self._trails.clear()
        self._steps.clear()
        self._sessions.clear()

    def _drop(self, last: int) -> None:
        for step in self._trails.pop(last):
            self._steps[step] -= 1
            if not self._steps[step]:
                del self._steps[step]
