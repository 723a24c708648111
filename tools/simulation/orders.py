"""What clients ask for, and the answer that an undisturbed worker gives: a function of prompt and seed.

A token is a byte, so characters, thoughts, calls and stop strings all begin and end inside of tokens' sequences, and
an attempt may break off anywhere in them.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from coordinator.request import ChatJob
from coordinator.scheduler.state import JobSpec
from tools.simulation.pictures import Pictures
from wire.catalog import File, ModelSpec, Price
from wire.chat import CallDelta, ChatRequest, Content, FinishReason, Message, Part, Reasoning, Tool
from worker.chat.answer import Answer
from worker.chat.prepared import Prepared, Reading, Seen
from worker.engine.port import Placed

MODEL = "m"
CONTEXT = 4096
STOP = "END."
_TOOL = Tool(name="look", parameters={"type": "object", "properties": {"at": {"type": "string"}}})
_SPEC = ModelSpec(
    id=MODEL,
    name="M",
    format="qwen-json",
    repository="x/m",
    files=(File(name="m.gguf"),),
    context=CONTEXT,
    max_output=1000,
    price=Price(prompt=300, completion=900),
    licence="MIT",
)
_WORDS = "one two three four five six seven añil 日本 naïve 🙂 E EN END".split()
HEALTHY = ("plain", "thought", "call", "stop", "held", "held", "cut")
KINDS = (*HEALTHY, *HEALTHY, "poison", "hostile")


@dataclass(frozen=True)
class Order:
    """A job and what must come of it. `poison`: the engine crashes at this token of the answer, whoever runs it."""

    spec: JobSpec
    request: ChatRequest
    kind: str
    tokens: tuple[int, ...]
    parts: tuple[Part, ...]
    finish: FinishReason
    poison: int | None = None

    @property
    def question(self) -> str:
        return self.request.messages[0].content


def order(number: int, kind: str, dice: random.Random, pictures: Pictures | None = None) -> Order:
    """`hostile` cannot be prepared by any worker; `cut` ends by its max_tokens."""
    most = dice.randint(1, 40) if kind == "cut" else 1000
    content = f"{kind} {number}"
    images, blobs = pictures.some(dice, len(content)) if pictures else ((), {})
    request = ChatRequest(
        messages=(Message(role="user", content=content, images=images),),
        tools=(_TOOL,) if kind == "call" else (),
        thinking=kind == "thought",
        stop=(STOP,) if kind in ("stop", "held", "cut") else (),
        max_tokens=most,
    )
    seed = dice.getrandbits(40)
    tokens, parts, finish = undisturbed(request, seed)
    spec = JobSpec(f"j{number}", f"account{number % 3}", MODEL, request, seed, blobs=blobs)
    poison = dice.randrange(len(tokens)) if kind == "poison" else None
    return Order(spec, request, kind, tokens, joined(parts), finish, poison)


def renamed(order: Order, name: str) -> Order:
    return replace(order, spec=replace(order.spec, id=name))


def chat(request: ChatRequest) -> ChatJob:
    """What its client asked for, as money sees it."""
    return ChatJob(_SPEC, request, 1, None, True, False, False, "auto", None, {})


def pictures(request: ChatRequest) -> list[str]:
    """What its pictures are, in their order."""
    return [image.sha256 for image in request.messages[0].images]


def prompt(request: ChatRequest, seen: Iterable[Seen] | None = None) -> tuple[int, ...]:
    """`seen`: what the worker that prepares it takes for its pictures; None: what they are. Another picture, or another
    order of them, is another prompt, and so another answer."""
    named = pictures(request) if seen is None else [one.digest for one in seen]
    return tuple("".join((request.messages[0].content, *(f" {name[:8]}" for name in named))).encode())


def prepared(request: ChatRequest, delivered: tuple[int, ...], seen: Sequence[Seen] = ()) -> Prepared:
    """The prompt has no rows for its pictures: they all stand at its beginning."""
    placed = tuple(Placed(0, one.columns, one.rows, one.digest) for one in seen)
    pieces = tuple(bytes([token]) for token in delivered)
    return Prepared(prompt(request, seen), (), _reading(request), pieces, pictures=placed)


def script(prompt: tuple[int, ...], seed: int) -> bytes:
    """The whole answer, one token a byte."""
    kind, dice = bytes(prompt).decode().split()[0], random.Random(f"{prompt}{seed}")
    text = " ".join(dice.choice(_WORDS) for _ in range(dice.randint(1, 14)))
    tail = " ".join(dice.choice(_WORDS) for _ in range(dice.randint(1, 6)))
    match kind:
        case "thought":
            text = f"{text}</think>\n\n{tail}"
        case "call":
            text = f'{text}\n<tool_call>\n{{"name": "look", "arguments": {{"at": "{tail}"}}}}\n</tool_call>'
        case "stop":
            text = f"{text} {STOP}{tail}"
        case "held":
            text += f" {STOP[: dice.randint(1, 3)]}"
    return text.encode()


def undisturbed(request: ChatRequest, seed: int) -> tuple[tuple[int, ...], list[Part], FinishReason]:
    answer = Answer(_reading(request))
    tokens: list[int] = []
    parts: list[Part] = []
    for token in script(prompt(request), seed)[: request.max_tokens]:
        tokens.append(token)
        parts += answer.push(bytes([token]))
        if answer.stopped:
            break
    cut = len(tokens) == request.max_tokens and not answer.stopped
    last, finish = answer.finish("length" if cut else "stop")
    return tuple(tokens), parts + last, finish


def meant(request: ChatRequest, tokens: Iterable[int]) -> tuple[Part, ...]:
    """What the client must have been told once it has these tokens and no end."""
    answer = Answer(_reading(request))
    return joined(part for token in tokens for part in answer.push(bytes([token])))


def joined(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Neighbours of one kind in one: how the text was cut into deltas does not matter."""
    out: list[Part] = []
    for part in parts:
        match out[-1] if out else None, part:
            case Content(text=before), Content(text=text):
                out[-1] = Content(text=before + text)
            case Reasoning(text=before), Reasoning(text=text):
                out[-1] = Reasoning(text=before + text)
            case CallDelta() as call, CallDelta(name=None) if call.index == part.index:
                out[-1] = call.model_copy(update={"arguments": call.arguments + part.arguments})
            case _:
                out.append(part)
    return tuple(out)


def _reading(request: ChatRequest) -> Reading:
    return Reading("qwen-json", in_reasoning=request.thinking, tools=request.tools, stop=request.stop)
