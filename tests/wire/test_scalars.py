"""The base of all frames: what is out of bounds is refused, and words for people never keep a frame from being sent."""

import os

import pytest
from pydantic import ValidationError

from wire import codec
from wire.errors import ErrorCode
from wire.messages import Error, Failed, Hello, Issue, Refused, RunningJob
from wire.offers import Gpu, Hardware


@pytest.mark.parametrize("bad", ["", "a b", "../etc/passwd", "a/b", "x" * 65, "ü", "a\n"])
def test_an_id_that_could_be_a_path_or_a_log_line_is_refused(bad: str) -> None:
    with pytest.raises(ValidationError):
        Hello(worker=bad, instance="i", models=())
    with pytest.raises(ValidationError):
        RunningJob(job=bad, attempt=1, next_seq=0)


def test_words_for_people_are_cut_and_never_make_a_frame_invalid() -> None:
    long = "x" * 5000
    failed = Failed(job="j", attempt=1, seq=0, code=ErrorCode.ENGINE_ERROR, message=long, retryable=True)
    refused = Refused(job="j", attempt=1, code=ErrorCode.INVALID_REQUEST, message=long)
    issue = Issue(code="c", severity="error", message=long, remedy=long)
    error = Error(code=ErrorCode.PROTOCOL_ERROR, message=long)
    for text in (failed.message, refused.message, issue.message, issue.remedy, error.message):
        assert text == "x" * 4096


def test_bytes_that_are_no_text_do_not_keep_a_frame_from_being_sent() -> None:
    """A folder's name in Latin-1 in a message, a GPU's name, a host's name: Python reads them as lone surrogates."""
    odd = os.fsdecode(b"/home/j\xf6rg/models")
    issue = Issue(code="disk_full", severity="error", message=f"{odd} ü", remedy=odd)
    assert codec.encode(issue).count("/home/j?rg/models") == 2 and "?rg/models ü" in issue.message
    gpu = Gpu(name=odd, memory_bytes=1)
    hello = Hello(worker="w", instance="i", name=odd, models=(), hardware=Hardware(cpu=odd, gpus=(gpu,)))
    assert codec.encode(hello).count("/home/j?rg/models") == 3
