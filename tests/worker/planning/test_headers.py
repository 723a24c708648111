"""Headers from the disk and from the hub: with models in test_model_setup.py, here what is read of a hub's file."""

from dataclasses import replace
from pathlib import Path

import pytest

from program.gguf import GgufError
from tests.fakes.huggingface_hub import LoopbackHub
from tests.worker.daemon.fake_coordinator import CATALOG
from worker.config import Config
from worker.planning.headers import ahead, header_ahead, header_of
from worker.planning.model_setup import entry
from worker.weights.files import Weights


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "models.yaml").write_text(CATALOG)
    return Config(catalog=tmp_path / "models.yaml", models_dir=tmp_path / "models")


def test_more_is_read_until_the_header_is_whole_and_no_more_than_that(config: Config, tiny_qwen3: Path) -> None:
    content = tiny_qwen3.read_bytes()
    with LoopbackHub({("someone/tiny-GGUF", "tiny.gguf"): content}) as hub:
        asking = replace(config, hub=hub.endpoint)
        found = ahead(asking, entry(asking), lambda _: None)
        assert (found.bytes, found.missing) == (len(content), len(content)) and not found.path.exists()
        assert hub.downloads == []
        assert header_ahead(asking, entry(asking), lambda _: None, most=1000).architecture == "qwen3"
        assert hub.downloads[:2] == ["bytes=0-999", "bytes=0-3999"] and len(hub.downloads) < 8


def test_a_file_on_the_disk_is_read_in_its_parts(tiny_qwen3: Path) -> None:
    whole = header_of(Weights(tiny_qwen3, (tiny_qwen3,), ("a" * 64,)))
    assert whole.architecture == "qwen3"
    with pytest.raises(GgufError, match="into 1 files, but 2 are here"):
        header_of(Weights(tiny_qwen3, (tiny_qwen3, tiny_qwen3), ("a" * 64,) * 2))
