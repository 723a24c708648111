"""Second lesson: the model learns to talk about what the eyes give it, which stay as they are."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor
from torch.nn import functional as F

from tools.tiny_models.bpe import Vocabulary
from tools.train_tiny.eyes.hybrid import Hybrid
from tools.train_tiny.eyes.talks import PAD, Seen, talk, tokens

BATCH = 1536  # rows of one step, padding included
POOL = 64  # conversations sorted by length together, so that little is padding


@dataclass(frozen=True)
class Encoded:
    """A picture as the eyes gave it: a vector for each token, line by line."""

    vectors: Tensor
    columns: int


@dataclass(frozen=True)
class Read:
    """A conversation as rows: `ids` and, where `seen`, the vectors in their place. `positions`: time, line, column."""

    ids: Tensor
    learned: Tensor
    seen: Tensor
    positions: Tensor
    vectors: list[Tensor]


def laid_out(ids: list[int], learned: list[bool], pad: int, pictures: list[Encoded]) -> Read:
    """Each pad becomes the rows of the next picture, all at one time; behind them time goes on by the longer side."""
    rows: list[tuple[int, bool, bool, tuple[int, int, int]]] = []
    time, free = 0, iter(pictures)
    for token, learn in zip(ids, learned, strict=True):
        if token != pad:
            rows.append((token, learn, False, (time, time, time)))
            time += 1
            continue
        one = next(free)
        count = len(one.vectors)
        places = [(time, time + n // one.columns, time + n % one.columns) for n in range(count)]
        rows += [(pad, False, True, place) for place in places]
        time += max(one.columns, count // one.columns)
    tokens_, learns, seen, positions = zip(*rows, strict=True)
    return Read(
        torch.tensor(tokens_),
        torch.tensor(learns),
        torch.tensor(seen),
        torch.tensor(positions),
        [one.vectors for one in pictures],
    )


def joined(reads: list[Read]) -> Read:
    """A batch; padding lies behind and is never learned."""

    def padded(parts: list[Tensor]) -> Tensor:
        return torch.nn.utils.rnn.pad_sequence(parts, batch_first=True)

    return Read(
        padded([one.ids for one in reads]),
        padded([one.learned for one in reads]),
        padded([one.seen for one in reads]),
        padded([one.positions for one in reads]),
        [vectors for one in reads for vectors in one.vectors],
    )


def batches(vocab: Vocabulary, pictures: list[Seen], encoded: list[Encoded], seed: int) -> Iterator[Read]:
    """Endless."""
    rng = Random(seed)
    pad = vocab.ids[PAD]
    while True:
        talks = [talk(rng, pictures) for _ in range(POOL)]
        pool = [laid_out(*tokens(one, vocab), pad, [encoded[seen.number] for seen in one.pictures]) for one in talks]
        cuts: list[list[Read]] = [[]]
        for read in sorted(pool, key=lambda one: len(one.ids)):
            if (len(cuts[-1]) + 1) * len(read.ids) > BATCH and cuts[-1]:
                cuts.append([])
            cuts[-1].append(read)
        rng.shuffle(cuts)
        yield from (joined(cut) for cut in cuts)


def guess(net: Hybrid, read: Read) -> tuple[Tensor, Tensor]:
    """Scores at the rows before each token to learn, and those tokens."""
    x = net.token_embd(read.ids)
    if read.vectors:
        x = x.masked_scatter(read.seen[..., None], torch.cat(read.vectors))
    hidden = net(x[:, :-1], read.positions[:, :-1].transpose(1, 2))
    wanted = read.learned[:, 1:]
    return net.logits(hidden[wanted]), read.ids[:, 1:][wanted]


def loss(net: Hybrid, read: Read) -> tuple[Tensor, list[float]]:
    """What to make smaller; that again, and the share of tokens that were guessed right."""
    scores, truth = guess(net, read)
    found = F.cross_entropy(scores, truth)
    return found, [float(found.detach()), float((scores.argmax(-1) == truth).float().mean())]
