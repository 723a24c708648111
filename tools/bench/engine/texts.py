"""Prompts in ChatML, as tokens: words that differ from run to run, so that no run profits from one before it."""

import random
from io import BytesIO

from PIL import Image

from tools.bench.engine.sides import Ask, Shown
from worker.bindings.vocab import Vocab

WORDS = (
    "the river house stone letter morning garden window music winter doctor market bridge forest engine paper "
    "quiet heavy golden distant small broken careful simple ancient narrow walks carries answers opens follows "
    "remembers builds watches finds under over between before after slowly often never together again because"
).split()
STRIPES = 16


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
        ends = {sum(map(len, some)) for some in (messages[:1], messages) if some}
        return Ask(sum(messages, ()) + opening, most, tuple(sorted(ends)))

    def picture(self, side: int) -> bytes:
        """A PNG of wide stripes in colours of their own, so many pixels wide and high."""
        colours = bytes(self._draw.randrange(256) for _ in range(3 * STRIPES))
        stripes = Image.frombytes("RGB", (STRIPES, 1), colours).resize((side, side), Image.Resampling.BICUBIC)
        stripes.save(file := BytesIO(), "PNG")
        return file.getvalue()

    def about(self, file: bytes, question: tuple[int, ...], most: int) -> Ask:
        """The prompt of a user who shows a picture and asks something."""
        ask = self.chat(self.message("user", question), most=most)
        at = 1 + len(self._vocab.tokenize("user\n"))
        start, pad, end = (self._vocab.special[f"<|{name}|>"] for name in ("vision_start", "image_pad", "vision_end"))
        before, behind = (self._text(tokens) for tokens in (ask.prompt[:at], ask.prompt[at:]))
        return Ask(ask.prompt, most, shown=Shown(file, at, (start, pad, end), (before, behind)))

    def _text(self, tokens: tuple[int, ...]) -> str:
        return b"".join(self._vocab.piece(token) for token in tokens).decode()
