from coordinator.records import Job, JobSpec, Limits
from coordinator.waiting import Waiting
from tests.coordinator.desk import REQUEST, M


def job(name: str, at: float, starts: int = 0, account: str = "a", model: str = M) -> Job:
    return Job(JobSpec(name, account, model, REQUEST, seed=1), submitted=at, waiting_since=at, starts=starts)


def test_jobs_that_ran_before_come_first_then_the_oldest() -> None:
    waiting = Waiting(Limits())
    late, early, moved = job("late", 2), job("early", 1), job("moved", 3, starts=1)
    for each in (late, early, moved):
        waiting.add(each)
    assert [each.spec.id for each in waiting.order(M)] == ["moved", "early", "late"]
    assert waiting.place(late) == 3
    assert late in waiting


def test_models_wait_apart() -> None:
    waiting = Waiting(Limits())
    waiting.add(job("a", 1))
    waiting.add(job("b", 2, model="other"))
    assert waiting.models() == [M, "other"]
    assert waiting.place(job("c", 1)) is None


def test_leaving_frees_the_accounts_share() -> None:
    waiting = Waiting(Limits(queue=2, queue_per_account=1))
    first = job("first", 1)
    waiting.add(first)
    assert "of this account" in (waiting.full("a") or "")
    assert waiting.full("b") is None
    waiting.remove(first)
    waiting.remove(first)
    assert waiting.full("a") is None
    assert len(waiting) == 0
    assert waiting.models() == []


def test_the_wait_is_estimated_from_measured_service_and_the_slots_there_are() -> None:
    waiting = Waiting(Limits())
    assert waiting.retry_after_s(M, 1) == 10.0
    waiting.served(M, 4.0)
    assert waiting.retry_after_s(M, 1) == 4.0
    for i in range(7):
        waiting.add(job(str(i), i))
    assert waiting.retry_after_s(M, 4) == 8.0
    assert waiting.retry_after_s(M, 0) == 32.0
    waiting.served(M, 1e6)
    assert waiting.retry_after_s(M, 1) == 60.0
