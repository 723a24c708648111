"""What several tests of the daemon need."""

import pytest

from worker.daemon import backoff


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The coordinator is dialled again at once."""
    monkeypatch.setattr(backoff, "FIRST_S", 0.001)
    monkeypatch.setattr(backoff, "MOST_S", 0.001)
