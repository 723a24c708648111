"""What the model learns from: lists of made-up records, and the answer that repeats them or changes one of them."""

from collections.abc import Iterator
from itertools import chain
from random import Random
from typing import NamedTuple

import torch
from torch import Tensor

from tools.tiny_models.bpe import Vocabulary
from tools.train_tiny.copying.texts import ANSWER, END, SYSTEM, USER, edit, repeat

TOKENS = 1536  # of one step
FAR = 3500


class Row(NamedTuple):
    """`begin`: where the answer does. `gap`: positions that are left out there, so that short texts teach to look far
    back too."""

    ids: list[int]
    begin: int
    gap: int


class Batch(NamedTuple):
    """Padding lies behind and is never learned."""

    ids: Tensor
    learned: Tensor
    places: Tensor


class Lessons(NamedTuple):
    """Lists of `shortest` to `longest` tokens, of all lengths after so many steps of `growing`: copying is found in
    short ones. `worded`: the share of them that are files and JSON; the others are random tokens."""

    shortest: int
    longest: int
    growing: int
    worded: float


class Teacher:
    def __init__(self, vocab: Vocabulary, seed: int) -> None:
        self._rng, self._vocab = Random(seed), vocab
        self._plain = [n for n, token in enumerate(vocab.tokens) if token not in {*vocab.control, *vocab.defined}]
        self._user, self._system, self._end, self._answer = map(vocab.encode, (USER, SYSTEM, END, ANSWER))

    def batches(self, lessons: Lessons, steps: int) -> Iterator[Batch]:
        for step in range(steps):
            most = min(1.0, 0.2 + 0.8 * step / lessons.growing) if lessons.growing else 1.0
            length = int(lessons.shortest * (lessons.longest / lessons.shortest) ** (self._rng.random() * most))
            rows = [self._row(length, lessons.worded) for _ in range(max(1, TOKENS // (2 * length + 12)))]
            yield padded(rows)

    def _row(self, length: int, worded: float) -> Row:
        prompt, answer = self._worded(length) if self._rng.random() < worded else self._drawn(length)
        gap = self._rng.choice((0, 0, self._rng.randrange(FAR)))
        return Row([*prompt, *answer, self._end[0]], len(prompt), gap)

    def _worded(self, length: int) -> tuple[list[int], list[int]]:
        draw = self._rng
        task = edit(draw, max(2, length // 5)) if draw.random() < 0.5 else repeat(draw, max(2, length // 8))
        return self._vocab.encode(task.prompt), self._vocab.encode(task.answer)

    def _drawn(self, length: int) -> tuple[list[int], list[int]]:
        """Records of random tokens; of half of them or so one is to be changed behind its name."""
        records, name = self._records(length)
        said, begin = list(records), list[int]()
        if name and self._rng.random() < 0.6:
            at = self._rng.randrange(len(records))
            later = self._rng.randrange(name, len(records[at]))
            said[at] = [*records[at][:later], self._rng.choice(self._plain), *records[at][later + 1 :]]
            begin = [*self._system, *said[at], *self._end]
        prompt = [*begin, *self._user, *chain(*records), *self._end, *self._answer]
        return prompt, list(chain(*said))

    def _records(self, length: int) -> tuple[list[list[int]], int]:
        """Alike in some tokens and not in others, and how many of their first tokens are a name that tells them apart,
        if they have one."""
        rng = self._rng
        few = rng.sample(self._plain, min(len(self._plain), int(24 * 2 ** rng.uniform(0, 6))))
        density = rng.choice((0.5, 0.7, 1.0, 1.0))
        drawn = [rng.random() < density for _ in range(rng.randint(3, 8))]
        places = [n for n, new in enumerate(drawn) if new]
        same = [rng.choice(self._plain) for _ in drawn]
        name = places[1] + 1 if len(places) > 1 else 0
        found: list[list[int]] = []
        seen = set[tuple[int, ...]]()
        for _ in range(max(1, length // len(drawn))):
            record = [rng.choice(few) if new else token for new, token in zip(drawn, same, strict=True)]
            if tuple(record[:name]) not in seen or not name:
                seen.add(tuple(record[:name]))
                found.append(record)
        return found, name if len(places) > 2 else 0


def padded(rows: list[Row]) -> Batch:
    longest = max(len(row.ids) for row in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    learned = torch.zeros(len(rows), longest, dtype=torch.bool)
    places = torch.arange(longest).repeat(len(rows), 1)
    for n, row in enumerate(rows):
        ids[n, : len(row.ids)] = torch.tensor(row.ids)
        learned[n, row.begin : len(row.ids)] = True
        places[n, row.begin :] += row.gap
    return Batch(ids, learned, places)
