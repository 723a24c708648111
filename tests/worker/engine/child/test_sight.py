"""The eyes of a model at load: what they are shown, what is made of the time, and that they cost no engine its life."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wire.errors import SupernetError
from worker.bindings.encoder import Encoded, Stopped, failed
from worker.bindings.llama import Model
from worker.engine.child.sight import BEARABLE_S, look, open_eyes
from worker.engine.port import EngineSpec


class Looking:
    """Eyes of four layers, each of which takes `layer_s` of a clock of their own."""

    def __init__(self, width: int, layer_s: float = 0.01) -> None:
        self._width, self._layer_s = width, layer_s
        self.shown: list[tuple[int, int, int]] = []
        self.now = 0.0
        self.breaks_at = 0

    def encode(self, width: int, height: int, rgb: bytes, go_on: Callable[[], bool]) -> Encoded:
        self.shown.append((width, height, len(rgb)))
        for _ in range(4):
            self.now += self._layer_s
            if not go_on():
                raise Stopped
        if len(self.shown) == self.breaks_at:
            raise failed("its vectors are no numbers")
        return Encoded(np.zeros((width * height // 1024, self._width), np.float32), width // 32)


@pytest.fixture
def spec(tiny_qwen35: Path, tiny_eyes: Path) -> EngineSpec:
    return EngineSpec(str(tiny_qwen35), slots=1, context=64, batch=64, projector=str(tiny_eyes))


@pytest.fixture
def model(spec: EngineSpec) -> Iterator[Model]:
    model = Model(spec)
    yield model
    model.close()


@pytest.mark.parametrize(
    ("offloaded", "most", "sides"), [(True, 1024, [1024, 1024]), (False, 1024, [256, 1024]), (False, 20, [128, 128])]
)
def test_pictures_are_looked_at_before_a_clients_come(
    offloaded: bool, most: int, sides: list[int], model: Model, spec: EngineSpec
) -> None:
    """On a GPU the first is as large as any may be: memory and kernels are taken for it, which is not its speed."""
    model.offloaded = offloaded
    eyes = Looking(model.width)
    took = look(model, eyes, replace(spec, image_tokens=most), lambda: eyes.now, lambda: eyes.now)
    assert eyes.shown == [(side, side, 3 * side * side) for side in sides] and model.length(0) == 0
    assert took == pytest.approx(0.04)


@pytest.mark.parametrize(("offloaded", "said"), [(True, "takes 12.0 s here"), (False, "takes more than 5 s here")])
def test_what_takes_too_long_is_not_offered_and_a_cpu_does_not_finish_it(
    offloaded: bool, said: str, model: Model, spec: EngineSpec
) -> None:
    model.offloaded = offloaded
    eyes = Looking(model.width, layer_s=3.0)
    with pytest.raises(SupernetError, match=said):
        look(model, eyes, spec, lambda: eyes.now, lambda: eyes.now)
    layers = eyes.now / 3.0
    assert layers == (8 if offloaded else 4 + BEARABLE_S // 3.0 + 1)


def test_what_others_have_of_a_cpu_meanwhile_is_not_held_against_it(model: Model, spec: EngineSpec) -> None:
    eyes = Looking(model.width, layer_s=3.0)
    assert look(model, eyes, spec, lambda: eyes.now, lambda: eyes.now / 10) == 12.0
    with pytest.raises(SupernetError, match="more than 5 s"):
        look(model, eyes, spec, lambda: eyes.now, lambda: eyes.now)
    assert look(model, eyes, replace(spec, threads=4), lambda: eyes.now, lambda: eyes.now) == 12.0
    model.offloaded = True
    with pytest.raises(SupernetError, match=r"12\.0 s"):
        look(model, eyes, spec, lambda: eyes.now, lambda: eyes.now / 10)


@pytest.mark.parametrize("breaks_at", [1, 2])
def test_eyes_that_come_to_no_numbers_are_found_out(breaks_at: int, model: Model, spec: EngineSpec) -> None:
    eyes = Looking(model.width)
    eyes.breaks_at = breaks_at
    with pytest.raises(SupernetError, match="no numbers"):
        look(model, eyes, spec, lambda: eyes.now, lambda: eyes.now)


def test_real_eyes_are_timed_and_those_that_cannot_be_opened_cost_themselves_alone(
    model: Model, spec: EngineSpec, tmp_path: Path
) -> None:
    assert spec.projector
    ticks = iter(range(1000))
    seeing = open_eyes(model, spec, lambda: next(ticks), lambda: 0.0)
    assert seeing.encoder and seeing.blind == "" and seeing.image_ms and seeing.image_ms >= 1000
    broken = tmp_path / "half.gguf"
    content = Path(spec.projector).read_bytes()
    broken.write_bytes(content[: len(content) // 2])
    for file, said in ((spec.path, "is no projector for pictures"), (str(broken), "half.gguf")):
        blind = open_eyes(model, replace(spec, projector=file), lambda: next(ticks), lambda: 0.0)
        assert (blind.encoder, blind.image_ms) == (None, None) and said in blind.blind
    hours = iter(range(0, 10**7, 3600))
    slow = open_eyes(model, spec, lambda: next(hours), lambda: next(hours))
    assert slow.encoder is None and "5 s is the most" in slow.blind
