"""Prompts in ChatML, as tokens: words that differ from run to run, so that no run profits from one before it."""

import random
from itertools import accumulate

from tools.bench.engine.sides import Ask
from worker.bindings.vocab import Vocab

WORDS = (
    "the river house stone letter morning garden window music winter doctor market bridge forest engine paper "
    "quiet heavy golden distant small broken careful simple ancient narrow walks carries answers opens follows "
    "remembers builds watches finds under over between before after slowly often never together again because"
).split()


class Texts:
    """`seed` decides all words that come out of it."""

    def __init__(self, vocab: Vocab, seed: int) -> None:
        self._vocab = vocab
        self._draw = random.Random(seed)
        self._begin, self._end = (vocab.special[mark] for mark in ("<|im_start|>", "<|im_end|>"))

    def words(self, count: int) -> tuple[int, ...]:
        """Exactly `count` tokens."""
        tokens: list[int] = []
        while len(tokens) < count:
            tokens += self._vocab.tokenize(" ".join(self._draw.choices(WORDS, k=count)) + ". ")
        return tuple(tokens[:count])

    def message(self, role: str, body: tuple[int, ...]) -> tuple[int, ...]:
        head = self._vocab.tokenize(role + "\n")
        return (self._begin, *head, *body, self._end, *self._vocab.tokenize("\n"))

    def chat(self, *messages: tuple[int, ...], most: int, thought: bool = False) -> Ask:
        """The prompt that asks for the next answer, a thought begun in it if asked; anchored as the worker does it."""
        opening = (self._begin, *self._vocab.tokenize("assistant\n"))
        if thought:
            opening += (self._vocab.special["<think>"], *self._vocab.tokenize("\n"))
        return Ask(sum(messages, ()) + opening, most, tuple(accumulate(map(len, messages))))
