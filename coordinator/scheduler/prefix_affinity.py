"""The beginnings of prompts, and which of them a worker's engine has read lately: a belief, bounded and cheap.

The coordinator has no tokeniser. A prompt is known by a chain of hashes, one at the end of each message, in which each
stands for everything before it; lengths are estimated from bytes. The next turn of a conversation repeats the chain of
the last one and goes on; chats that share tools and a system prompt share its first step.

That first step is the same for every account: the text of a program that many use. From the first message of a
conversation on the chain holds the account, so that nobody's request is ever drawn to where another's conversation is.
"""

import json
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import takewhile

from wire.chat import ChatRequest, Message, Tool
from wire.fixed_tool import once
from wire.scalars import size_bytes

BYTES_PER_TOKEN = 4  # of English and of code, with the vocabularies of today
MESSAGE_TOKENS = 4  # of the template, around each message
PICTURE_TOKENS = 700  # of a picture that may have 1,024: of 1,024 x 768 pixels and more it has 768 at least
FIRST_STEPS, LAST_STEPS = 8, 24  # of a long chain: what the next turn of it needs
MOST_PROMPTS = 32  # remembered for one model of one worker: about 100 KB
SESSION_SHARE = 0.5  # of a prompt, where only its session is known: a client may have rewritten what came before
LEAST_TELLING = 64  # tokens; a belief about fewer teaches nothing
LEARNING, LEAST_TRUST = 0.3, 0.05


@dataclass(frozen=True)
class PromptPrefixes:
    """One prompt: `steps[i]` is the hash of its first messages, `tokens[i]` their estimated length, growing.

    `pictures[i]`: how many of these tokens are of pictures, and `picture_tokens` of all of it. `total`: tokens of all
    of it. `session`: the conversation that the client says it belongs to, 0 if it says none.
    """

    steps: tuple[int, ...] = ()
    tokens: tuple[int, ...] = ()
    total: int = 0
    session: int = 0
    pictures: tuple[int, ...] = ()
    picture_tokens: int = 0


