import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _root_untouched() -> Iterator[None]:
    """A command line that configures the log does so for its own test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
