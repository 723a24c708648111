"""What cannot be served is refused at once, and its client hears what is possible."""

from coordinator.dispatch.effects import Failed
from tests.coordinator.dispatch.studio import Studio
from tests.coordinator.media.making import EDIT, FILM, MUSIC, PICTURE, WIDE
from wire.errors import ErrorCode
from wire.media import MediaRequest


def refused(studio: Studio, request: MediaRequest) -> str:
    studio.asks(f"j{studio.now}", request=request)
    studio.now += 1
    error = studio.one(Failed).error
    assert error.code is ErrorCode.NO_WORKER and error.retry_after_s
    return error.message


def test_what_is_too_large_for_every_worker_is_told_the_largest_that_is_possible() -> None:
    studio = Studio()
    studio.opens("small", max_pixels=2**18, max_seconds=5)
    studio.opens("larger", max_pixels=2**20, modes=("generate_image", "generate_music"), max_seconds=10)
    told = refused(studio, WIDE)
    assert "no worker of m can do this at the moment: it makes at most 1,048,576 pixels" in told
    assert told.index("1,048,576") < told.index("262,144")
    assert "at most 10 seconds" in refused(studio, MUSIC)
    studio.asks(request=PICTURE)
    assert studio.started()[0] == "larger"


def test_a_mode_that_nobody_has_is_named() -> None:
    studio = Studio()
    studio.opens(modes=("generate_image",))
    assert "it has no edit_image" in refused(studio, EDIT)
    assert "it has no generate_video" in refused(studio, FILM)


def test_without_a_worker_for_the_model_it_is_told_that() -> None:
    studio = Studio()
    assert "no worker serves m" in refused(studio, PICTURE)
    studio.opens()
    studio.capacity(slots=0, free=0)
    assert "no worker serves m" in refused(studio, PICTURE), "one that is paused may be so for hours"


def test_one_that_could_and_left_a_moment_ago_is_waited_for() -> None:
    studio = Studio()
    studio.opens("large")
    studio.opens("small", max_pixels=2**18)
    studio.drops("large", resumable=False)
    studio.asks(request=WIDE)
    assert not studio.all(Failed)
    studio.now += 16
    assert "262,144" in refused(studio, WIDE)


def test_a_chat_is_not_given_to_a_pipeline_nor_a_picture_to_a_model() -> None:
    studio = Studio()
    studio.opens()
    studio.submit()
    assert "it does not chat" in studio.one(Failed).error.message
    studio = Studio()
    studio.join()
    assert "it makes no media" in refused(studio, PICTURE)
