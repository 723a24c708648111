"""Media between Start and its end: its files, and how far it is."""

import pytest

from tests.worker.session.drawing import MAKE, UPLOAD
from wire.chat import Usage
from wire.errors import ErrorCode
from wire.media import MAX_PREVIEW_CHARS, EditImage
from worker.engine.port import JobUsage
from worker.session.media_task import MediaTask


def task() -> MediaTask:
    return MediaTask(MAKE, 7, UPLOAD)


def test_its_files_are_those_of_the_request_each_once() -> None:
    images = ("a" * 64, "b" * 64, "a" * 64)
    assert MediaTask(EditImage(prompt="x", width=64, height=64, steps=1, images=images), 7, UPLOAD).files == images[:2]
    assert task().files == ()


def test_what_is_new_is_due_sooner_than_what_is_old() -> None:
    one = task()
    assert one.due(0.0) and not one.due(5.0)
    one.progressed("denoising", 1, 8)
    assert one.due(5.0)
    one.progressed("denoising", 2, 8)
    assert not one.due(5.4) and one.due(5.5)
    assert one.due(14.0)
    one.tell_again()
    assert one.due(15.0)


@pytest.mark.parametrize(("size", "kept"), [(3, "AAAA"), (MAX_PREVIEW_CHARS, "")])
def test_a_preview_that_is_too_long_for_the_wire_is_left_out(size: int, kept: str) -> None:
    one = task()
    one.progressed("denoising", 1, 8, bytes(size))
    assert one.preview == kept


def test_it_is_paid_by_the_piece_and_blames_no_field() -> None:
    assert task().usage(JobUsage(prompt=5, completion=7)) == Usage(prompt=0, completion=0)
    assert task().param_at_fault(ErrorCode.INVALID_REQUEST) is None and task().stop is None
