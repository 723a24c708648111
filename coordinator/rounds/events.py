"""What an answer in rounds says beside the events of its chat."""

from dataclasses import dataclass, field
from typing import Literal

from coordinator.media.results import Result

Status = Literal["queued", "running", "done", "failed"]


@dataclass(frozen=True)
class ToolProgress:
    """How far a call of a platform tool is: the first is `queued`, the last `done` or `failed` and has the `result`.
    `part`: the name of its job within the request, which is ROUND.CALL. `percent` never falls. `preview`: an unfinished
    picture in base64 that has not been told before, or nothing; of several variations that of the first."""

    part: str
    call_id: str
    name: str
    arguments: str
    status: Status
    percent: int = 0
    eta_s: float | None = None
    preview: str = field(default="", repr=False)
    result: Result | None = None
