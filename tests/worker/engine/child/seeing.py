"""An engine with eyes that a test steps, and what llama.cpp's own helper would have read in its place."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tests.worker.bindings.pictures import Part, by_helper
from tests.worker.engine.child.driver import TIMES, Driven
from wire.chat import Sampling
from wire.pictures import PATCH
from worker.bindings.encoder import Encoded, failed
from worker.bindings.llama import Feed, Model
from worker.bindings.mtmd import Projector
from worker.engine.child.sampler import Row
from worker.engine.port import Ended, EngineSpec, Picture, Placed, Submit


class Noted(Model):
    """Keeps a copy of every row of logits, in the order in which they were drawn from, and of what was decoded."""

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self.rows: list[Row] = []
        self.fed: list[list[Feed]] = []

    def decode(self, feeds: Sequence[Feed]) -> int:
        self.fed.append(list(feeds))
        return super().decode(feeds)

    def logits(self) -> Row:
        rows = super().logits()
        self.rows.extend(rows.copy())
        return rows


class Watched:
    """Real eyes that count, wait and fail as a test wants."""

    def __init__(self, model: Model, spec: EngineSpec) -> None:
        self.projector = Projector(model, spec)
        self.encoded = 0
        self.layers = 0
        self.fails = False
        self.go = threading.Event()
        self.go.set()

    def encode(self, width: int, height: int, rgb: bytes, go_on: Callable[[], bool]) -> Encoded:
        def watched() -> bool:
            self.layers += 1
            while not self.go.wait(0.01):
                if not go_on():
                    return False
            return go_on()

        found = self.projector.encode(width, height, rgb, watched)
        if self.fails:
            raise failed("as the test wants it")
        self.encoded += 1
        return found


class Seeing(Driven):
    """`show` makes a Submit of texts and pictures, with the pictures before it."""

    model: Noted

    def __init__(self, model: Path, eyes: Path, **spec: int) -> None:
        def watch(loaded: Model, spec: EngineSpec) -> Watched:
            self.eyes = Watched(loaded, spec)
            return self.eyes

        super().__init__(model, Noted, TIMES, watch, projector=str(eyes), image_tokens=64, **spec)

    def prompt(self, parts: Sequence[Part]) -> tuple[tuple[int, ...], tuple[Placed, ...]]:
        """The tokens of these parts, and where the pictures stand among them."""
        vocab = self.model.vocab
        tokens: list[int] = []
        placed = []
        for part in parts:
            if isinstance(part, str):
                tokens += vocab.tokenize(part)
            else:
                tokens.append(vocab.special["<|vision_start|>"])
                one = Placed(len(tokens), part.width // PATCH, part.height // PATCH, part.id)
                placed.append(one)
                tokens += [vocab.special["<|image_pad|>"]] * (one.end - one.at)
                tokens.append(vocab.special["<|vision_end|>"])
        return tuple(tokens), tuple(placed)

    def ask(self, name: str, parts: Sequence[Part], most: int = 1, anchors: tuple[int, ...] = ()) -> Submit:
        tokens, placed = self.prompt(parts)
        return Submit(name, tokens, most, Sampling(temperature=0), 1, anchors=anchors, pictures=placed, ignore_eos=True)

    def show(self, submit: Submit, parts: Sequence[Part]) -> None:
        self.post(*(part for part in parts if isinstance(part, Picture)), submit)

    def end_of(self, submit: Submit, parts: Sequence[Part]) -> Ended:
        """Have it served; how it ended."""
        self.show(submit, parts)
        self.until(submit.job)
        ended = self.ended(submit.job)
        assert ended
        return ended

    def row(self, name: str, parts: Sequence[Part], anchors: tuple[int, ...] = ()) -> Row:
        """The logits behind a prompt that is alone in the engine."""
        self.model.rows.clear()
        ended = self.end_of(self.ask(name, parts, 1, anchors), parts)
        assert ended.reason == "length", ended
        return self.model.rows[-1]

    def close(self) -> None:
        self.loop.close()
        self.eyes.projector.close()
        self.model.close()


class Reference:
    """A model of its own, into which llama.cpp's helper reads."""

    def __init__(self, model: Path, eyes: Path, **spec: int | bool) -> None:
        shape = {"slots": 2, "context": 512, "batch": 128} | spec
        self.spec = EngineSpec(str(model), projector=str(eyes), image_tokens=64, **shape)  # type: ignore[arg-type]
        self._model = Model(self.spec)
        self._projector = Projector(self._model, self.spec)

    def row(self, parts: Sequence[Part]) -> Row:
        """The logits behind these parts, read for the first time."""
        self._model.clear(0)
        row: Row = by_helper(self._model, self._projector, parts, 0, self.spec.batch)[1]
        return row

    def close(self) -> None:
        self._projector.close()
        self._model.close()


def same(one: Row, other: Row) -> bool:
    return np.array_equal(one, other)
