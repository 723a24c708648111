"""Train the tiny chat model of the tests and write it as GGUF; run from the root of the repository:

    python3 -m venv VENV && VENV/bin/pip install -e '.[dev]' torch==2.13.0
    VENV/bin/python -m tools.train_tiny tools/tiny_models/tiny-qwen3-chat.gguf

One thread, fixed seeds, 3 M tokens: 15 minutes on a free core, twice that on a busy one. A line of progress every 50
steps; at the end the share of conversations with questions that training never showed in which greedy decoding would
write every token right. The committed file: 355 of 364 where a function is to be called; of 300 greedy answers in
llama.cpp 175 of 177 had the right calls and all 239 calls were JSON. Without calls 145 of 236: it calls functions that
were not declared once another one is, and repeats unknown words badly.
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.tiny_models.bpe import Vocabulary
from tools.tiny_models.greedy import Model
from tools.train_tiny.chats import Chat, chat, lesson, make_vocabulary, tokens
from tools.train_tiny.net import Net, Shape, export

BATCH = 2048  # tokens of one step, padding included
POOL = 64  # conversations sorted by length together, so that little is padding
LESSONS = 300  # steps that only teach to copy: without them the loss stays at 0.7 for a million tokens
MATRIX_RATE, OTHER_RATE = 0.02, 0.01
WARM_UP = 50


def padded(rows: list[tuple[list[int], list[bool]]]) -> tuple[Tensor, Tensor]:
    """Ids, and which of them are to be learned; padding lies behind and is never learned."""
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    learned = torch.zeros(len(rows), longest, dtype=torch.bool)
    for n, (row, mask) in enumerate(rows):
        ids[n, : len(row)] = torch.tensor(row)
        learned[n, : len(row)] = torch.tensor(mask)
    return ids, learned


def batches(
    vocab: Vocabulary, seed: int, lessons: int = LESSONS, talk: Callable[[Random], Chat] = chat
) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless: first the lessons, then whole conversations."""
    rng = Random(seed)
    sent = 0
    while True:
        draw = lesson if sent < lessons else talk
        pool = sorted((tokens(draw(rng), vocab) for _ in range(POOL)), key=lambda row: len(row[0]))
        cuts: list[list[tuple[list[int], list[bool]]]] = [[]]
        for row in pool:
            if (len(cuts[-1]) + 1) * len(row[0]) > BATCH and cuts[-1]:
                cuts.append([])
            cuts[-1].append(row)
        rng.shuffle(cuts)
        sent += len(cuts)
        for cut in cuts:
            yield padded(cut)


def guess(net: Net, ids: Tensor, learned: Tensor) -> tuple[Tensor, Tensor]:
    """Scores at the positions before each token to learn, and those tokens."""
    hidden = net(ids[:, :-1])
    wanted = learned[:, 1:]
    return net.logits(hidden[wanted]), ids[:, 1:][wanted]


def kind(talk: Chat) -> str:
    calls = talk.exchanges[0].calls
    return f"{calls[0][0]} x{len(calls)}" if calls else "no call"


@torch.no_grad()
def score(net: Net, vocab: Vocabulary, count: int) -> dict[str, tuple[int, int]]:
    """Right and all conversations, by the function that is called. Right: each token is the most likely one."""
    rng = Random(99)
    right: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for _ in range(count):
        talk = chat(rng, test=True)
        scores, truth = guess(net, *padded([tokens(talk, vocab)]))
        seen[kind(talk)] += 1
        right[kind(talk)] += bool((scores.argmax(-1) == truth).all())
    return {name: (right[name], seen[name]) for name in sorted(seen)}


@torch.no_grad()
def distance(net: Net, vocab: Vocabulary, path: Path) -> float:
    """Largest difference between our scores and those that llama.cpp computes from the file, after one conversation."""
    ids, _ = tokens(chat(Random(3), test=True), vocab)
    model = Model(path)
    theirs = torch.tensor(model.logits(ids))
    model.close()
    return float((net.logits(net(torch.tensor([ids]))[0, -1]) - theirs).abs().max())


def optimizers(net: Net) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the layers (about twice as quick here as AdamW), AdamW for the table and the norms."""
    matrices = [weight for name, weight in net.named_parameters() if weight.ndim == 2 and name.startswith("blk")]
    others = [weight for name, weight in net.named_parameters() if weight.ndim != 2 or not name.startswith("blk")]
    return [
        torch.optim.Muon(matrices, lr=MATRIX_RATE, weight_decay=0.01, momentum=0.95),
        torch.optim.AdamW(others, lr=OTHER_RATE, weight_decay=0.0, betas=(0.9, 0.98)),
    ]


def weights(learned: Tensor, stress: float) -> Tensor:
    """How much each token to learn counts: the first four of an answer, which decide what it becomes, `stress` times
    as much as the rest."""
    before = F.pad(learned, (4, 0))[:, : learned.shape[1]]
    return torch.where(before, 1.0, stress)[learned]


def train(
    net: Net, steps: int, data: Iterator[tuple[Tensor, Tensor]], check: Callable[[int], str], stress: float = 1.0
) -> None:
    tools = optimizers(net)
    plan = [torch.optim.lr_scheduler.LambdaLR(tool, lambda n: rate(n, steps)) for tool in tools]
    started, losses, tokens_seen = time.monotonic(), [], 0
    for step, (ids, learned) in enumerate(data):
        with torch.autocast("cpu", torch.bfloat16):
            scores, truth = guess(net, ids, learned)
        each, weight = F.cross_entropy(scores.float(), truth, reduction="none"), weights(learned[:, 1:], stress)
        loss = (each * weight).sum() / weight.sum()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        for tool, schedule in zip(tools, plan, strict=True):
            tool.step()
            schedule.step()
            tool.zero_grad()
        losses.append(loss.item())
        tokens_seen += ids.numel()
        if step % 50 == 49:
            note = f"step {step + 1}/{steps}  loss {sum(losses[-50:]) / 50:.4f}  {tokens_seen / 1e6:.2f} M tokens"
            print(f"{note}  {time.monotonic() - started:.0f} s", flush=True)
        if step % 300 == 299:
            print("  right:", check(100), flush=True)
        if step + 1 == steps:
            return


def rate(step: int, steps: int) -> float:
    """Warm up, hold, and fall in a straight line over the last 60 %."""
    return min(1.0, (step + 1) / WARM_UP, (steps - step) / (0.6 * steps))


def share(scores: dict[str, tuple[int, int]]) -> str:
    right, seen = (sum(pair[n] for pair in scores.values()) for n in (0, 1))
    return f"{right / seen:.1%} of {seen}; " + ", ".join(f"{name} {a}/{b}" for name, (a, b) in scores.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=1700)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    vocab = make_vocabulary()
    net = Net(Shape(len(vocab.tokens)))
    print(f"{sum(weight.numel() for weight in net.parameters()) / 1e6:.2f} M parameters, {len(vocab.tokens)} tokens")
    train(net, args.steps, batches(vocab, seed=1), lambda count: share(score(net, vocab, count)))
    export(net, vocab, args.out, "Tiny Qwen3 chat")
    print(f"largest difference to llama.cpp's logits: {distance(net, vocab, args.out):.3f}")
    print("final:", share(score(net, vocab, 600)), flush=True)


if __name__ == "__main__":
    main()
