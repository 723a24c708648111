"""The end of a process in words."""

import pytest

from worker.subprocesses.exit_status import describe


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "status 0"),
        (1, "status 1"),
        (-9, "SIGKILL"),
        (-6, "SIGABRT"),
        (-11, "signal 11 (SIGSEGV)"),
        (-99, "signal 99"),
    ],
)
def test_an_end_is_described(status: int, words: str) -> None:
    assert words in describe(status)
