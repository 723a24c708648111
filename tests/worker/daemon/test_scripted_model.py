from pathlib import Path

import pytest

from program.settings import ConfigError
from wire.blobs import VISION
from worker.config import WORDS, Config
from worker.daemon.scripted_model import scripted_model


def test_words_take_the_place_of_a_model_of_the_catalog() -> None:
    model = scripted_model(Config(model="qwen3.5-0.8b-gguf-q4km", slots=3, context=1000), WORDS)
    assert (model.offer.id, model.offer.slots, model.offer.context) == ("qwen3.5-0.8b-gguf-q4km", 3, 1000)
    assert "scripted" in model.offer.features


def test_a_script_that_cannot_be_read_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--scripted"):
        scripted_model(Config(model="qwen3.5-0.8b-gguf-q4km"), str(tmp_path / "none"))
    (tmp_path / "bad").write_text("{")
    with pytest.raises(ConfigError, match="--scripted"):
        scripted_model(Config(model="qwen3.5-0.8b-gguf-q4km"), str(tmp_path / "bad"))


def test_a_scripted_model_has_eyes_when_it_is_told_to() -> None:
    config = Config(model="qwen3.5-0.8b-gguf-q4km")
    assert VISION in scripted_model(config, WORDS, vision=True).offer.features
    assert VISION not in scripted_model(config, WORDS).offer.features
