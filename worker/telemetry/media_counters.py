"""What one pipeline has done since the worker started: from its engine's events and its uploads. Pure."""

from dataclasses import dataclass, field

from wire.media import Stage
from worker.media_engine import port


@dataclass
class MediaCounters:
    """`step` of `steps` and `stage` are of the job that runs; `speed` is that of the last one that was made, in the
    unit of MediaOffer.speed."""

    ended: dict[str, int] = field(default_factory=dict)  # by reason: done, cancelled, failed
    seconds: float = 0.0  # that jobs had the pipeline
    effort: float = 0.0  # of what was made
    speed: float = 0.0
    memory_bytes: int = 0  # the most of the device that a job took, weights included; 0: not measured
    stage: Stage | None = None
    step: int = 0
    steps: int = 0
    uploads: int = 0
    upload_bytes: int = 0
    failed_uploads: int = 0
    restarts: int = 0
    _efforts: dict[str, float] = field(default_factory=dict)

    def begun(self, job: str, effort: float) -> None:
        """A job was handed to the engine."""
        self._efforts[job] = effort

    def engine(self, event: port.Event) -> None:
        """Count an event of the engine."""
        match event:
            case port.Ready():
                self.memory_bytes = max(self.memory_bytes, event.memory_bytes)
            case port.Progress():
                self.stage, self.step, self.steps = event.stage, event.step, event.steps
            case port.Ended():
                self._over(event.job, event.reason)
                self.seconds += event.seconds
                self.memory_bytes = max(self.memory_bytes, event.memory_bytes)
                effort = self._efforts.pop(event.job, 0.0)
                if event.reason == "done":
                    self.effort += effort
                    self.speed = effort / event.seconds if event.seconds > 0 else self.speed
            case port.Down():
                for job in event.jobs:
                    self._over(job, "failed")
                    self._efforts.pop(job, None)
                self.restarts += event.retry_in_s is not None
            case _:
                pass

    def _over(self, job: str, reason: str) -> None:
        self.ended[reason] = self.ended.get(reason, 0) + 1
        self.stage, self.step, self.steps = None, 0, 0
