"""The choice of a pipeline: only what a worker has ready is chosen unasked."""

import pytest

from coordinator.openai.media.choice import read_media_model
from coordinator.openai.media.fields import VideoFields
from tests.coordinator.media_catalog import CATALOG, DRAWS, EDITS, FILMS, READY, ready
from wire.errors import ErrorCode, SupernetError


def test_unasked_it_is_the_first_of_the_catalog_that_a_worker_has_ready() -> None:
    assert read_media_model(VideoFields({}), CATALOG, "generate_image", READY) == DRAWS
    only = ready(edits=("generate_image",))
    assert read_media_model(VideoFields({}), CATALOG, "generate_image", only) == EDITS


def test_a_mode_that_is_needed_must_be_ready_itself() -> None:
    plain = ready(films=("generate_video",))
    assert read_media_model(VideoFields({}), CATALOG, "generate_video", plain) == FILMS
    with pytest.raises(SupernetError, match=r"serves generate_video\.first is ready") as raised:
        read_media_model(VideoFields({}), CATALOG, "generate_video", plain, "generate_video.first")
    assert raised.value.code is ErrorCode.NO_WORKER
