import logging
import os
from collections.abc import Iterator
from functools import cache

import pytest

from worker.bindings.proof import Proof, prove
from worker.planning import proven


@cache
def _proved(library: str | None, repacked: bool) -> Proof:
    return prove(repacked=repacked)


@pytest.fixture(autouse=True)
def _proved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proof starts a process, and that of one library is always the same. The GPUs of tests are made up."""

    def known(device: str | None = None, repacked: bool = True) -> Proof:
        return _proved(os.environ.get("LLAMA_CPP_LIB_PATH"), repacked) if device is None else Proof("right")

    monkeypatch.setattr(proven, "prove", known)


@pytest.fixture(autouse=True)
def _root_untouched() -> Iterator[None]:
    """A command line that configures the log does so for its own test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
