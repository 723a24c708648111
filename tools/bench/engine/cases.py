"""What is measured, and how: each case asks one side for answers and makes numbers of what came."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from tools.bench.engine.sides import Answer, Ask, BenchError, Side, ends
from tools.bench.engine.texts import Texts

Numbers = dict[str, float]


@dataclass(frozen=True)
class Case:
    """`units` names what `measure` returns. `model`: a dense chat model, or a hybrid one (Qwen3.5, 3.6), with eyes or
    without."""

    name: str
    slots: int
    context: int
    units: Mapping[str, str]
    measure: Callable[[Side, Texts], Awaitable[Numbers]]
    model: Literal["dense", "hybrid", "eyes"] = "dense"


# ---- steady decode -------------------------------------------------------------------------------------------------

DECODED = 64
SHORT, DEEP = 24, 400  # words of a question


def steady(answers: list[Answer]) -> float:
    """Tokens a second of all together, while every one of them streams."""
    begin, end = max(answer.times[0] for answer in answers), min(answer.times[-1] for answer in answers)
    tokens = sum(begin < time <= end for answer in answers for time in answer.times)
    if tokens < len(answers):
        raise BenchError("the answers did not overlap: ask for longer ones")
    return tokens / (end - begin)


def decode(widths: Sequence[int], slots: int, tokens: int = DECODED, words: int = SHORT) -> Case:
    """Each number of chats in `widths` in turn, on sides that have `slots`, behind a question of so many `words`."""
    behind = f" behind {words} words" if words != SHORT else ""
    names = {chats: f"decode, {chats} chat{'s' if chats > 1 else ''}{behind}" for chats in widths}
    units = {name: "tokens/s" for name in names.values()}
    units |= {f"{name}: processor time": "ms/token" for name in names.values()}

    async def measure(side: Side, texts: Texts) -> Numbers:
        numbers = Numbers()
        for chats, name in names.items():
            answers = [
                side.ask(texts.chat(texts.message("user", texts.words(words)), most=tokens)) for _ in range(chats)
            ]
            await asyncio.gather(*(answer.begun.wait() for answer in answers))
            before, done = side.cpu_s(), sum(len(answer.times) for answer in answers)
            await ends(answers)
            decoded = sum(len(answer.times) for answer in answers) - done
            if not decoded:
                raise BenchError("the answers came all at once: ask for longer ones")
            processor = 1000 * (side.cpu_s() - before) / decoded
            numbers |= {name: steady(answers), f"{name}: processor time": processor}
        return numbers

    return Case(names[widths[-1]] if len(widths) == 1 else "decode", slots, 1024, units, measure)


# ---- prefixes ------------------------------------------------------------------------------------------------------

NEW_CHATS = 8
SYSTEM = 1000


async def _shared_system(side: Side, texts: Texts) -> Numbers:
    system = texts.message("system", texts.words(SYSTEM))
    asks = [texts.chat(system, texts.message("user", texts.words(24)), most=8) for _ in range(NEW_CHATS)]
    answers = [side.ask(ask) for ask in asks]
    await ends(answers)
    return {
        "8 new chats, shared system prompt: median TTFT": median(answer.ttft for answer in answers),
        "8 new chats, shared system prompt: computed": sum(answer.computed for answer in answers),
    }


async def _second_turn(side: Side, texts: Texts) -> Numbers:
    """As the templates of Qwen3.5 write it: the thought that the first prompt opens is gone from the second."""
    system, question, answer, question2 = (texts.words(count) for count in (900, 100, 24, 24))
    first = [texts.message("system", system), texts.message("user", question)]
    await ends([side.ask(texts.chat(*first, most=24, thought=True))])
    more = [texts.message("assistant", answer), texts.message("user", question2)]
    before = side.cpu_s()
    turn = side.ask(texts.chat(*first, *more, most=8, thought=True))
    await ends([turn])
    return {
        "second turn, hybrid: TTFT": turn.ttft,
        "second turn, hybrid: processor time": 1000 * (side.cpu_s() - before),
        "second turn, hybrid: computed": turn.computed,
    }


# ---- a long prompt beside streams ----------------------------------------------------------------------------------

STREAMS = 4
LONG = 6000
ENOUGH = 1500  # tokens, longer than the long prompt takes; the streams are left when it has been read


async def _beside_streams(side: Side, texts: Texts, ask: Ask) -> tuple[float, float]:
    """The longest gap of the streams from the time of asking to the answer's first token, and that token's TTFT."""
    streams = [side.ask(texts.chat(texts.message("user", texts.words(24)), most=ENOUGH)) for _ in range(STREAMS)]
    await asyncio.gather(*(stream.begun.wait() for stream in streams))
    late = side.ask(ask)
    await ends([late])
    if any(stream.over.done() for stream in streams):
        raise BenchError("a stream ended before the prompt beside it was read")
    for stream in streams:
        side.leave(stream)
    await ends(streams)
    gaps = [
        after - before
        for stream in streams
        for before, after in zip(stream.times, stream.times[1:], strict=False)
        if after > late.sent and before < late.times[0]
    ]
    return max(gaps), late.ttft


async def _long_prompt(side: Side, texts: Texts) -> Numbers:
    ask = texts.chat(texts.message("user", texts.words(LONG)), most=2)
    gap, ttft = await _beside_streams(side, texts, ask)
    return {"6,000 tokens beside 4 streams: longest gap": gap, "6,000 tokens beside 4 streams: TTFT": ttft}


SIDE = 1024  # pixels: 1,024 tokens


async def _picture(side: Side, texts: Texts) -> Numbers:
    ask = texts.about(texts.picture(SIDE), texts.words(24), most=2)
    gap, ttft = await _beside_streams(side, texts, ask)
    return {"a picture beside 4 streams: longest gap": gap, "a picture beside 4 streams: TTFT": ttft}


# ---- a long prompt alone -------------------------------------------------------------------------------------------


def lone_prompt(tokens: int) -> Case:
    """Nobody streams: only the engine's own bound on a step keeps its slices small."""
    ttft, speed = (f"{tokens:,} tokens alone: {what}" for what in ("TTFT", "prompt read"))

    async def measure(side: Side, texts: Texts) -> Numbers:
        answer = side.ask(texts.chat(texts.message("user", texts.words(tokens)), most=2))
        await ends([answer])
        return {ttft: answer.ttft, speed: answer.computed / answer.ttft}

    return Case("lone-prompt", 1, tokens + 256, {ttft: "s", speed: "tokens/s"}, measure)


