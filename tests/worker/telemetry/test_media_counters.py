from worker.media_engine import port
from worker.telemetry.media_counters import MediaCounters


def test_a_job_is_counted_with_its_time_and_its_speed() -> None:
    counts = MediaCounters()
    counts.engine(port.Ready(("generate_image",), 5, 1, 0, 0, 0))
    counts.begun("a.1", effort=8.0)
    counts.engine(port.Progress("a.1", "denoising", 3, 8))
    assert (counts.stage, counts.step, counts.steps) == ("denoising", 3, 8)
    counts.engine(port.Ended("a.1", "done", seconds=2.0, memory_bytes=7))
    assert (counts.ended, counts.seconds, counts.speed, counts.effort) == ({"done": 1}, 2.0, 4.0, 8.0)
    assert counts.stage is None and counts.memory_bytes == 7


def test_what_was_not_finished_says_nothing_of_the_speed() -> None:
    counts = MediaCounters()
    counts.begun("a.1", 8.0)
    counts.engine(port.Ended("a.1", "cancelled", seconds=1.0))
    counts.engine(port.Down("killed", ("b.1",), retry_in_s=1.0))
    counts.engine(port.Down("killed"))
    assert (counts.speed, counts.effort, counts.restarts) == (0.0, 0.0, 1)
    assert counts.ended == {"cancelled": 1, "failed": 1}
