"""Models that any test may load, and what of a folder's tests is dear."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tools.tiny_models.make import write_qwen3, write_qwen35

settings.register_profile("untimed", deadline=None)  # a machine with other work stands still for seconds
settings.load_profile("untimed")

# They need a llama.cpp with a GPU, which scripts/test_vulkan gives them: a tier of its own, counted by itself.
collect_ignore = [] if "GGML_VK_VISIBLE_DEVICES" in os.environ else ["vulkan"]

PROCESSES = ("tests/chaos", "tests/e2e", "tests/scripts")  # folders whose every test starts whole programs


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if any(item.path.is_relative_to(config.rootpath / folder) for folder in PROCESSES):
            item.add_marker("process")


@pytest.fixture(scope="session")
def tiny_qwen3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights, attention only, Qwen3's chat format (calls in JSON). Made in a second, under 1 MB."""
    path = tmp_path_factory.mktemp("models") / "tiny-qwen3.gguf"
    write_qwen3(path)
    return path


@pytest.fixture(scope="session")
def tiny_qwen35(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights, a hybrid of delta nets and attention, Qwen3.5's chat format (calls in XML)."""
    path = tmp_path_factory.mktemp("models") / "tiny-qwen35.gguf"
    write_qwen35(path)
    return path


@pytest.fixture(scope="session")
def tiny_chat() -> Path:
    """1.3 M trained weights that chat, think and call functions (calls in JSON).

    What it knows are the sentences and the functions of tools/train_tiny/{words,world}.py, which made it.
    """
    return Path(__file__).parents[1] / "tools" / "tiny_models" / "tiny-qwen3-chat.gguf"
