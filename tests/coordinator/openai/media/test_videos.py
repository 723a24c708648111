"""The objects of /v1/videos are of the official types."""

from openai.types import Video as Official
from openai.types import VideoDeleteResponse

from coordinator.openai.media.videos import Video, deleted, video_list, video_object

DONE = Video(
    "a", "films", "completed", 100, 1_700_000_000_500, 64, 48, 2, 1_700_000_009_000, 1_702_000_000_000, url="u"
)
FAILED = Video("b", "films", "failed", 40, 1, 64, 48, 2, 2, error=("worker_lost", "Gone."))


def test_a_finished_film() -> None:
    shown = video_object(DONE)
    official = Official.model_validate({**shown, "size": "1280x720"}, strict=True)  # the SDK reads any other too
    assert (official.id, official.status, official.seconds, shown["size"]) == ("video_a", "completed", "2", "64x48")
    assert (official.created_at, official.completed_at) == (1_700_000_000, 1_700_000_009)
    assert official.expires_at == 1_702_000_000 and shown["url"] == "u"


def test_a_failed_film_says_why() -> None:
    shown = video_object(FAILED)
    official = Official.model_validate({**shown, "size": "1280x720"}, strict=True)  # the SDK reads any other too
    assert official.error is not None and official.error.code == "worker_lost"
    assert official.completed_at is None and "url" not in shown


def test_a_page_and_a_deletion() -> None:
    page = video_list([DONE, FAILED], more=True)
    assert (page["first_id"], page["last_id"], page["has_more"]) == ("video_a", "video_b", True)
    assert video_list([], more=False)["data"] == []
    assert VideoDeleteResponse.model_validate(deleted("a"), strict=True).id == "video_a"