CASES = (
    *(decode((chats,), chats) for chats in (1, 4, 8, 16)),
    decode((1,), 1, words=DEEP),
    Case(
        "shared-prefix",
        NEW_CHATS,
        2048,
        {
            "8 new chats, shared system prompt: median TTFT": "s",
            "8 new chats, shared system prompt: computed": "prompt tokens",
        },
        _shared_system,
    ),
    Case(
        "second-turn",
        4,
        4096,
        {
            "second turn, hybrid: TTFT": "s",
            "second turn, hybrid: processor time": "ms",
            "second turn, hybrid: computed": "prompt tokens",
        },
        _second_turn,
        model="hybrid",
    ),
    Case(
        "long-prompt",
        STREAMS + 1,
        8192,
        {"6,000 tokens beside 4 streams: longest gap": "s", "6,000 tokens beside 4 streams: TTFT": "s"},
        _long_prompt,
    ),
    Case(
        "picture",
        STREAMS + 1,
        4096,
        {"a picture beside 4 streams: longest gap": "s", "a picture beside 4 streams: TTFT": "s"},
        _picture,
        model="eyes",
    ),
)


def warm_up(texts: Texts) -> Ask:
    """A short answer before anything is measured: first use of memory and code."""
    return texts.chat(texts.message("user", texts.words(16)), most=4)
