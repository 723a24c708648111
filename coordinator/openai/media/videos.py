"""The objects of /v1/videos: what became of a film that is made while nobody waits."""

from dataclasses import dataclass
from typing import Literal

from coordinator.openai.json_body import Json

PREFIX = "video_"
Status = Literal["queued", "in_progress", "completed", "failed"]


@dataclass(frozen=True)
class Video:
    """One film. Times are Unix milliseconds. `progress`: per cent; `url`: of a completed one, until `expires_ms`."""

    name: str
    model: str
    status: Status
    progress: int
    created_ms: int
    width: int
    height: int
    seconds: int
    ended_ms: int | None = None
    expires_ms: int | None = None
    error: tuple[str, str] | None = None  # code, and a sentence
    url: str | None = None


def video_object(video: Video) -> Json:
    """As OpenAI's clients read it; `url` is ours."""
    return {
        "id": PREFIX + video.name,
        "object": "video",
        "model": video.model,
        "status": video.status,
        "progress": video.progress,
        "created_at": video.created_ms // 1000,
        "completed_at": video.ended_ms // 1000 if video.ended_ms and video.status == "completed" else None,
        "expires_at": video.expires_ms // 1000 if video.expires_ms else None,
        "size": f"{video.width}x{video.height}",
        "seconds": str(video.seconds),
        "error": {"code": video.error[0], "message": video.error[1]} if video.error else None,
        "remixed_from_video_id": None,
        **({"url": video.url} if video.url else {}),
    }


def video_list(videos: list[Video], more: bool) -> Json:
    """A page of them. `more`: others follow behind the last."""
    data = [video_object(video) for video in videos]
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
    return {"object": "list", "data": data, **ends, "has_more": more}


def deleted(name: str) -> Json:
    return {"id": PREFIX + name, "object": "video.deleted", "deleted": True}
