from coordinator.media.ready import Ready
from tests.coordinator.dispatch.driver import M
from tests.coordinator.dispatch.studio import Studio
from tests.coordinator.media.samples import IMAGE, READY, VIDEO, offer
from wire.media import GenerateImage, GenerateVideo

PICTURE = GenerateImage(prompt="a", width=64, height=64, steps=4)


def test_a_tool_is_served_by_a_mode_of_its_name() -> None:
    assert READY.serves(IMAGE, "generate_image")
    assert READY.serves(VIDEO, "video_to_video")  # by its modes alone
    assert not READY.serves(IMAGE, "generate_music")
    assert not Ready().serves(IMAGE, "generate_image")
    without = Ready({VIDEO.id: (offer(VIDEO).model_copy(update={"modes": ("generate_video.first",)}),)})
    assert without.serves(VIDEO, "generate_video")
    assert not without.serves(VIDEO, "video_to_video")


def test_one_worker_that_can_is_enough() -> None:
    both = Ready({IMAGE.id: (offer(IMAGE, max_pixels=16), offer(IMAGE))})
    assert both.lacks(IMAGE, PICTURE) is None
    small = Ready({IMAGE.id: (offer(IMAGE, max_pixels=16),)})
    assert small.lacks(IMAGE, PICTURE) == "it makes at most 16 pixels a frame"
    assert Ready().lacks(IMAGE, PICTURE) == "no worker has it ready"
    film = GenerateVideo(prompt="a", width=64, height=64, frames=5, fps=8, steps=4)
    assert READY.lacks(IMAGE, film) == "it is for something else"


def test_who_is_connected_and_has_it_ready_counts() -> None:
    studio = Studio()
    studio.opens("w1")
    studio.opens("w2", max_pixels=16)
    assert [offer.max_pixels for offer in studio.dispatch.online(M).offers] == [2**21, 16]
    studio.capacity("w1", 0)  # paused
    assert [offer.max_pixels for offer in studio.dispatch.online(M).offers] == [16]
    studio.drops("w2", resumable=False)
    assert studio.dispatch.online(M).offers == ()
