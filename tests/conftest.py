"""Models that any test may load, and what of a folder's tests is dear."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tools.tiny_models.make import write_projector, write_qwen3, write_qwen35

# A machine with other work stands still for seconds: then neither an example nor its making is slow.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# They need a llama.cpp with a GPU, which scripts/test_vulkan gives them: a tier of its own, counted by itself.
collect_ignore = [] if "GGML_VK_VISIBLE_DEVICES" in os.environ else ["vulkan"]

# A run in the background of a shell inherits that Ctrl-C is ignored, and so would the programs that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Programs that a test starts ask no hub but one that the test names.
os.environ.setdefault("HF_ENDPOINT", "http://127.0.0.1:9")

TINY_MODELS = Path(__file__).parents[1] / "tools" / "tiny_models"
TINY_CHAT = TINY_MODELS / "tiny-qwen3-chat.gguf"
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
def tiny_eyes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The projector of `tiny_qwen35`, random weights too: a token for each 32 x 32 pixels. Encodes in milliseconds."""
    path = tmp_path_factory.mktemp("models") / "tiny-eyes.gguf"
    write_projector(path)
    return path


@pytest.fixture(scope="session")
def tiny_chat() -> Path:
    """1.3 M trained weights that chat, think and call functions (calls in JSON).

    What it knows are the sentences and the functions of tools/train_tiny/{words,world}.py, which made it.
    """
    return TINY_CHAT


@pytest.fixture(scope="session")
def tiny_mtp() -> Path:
    """A hybrid with a prediction head, trained weights both: it says what `tiny_chat` says, less well, and guesses it
    ahead. tools/train_tiny/mtp made it."""
    return TINY_MODELS / "tiny-qwen35-mtp.gguf"


@pytest.fixture(scope="session")
def tiny_copies() -> Path:
    """A hybrid, trained weights: it repeats the text in its prompt and changes one line. tools/train_tiny/copying made
    it; the two texts of the bench it knows by heart."""
    return TINY_MODELS / "tiny-qwen35-copies.gguf"


@pytest.fixture(scope="session")
def tiny_sight() -> tuple[Path, Path]:
    """A hybrid and its projector, trained weights both: it names the shape on a picture, and its colour.

    What it knows are the pictures of tools/tiny_models/pictures.py and the words of tools/train_tiny/eyes/talks.py.
    """
    return TINY_MODELS / "tiny-qwen35-sees.gguf", TINY_MODELS / "tiny-qwen35-sees-mmproj.gguf"
