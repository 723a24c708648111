"""Whatever was reused, forked, evicted or cut off before: the logits are those of a prompt read for the first time."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.worker.engine.child.driver import Driven
from wire.chat import Sampling
from worker.bindings.llama import RC_NO_CELLS, Feed, Model
from worker.engine.child import prefix_cache
from worker.engine.port import Cancel, EngineSpec, Submit

CLOSE = 0.01  # of logits with a deviation of 4
CONTEXT = 256
SLOTS = 3
TURNS = 50


class Watched(Model):
    """Notes every row of logits that it gave away, with the tokens that the engine believes to be behind it."""

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self._held: list[list[int]] = [[] for _ in range(self.sequences)]
        self._drawing: list[list[int]] = []
        self.rows: list[tuple[list[int], NDArray[np.float32]]] = []
        self.restored = self.forked = self.full = 0

    def decode(self, feeds: Sequence[Feed]) -> int:
        code = super().decode(feeds)
        self.full += code == RC_NO_CELLS
        if code == 0:
            for feed in feeds:
                assert feed.start == len(self._held[feed.seq])
                self._held[feed.seq] += feed.tokens
            self._drawing = [self._held[feed.seq].copy() for feed in feeds if feed.draws]
        return code

    def logits(self) -> NDArray[np.float32]:
        rows = super().logits()
        self.rows += zip(self._drawing, rows.copy(), strict=True)
        return rows

    def clear(self, seq: int) -> None:
        super().clear(seq)
        self._held[seq] = []

    def cut(self, seq: int, length: int, state: bytes | None = None) -> bool:
        self._held[seq] = self._held[seq][:length]
        self.restored += state is not None
        return super().cut(seq, length, state)

    def fork(self, source: int, target: int, length: int, state: bytes | None = None) -> bool:
        held = self._held[source].copy()
        if not super().fork(source, target, length, state):
            return False
        self._held[target] = held[:length]
        self.forked += 1
        return True


class OnGpu(Watched):
    """Serves as if the model were on a GPU: jobs side by side, what is kept put `aside` for them."""

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self.asynchronous = self.offloaded = True
        self.aside = 0
        self._copied = -1  # the sequence that was copied whole just now

    def clear(self, seq: int) -> None:
        self.aside += seq == self._copied
        self._copied = -1
        super().clear(seq)

    def fork(self, source: int, target: int, length: int, state: bytes | None = None) -> bool:
        done = super().fork(source, target, length, state)
        self._copied = source if length == len(self._held[source]) and state is None else -1
        return done

    def decode(self, feeds: Sequence[Feed]) -> int:
        self._copied = -1
        return super().decode(feeds)


class Talk:
    """Conversations that grow, branch off from each other, and are left in the middle of an answer."""

    def __init__(self, engine: Driven, seed: int) -> None:
        self._engine = engine
        self._draw = np.random.default_rng(seed)
        systems = [(self._words(40 + 30 * i),) for i in range(2)]
        self._talks: list[tuple[tuple[int, ...], ...]] = list(systems)  # of messages
        self._running: dict[str, tuple[tuple[int, ...], ...]] = {}
        self.count = self.cancelled = 0

    @property
    def busy(self) -> bool:
        return bool(self._running)

    def _words(self, count: int) -> tuple[int, ...]:
        return tuple(int(token) for token in self._draw.integers(0, 250, count))

    def ask(self) -> None:
        """Go on from anywhere in any conversation, also from one whose answer was never finished."""
        known = self._talks[self._draw.integers(len(self._talks))]
        messages = known[: 1 + self._draw.integers(len(known))]
        messages = (*messages, self._words(int(self._draw.integers(1, 60))))
        prompt = sum(messages, ())
        if len(prompt) > CONTEXT - 20:
            return
        self.count += 1
        job = f"j{self.count}"
        anchors = tuple(int(end) for end in np.cumsum([len(message) for message in messages]))
        wild = Sampling(temperature=1.0)
        most = int(self._draw.integers(1, 20))
        self._engine.post(Submit(job, prompt, most, wild, seed=self.count, anchors=anchors, ignore_eos=True))
        self._running[job] = messages

    def step(self) -> None:
        if self.count < TURNS and len(self._running) < 2 * SLOTS and self._draw.random() < 0.4:
            self.ask()
        if self._running and self._draw.random() < 0.1:
            self._engine.post(Cancel(str(self._draw.choice(list(self._running)))))
            self.cancelled += 1
        self._engine.step()
        for job in [job for job in self._running if self._engine.ended(job)]:
            messages, answer = self._running.pop(job), tuple(self._engine.ids(job))
            self._talks.append((*messages, answer) if answer else messages)


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    while Driven.opened:
        Driven.opened.pop().close()


@pytest.mark.parametrize("cache", ["unified", "split", "split on a GPU"])
@pytest.mark.parametrize("name", ["dense", "hybrid"])
def test_logits_are_those_of_a_fresh_prefill(
    name: str, cache: str, tiny_qwen3: Path, tiny_qwen35: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dense model goes without flash attention: llama.cpp's adds up in f16 on a CPU, and two fresh prefills of
    this model that differ only in their slices are 0.05 apart with it, 0.003 without."""
    path = tiny_qwen3 if name == "dense" else tiny_qwen35
    monkeypatch.setattr(prefix_cache, "MIN_COPY", 16)
    unified, watched = cache == "unified", OnGpu if cache == "split on a GPU" else Watched
    spare = 12 if unified else 1
    engine, fresh = (
        Driven(path, kind, slots=slots, context=CONTEXT, anchors=spare * (slots > 1), unified=unified, batch=batch,
               flash_attention=name == "hybrid")
        for kind, slots, batch in ((watched, SLOTS, 64), (Model, 1, CONTEXT))
    )  # fmt: skip
    model = engine.model
    assert isinstance(model, Watched)
    talk = Talk(engine, seed=1)
    while talk.count < TURNS or talk.busy:
        talk.step()
    assert engine.loop.pulse().cached_tokens > 500 and model.forked > 5 and talk.cancelled > 5
    assert model.restored > 5 or not model.hybrid
    assert model.full or not unified, "what is kept has to give way to what runs"
    assert not isinstance(model, OnGpu) or model.aside, "or makes way for it"
    worst = 0.0
    for tokens, row in model.rows[::2]:
        fresh.model.clear(0)
        assert fresh.model.decode([Feed(0, 0, tokens, True)]) == 0
        worst = max(worst, float(np.abs(fresh.model.logits()[0] - row).max()))
    assert 0 < worst < CLOSE


def test_what_is_kept_beyond_the_bound_is_taken_out_of_a_shared_cache(
    tiny_qwen3: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefix_cache, "MOST_KEPT", 100)
    engine = Driven(tiny_qwen3, slots=1, context=CONTEXT, anchors=3, batch=64)
    for job in range(3):
        prompt = tuple(range(80 * job, 80 * job + 70))
        engine.run(Submit(f"j{job}", prompt, 2, Sampling(temperature=1.0), seed=1, ignore_eos=True))
    lengths = [engine.model.length(seq) for seq in range(engine.model.sequences)]
    assert 70 <= sum(lengths) <= 100, lengths
