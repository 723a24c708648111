"""One request of several choices, with the hub played by the test."""

from coordinator.dispatch.effects import Deliver, Failed, Report
from coordinator.dispatch.outlook import QueuePosition
from coordinator.hub.answers import Answers
from coordinator.scheduler.state import JobSpec
from tests.coordinator.dispatch.driver import REQUEST, M
from wire.chat import Usage
from wire.errors import ErrorCode, SupernetError
from wire.messages import Delta


class Jobs:
    """Records what the request asks of the hub."""

    def __init__(self) -> None:
        self.positions: dict[str, QueuePosition] = {}
        self.acks: list[int] = []
        self.cancelled: list[str] = []
        self.requests: set[object] = set()

    def now(self) -> float:
        return 0.0

    def acknowledged(self, delivered: Deliver) -> None:
        self.acks.append(delivered.delta.seq)

    def queue_position(self, job: str) -> QueuePosition | None:
        return self.positions.get(job)

    def cancel(self, job: str) -> None:
        self.cancelled.append(job)


def two(jobs: Jobs) -> Answers:
    return Answers(jobs, [JobSpec(name, "client", M, REQUEST, 1) for name in ("a", "b")])


def deliver(job: str, seq: int) -> Deliver:
    return Deliver(job, Delta(job=job, attempt=1, seq=seq, tokens=(1,)), seq + 1)


async def test_taking_more_says_that_what_was_taken_before_is_sent() -> None:
    answers = two(jobs := Jobs())
    answers.put(deliver("a", 0))
    answers.put(deliver("b", 7))
    assert [choice for choice, _ in await answers.take(1)] == [0, 1]
    assert jobs.acks == []
    assert await answers.take(0.001) == []
    assert jobs.acks == [0, 7]


async def test_a_request_is_decided_once_each_choice_is_accepted_or_has_ended() -> None:
    answers = two(Jobs())
    answers.accept("a")
    await answers.settle(0.001)
    assert answers.undecided == {"b"}
    assert answers.waits
    failed = Failed("b", SupernetError(ErrorCode.NO_WORKER, "none"), Report(Usage(prompt=0, cached=0, completion=0)))
    answers.end("b")
    answers.put(failed)
    await answers.settle(10)
    assert answers.early_error() is failed.error and answers.open == {"a"}
    assert not answers.waits


async def test_the_last_place_in_the_queue_is_the_requests_place() -> None:
    answers = two(jobs := Jobs())
    assert answers.queue_position() is None
    jobs.positions = {"a": QueuePosition(2, 5.0), "b": QueuePosition(3, 7.5)}
    assert answers.queue_position() == QueuePosition(3, 7.5)


async def test_who_is_cut_off_has_its_open_jobs_cancelled() -> None:
    answers = two(jobs := Jobs())
    answers.end("a")
    jobs.requests.add(answers)
    answers.cut_off()
    answers.cut_off()
    assert not jobs.requests, "it is over for the process as well"
    assert answers.cut.done() and set(jobs.cancelled) == {"b"}