def prompt_prefixes(request: ChatRequest, account: str, session: str = "") -> PromptPrefixes:
    """Hash the beginnings of a prompt, one behind each of its messages.

    Takes about 2 µs for each message and 1 ms for a megabyte.
    """
    leading = sum(1 for _ in takewhile(lambda message: message.role == "system", request.messages))
    length, digest = 0, _hash(b"", str(request.preserve_thinking).encode())
    for tool in request.tools:
        declared, chars = _declared(tool)
        digest, length = _hash(digest, declared), length + chars
    steps, tokens, pictures, seen = [], [], [], 0
    if request.tools and not leading:
        steps.append(int.from_bytes(digest))
        tokens.append(length // BYTES_PER_TOKEN)
        pictures.append(0)
    for i, message in enumerate(request.messages):
        if i == leading:
            digest = _hash(digest, account.encode())
        data = message.model_dump_json(exclude_defaults=True).encode()  # names its pictures by their content
        digest, length = _hash(digest, data), length + len(data)
        if message.images:
            length -= len(data) - len(message.model_dump_json(exclude_defaults=True, exclude={"images"}).encode())
            seen += picture_tokens(message)
        if i + 1 >= leading:
            steps.append(int.from_bytes(digest))
            tokens.append(length // BYTES_PER_TOKEN + MESSAGE_TOKENS * (i + 1) + seen)
            pictures.append(seen)
    total = tokens[-1] if tokens else 0
    if len(steps) > FIRST_STEPS + LAST_STEPS:
        steps = steps[:FIRST_STEPS] + steps[-LAST_STEPS:]
        tokens = tokens[:FIRST_STEPS] + tokens[-LAST_STEPS:]
        pictures = pictures[:FIRST_STEPS] + pictures[-LAST_STEPS:]
    known = int.from_bytes(_hash(account.encode(), session.encode())) if session else 0
    return PromptPrefixes(tuple(steps), tuple(tokens), total, known, tuple(pictures), seen)


def prompt_tokens(request: ChatRequest) -> int:
    """About how many tokens a prompt has, at once."""
    texts = (size_bytes(message.content) + size_bytes(message.reasoning or "") for message in request.messages)
    calls = (size_bytes(call.name + call.arguments) for message in request.messages for call in message.tool_calls)
    length = sum(texts) + sum(calls) + sum(map(_tool_bytes, request.tools))
    pictures = sum(map(picture_tokens, request.messages))
    return length // BYTES_PER_TOKEN + MESSAGE_TOKENS * len(request.messages) + pictures


@once
def _declared(tool: Tool) -> tuple[bytes, int]:
    """A hash of the tool, and how many characters declare it."""
    text = json.dumps([tool.name, tool.description, tool.parameters])
    return _hash(b"", text.encode()), len(text)


@once
def _tool_bytes(tool: Tool) -> int:
    return size_bytes(tool.description + str(tool.parameters))


def picture_tokens(message: Message) -> int:
    """About how many tokens the pictures of a message have. Nobody looks at them here."""
    return sum(min(image.most, PICTURE_TOKENS) for image in message.images)


def _hash(before: bytes, data: bytes) -> bytes:
    state = blake2b(before, digest_size=8)
    state.update(data)
    return state.digest()


@dataclass
class PrefixIndex:
    """What one worker's engine holds of one model, as far as we know: it keeps about as many prompts as it has slots.

    `trust`: the share of what was believed that the worker's own count of cached tokens has borne out, lately.
    """

    trust: float = 1.0
    _prompts: OrderedDict[int, tuple[int, ...]] = field(default_factory=OrderedDict)  # by last step, oldest first
    _steps: Counter[int] = field(default_factory=Counter)  # of all of them
    _sessions: OrderedDict[int, None] = field(default_factory=OrderedDict)

    def cached_tokens(self, prompt: PromptPrefixes) -> int:
        """Tokens of the prompt that the engine has read already, before trust."""
        return self._known(prompt, prompt.tokens, prompt.total)

    def cached_picture_tokens(self, prompt: PromptPrefixes) -> int:
        """How many of these are of pictures, which it need not look at again."""
        return self._known(prompt, prompt.pictures, prompt.picture_tokens)

    def _known(self, prompt: PromptPrefixes, lengths: tuple[int, ...], total: int) -> int:
        known = 0
        if prompt.steps and prompt.steps[0] in self._steps:
            for i in range(len(prompt.steps) - 1, -1, -1):
                if prompt.steps[i] in self._steps:
                    known = lengths[i]
                    break
        if prompt.session and prompt.session in self._sessions:
            known = max(known, int(total * SESSION_SHARE))
        return known

    def add(self, prompt: PromptPrefixes, slots: int) -> None:
        """The engine has read the prompt. An earlier prompt that it continues is replaced by it."""
        for step in reversed(prompt.steps):
            if step in self._prompts:
                self._drop(step)
                break
        if prompt.steps:
            self._prompts[prompt.steps[-1]] = prompt.steps
            self._steps.update(prompt.steps)
        if prompt.session:
            self._sessions[prompt.session] = None
            self._sessions.move_to_end(prompt.session)
        most = min(max(slots, 1), MOST_PROMPTS)
        while len(self._prompts) > most:
            self._drop(next(iter(self._prompts)))
        while len(self._sessions) > most:
            self._sessions.popitem(last=False)

    def learn(self, expected: int, prompt: PromptPrefixes, cached: int, length: int) -> None:
        """Correct `trust` by a prompt that is done: of its `length` tokens the worker says `cached` were not computed,
        where `cached_tokens` had said `expected`, by the estimated length."""
        if expected < LEAST_TELLING or not prompt.total:
            return
        believed = expected * length / prompt.total
        truth = min(cached / believed, 1.0) if believed else 0.0
        self.trust = max(self.trust + LEARNING * (truth - self.trust), LEAST_TRUST)

    def clear(self) -> None:
        """The engine was restarted: it holds nothing."""
        self._prompts.clear()
        self._steps.clear()
        self._sessions.clear()

    def _drop(self, last: int) -> None:
        for step in self._prompts.pop(last):
            self._steps[step] -= 1
            if not self._steps[step]:
                del self._steps[step]
