from pathlib import Path

import pytest

from tests.tools.bench.test_drafts import COPY, server
from tools.bench.drafts import peer_settings
from tools.bench.drafts.cases import Measured
from tools.bench.engine.sides import Shape
from worker.bindings.vocab import Vocab

__all__ = ["server"]


@pytest.mark.process
async def test_each_setting_is_tried_and_the_one_that_takes_least_is_named(
    server: Path, tiny_qwen3: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    took = {"ngram-mod": 2.0, "ngram-cache": 1.0}
    settings = {name: peer_settings.SETTINGS[name] for name in took}
    left = iter(took.values())

    async def measured(case: object, side: object, vocab: object, run: int) -> Measured:
        return Measured({"ms/token": next(left) if run == 0 else 9.0}, ())

    monkeypatch.setattr(peer_settings, "SETTINGS", settings)
    monkeypatch.setattr(peer_settings, "measure", measured)
    shape = Shape(tiny_qwen3, 1, 512)
    assert await peer_settings.best(COPY, shape, server, Vocab(str(tiny_qwen3))) == "ngram-cache"


def test_each_setting_names_a_kind() -> None:
    assert all(flags[0] == "--spec-type" and flags[1].startswith("ngram-") for flags in peer_settings.SETTINGS.values())
