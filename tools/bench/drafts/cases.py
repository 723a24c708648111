"""What is asked: answers that copy a file out of the prompt, answers to random words, which copy nothing, and what
models were trained to answer: one to repeat and edit what it is shown, one with a prediction head."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple

from tools.bench.engine.cases import Numbers, steady
from tools.bench.engine.sides import Ask, BenchError, Side, ends
from tools.bench.engine.texts import Texts
from tools.train_tiny.chats import chat, text
from tools.train_tiny.copying.texts import ANSWER, FILE, JSON, Task, marked
from worker.bindings.vocab import Vocab

ROUNDS = 24
FILE_CHARS, BEGUN_CHARS = 2500, 400
_FILES = sorted((Path(__file__).parents[3] / "worker" / "chat").glob("*.py"))  # to copy: small models know such
CODE = [file for file in _FILES if file.stat().st_size > FILE_CHARS]
SPEED, PROCESSOR = "tokens/s", "ms/token"


@dataclass(frozen=True)
class Case:
    """`ask` makes the prompt of a chat from the run, the number of the chat, and `answer`, the tokens of its answer.
    `rounds`: so many times, one after the other, each chat is asked something else, and the model ends its answers."""

    name: str
    chats: int
    context: int
    answer: int
    ask: Callable[[Vocab, int, int, int], Ask]
    model: str = "dense"
    rounds: int = 0


def copying(vocab: Vocab, run: int, chat: int, most: int) -> Ask:
    """A file, twice, and its beginning once more: what follows is the rest of it, if the model sees that."""
    text = CODE[(7 * run + chat) % len(CODE)].read_text(encoding="utf-8")[:FILE_CHARS]
    begun = text[: text.index("\n", BEGUN_CHARS) + 1]
    return Ask(tuple(vocab.tokenize(f"{text}\n\n{text}\n\n{begun}")), most)


def prose(vocab: Vocab, run: int, chat: int, most: int) -> Ask:
    texts = Texts(vocab, 100 * run + chat)
    return texts.chat(texts.message("user", texts.words(24)), most=most)


def copied(task: Task) -> Callable[[Vocab, int, int, int], Ask]:
    """What the model that copies knows by heart, in each run. It ends its answer."""

    def ask(vocab: Vocab, _run: int, _number: int, most: int) -> Ask:
        prompt = task.tokens(vocab)
        return Ask(prompt, most, (len(prompt) - 1,), ends=True)

    return ask


@cache
def _talks() -> list[str]:
    talks = (chat(Random(seed), test=True) for seed in range(4 * ROUNDS))
    return [text(talk).split(ANSWER)[0] + ANSWER for talk in talks if talk.thinking]


def trained(temperature: float) -> Callable[[Vocab, int, int, int], Ask]:
    """Questions of the kind that the model with a head was trained on, and these very ones not."""

    def ask(vocab: Vocab, run: int, number: int, most: int) -> Ask:
        prompt = marked(vocab, _talks()[(run * ROUNDS + number) % len(_talks())])
        return Ask(prompt, most, (len(prompt) - 1,), temperature=temperature, ends=True)

    return ask


class Said(NamedTuple):
    """A prompt, and the answer to it where the engine is ours; else it is empty."""

    prompt: Sequence[int]
    answer: Sequence[int]


class Measured(NamedTuple):
    """One run of a case, and what was said by the chats that streamed side by side in it."""

    numbers: Numbers
    said: Sequence[Said]


async def measure_rounds(case: Case, side: Side, vocab: Vocab, run: int) -> Measured:
    """As `measure`, of answers that are too short to be measured one by one. The same questions in each run."""
    tokens, seconds, processor = 0, 0.0, 0.0
    for round_ in range(case.rounds):
        asks = [case.ask(vocab, 0, round_ * case.chats + number, case.answer) for number in range(case.chats)]
        for ask in asks:
            await ends([side.ask(replace(ask, most=1))])
        before = side.cpu_s()
        answers = [side.ask(ask) for ask in asks]
        await ends(answers)
        processor += side.cpu_s() - before
        tokens += sum(len(answer.times) - 1 for answer in answers)
        seconds += max(answer.times[-1] for answer in answers) - min(answer.times[0] for answer in answers)
    return Measured({SPEED: tokens / seconds, PROCESSOR: 1000 * processor / tokens}, ())


async def measure(case: Case, side: Side, vocab: Vocab, run: int) -> Measured:
    """Tokens a second of all chats together while all of them stream, and the processor time of a token.

    Prompts are read before, one after the other, and are taken over: a side that reads all of them first would else
    have nothing to do with the answers of the first.
    """
    if case.rounds:
        return await measure_rounds(case, side, vocab, run)
    asks = [case.ask(vocab, run, chat, case.answer) for chat in range(case.chats)]
    for ask in asks:
        await ends([side.ask(replace(ask, most=1))])
    answers = [side.ask(ask) for ask in asks]
    await asyncio.gather(*(answer.begun.wait() for answer in answers))
    before, done = side.cpu_s(), sum(len(answer.times) for answer in answers)
    await ends(answers)
    decoded = sum(len(answer.times) for answer in answers) - done
    if not decoded:
        raise BenchError("the answers came all at once: ask for longer ones")
    numbers = {SPEED: steady(answers), PROCESSOR: 1000 * (side.cpu_s() - before) / decoded}
    return Measured(numbers, [Said(ask.prompt, answer.tokens) for ask, answer in zip(asks, answers, strict=True)])


CASES = (
    Case("copy, 1 chat", 1, 2048, 256, copying),
    Case("copy, 4 chats", 4, 2048, 128, copying),
    Case("prose, 1 chat", 1, 1024, 128, prose),
    Case("prose, 16 chats", 16, 512, 48, prose),
    Case("copy, 1 chat, hybrid", 1, 4096, 2000, copied(FILE), model="copies"),
    Case("copy JSON, 1 chat, hybrid", 1, 4096, 2000, copied(JSON), model="copies"),
    Case("prose, 1 chat, hybrid", 1, 1024, 128, prose, model="hybrid"),
    Case("own head, 1 chat", 1, 1024, 64, trained(0.0), model="head", rounds=ROUNDS),
    Case("own head, 1 chat, drawn", 1, 1024, 64, trained(1.0), model="head", rounds=ROUNDS),
    Case("own head, 4 chats", 4, 1024, 64, trained(0.0), model="head", rounds=ROUNDS // 4),
)
