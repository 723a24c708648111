from dataclasses import replace
from itertools import islice

from coordinator.scheduler.job_queue import COMPLETION, JobQueue
from coordinator.scheduler.prefix_affinity import PromptPrefixes
from coordinator.scheduler.state import Job, JobSpec, Limits
from coordinator.scheduler.work import ChatWork, Work
from tests.coordinator.dispatch.driver import REQUEST, M


def job(name: str, at: float, starts: int = 0, account: str = "a", model: str = M, weight: float = 1.0) -> Job:
    spec = JobSpec(name, account, model, REQUEST, seed=1, weight=weight)
    made = Job(spec, submitted=at, waiting_since=at, starts=starts)
    made.work = prompted(made, 0)
    return made


def prompted(job: Job, tokens: int) -> Work:
    """The job's work, as if its prompt had so many tokens."""
    assert isinstance(job.work, ChatWork)
    return replace(job.work, prefixes=PromptPrefixes(total=tokens))


def serve(waiting: JobQueue, count: int, completion: int = 100) -> list[str]:
    """Start and finish the next jobs one after the other; whose they were."""
    whose = []
    for _ in range(count):
        best = next(waiting.order(M))
        waiting.start(best)
        best.delivered.extend([0] * completion)
        waiting.delivered(best)
        waiting.ended(best, 0)
        whose.append(best.spec.account)
    return whose


def test_jobs_that_ran_before_come_first_then_the_oldest() -> None:
    waiting = JobQueue(Limits())
    late, early, moved, first = job("late", 2), job("early", 1), job("moved", 3, starts=1), job("first", 0, starts=2)
    for each in (early, late, moved, first):
        waiting.add(each)
    assert [each.spec.id for each in waiting.order(M)] == ["first", "moved", "early", "late"]
    assert [waiting.place(each) for each in (first, moved, early, late)] == [1, 2, 3, 4]
    assert late in waiting
    assert {each.spec.id for each in waiting.jobs(M)} == {"first", "moved", "early", "late"}


def test_models_wait_apart() -> None:
    waiting = JobQueue(Limits())
    waiting.add(job("a", 1))
    waiting.add(job("b", 2, model="other"))
    assert waiting.models() == [M, "other"]
    assert waiting.place(job("c", 1)) is None
    assert waiting.count(M) == 1
    assert list(waiting.order("unknown")) == waiting.jobs("unknown") == []


def test_leaving_frees_the_accounts_share() -> None:
    waiting = JobQueue(Limits(queue=2, queue_per_account=1))
    first = job("first", 1)
    waiting.add(first)
    assert "of this account" in (waiting.full("a") or "")
    assert waiting.full("b") is None
    waiting.remove(first)
    waiting.remove(first)
    assert waiting.full("a") is None
    assert len(waiting) == 0
    assert waiting.models() == []


def test_accounts_take_turns_by_what_they_were_served() -> None:
    waiting = JobQueue(Limits())
    for i in range(10):
        waiting.add(job(f"a{i}", i))
    for i in range(3):
        waiting.add(job(f"b{i}", 100 + i, account="b"))
    assert serve(waiting, 8) == ["a", "b", "a", "b", "a", "b", "a", "a"]


def test_an_account_of_twice_the_weight_is_served_twice_as_much() -> None:
    waiting = JobQueue(Limits())
    for i in range(30):
        waiting.add(job(f"a{i}", i))
        waiting.add(job(f"b{i}", i, account="b", weight=2.0))
    whose = serve(waiting, 30)
    assert whose.count("b") == 2 * whose.count("a")


def test_slots_that_become_free_together_do_not_all_go_to_one_account() -> None:
    waiting = JobQueue(Limits())
    for i in range(4):
        waiting.add(job(f"a{i}", i))
        waiting.add(job(f"b{i}", i, account="b"))
    started = []
    for each in waiting.order(M):
        waiting.start(each)
        started.append(each.spec.account)
    assert sorted(started[:4]) == ["a", "a", "b", "b"]


def test_a_charge_is_put_right_at_the_end_of_the_job() -> None:
    waiting = JobQueue(Limits())
    failed, other = job("failed", 1), job("other", 2, account="b")
    waiting.add(failed)
    waiting.add(other)
    waiting.start(failed)
    assert failed.charged == COMPLETION
    waiting.add(job("again", 3))
    assert next(waiting.order(M)) is other
    waiting.ended(failed, 0)
    assert failed.charged == 0
    assert [each.spec.id for each in waiting.order(M)] == ["other", "again"], "it was served nothing: they are equals"
    long = job("long", 4, account="b")
    long.work = prompted(long, 300)
    waiting.start(long)
    long.delivered.extend([0] * 1000)
    waiting.delivered(long)
    assert long.charged == 1100.0
    assert [each.spec.id for each in waiting.order(M)] == ["again", "other"]


def test_who_was_away_saves_nothing_up_and_loses_nothing() -> None:
    waiting = JobQueue(Limits())
    for i in range(20):
        waiting.add(job(f"a{i}", i))
    serve(waiting, 10)
    for i in range(10):
        waiting.add(job(f"b{i}", 100 + i, account="b"))
    assert serve(waiting, 6).count("b") == 3


def test_a_job_that_nobody_can_take_now_holds_up_no_other() -> None:
    waiting = JobQueue(Limits())
    stuck = [job("a1", 1), job("b1", 1, account="b")]
    for each in (*stuck, job("a2", 2), job("c1", 3, account="c")):
        waiting.add(each)
    assert [each.spec.id for each in waiting.order(M)] == ["a1", "a2", "b1", "c1"]
    started = []
    for each in waiting.order(M):
        if each not in stuck:
            waiting.start(each)
            started.append(each.spec.id)
    assert started == ["a2", "c1"]
    assert list(waiting.order(M)) == [stuck[1], stuck[0]], "a was served"


def test_the_place_is_the_one_at_which_the_job_would_start() -> None:
    waiting = JobQueue(Limits())
    weights = {"a": 1.0, "b": 1.0, "c": 3.0}
    for i in range(8):
        for account, weight in weights.items():
            waiting.add(job(f"{account}{i}", i, account=account, weight=weight))
    waiting.add(job("moved", 9, starts=1, account="d"))
    told = {each.spec.id: waiting.place(each) for each in waiting.jobs(M)}
    waiting.remove(next(waiting.order(M)))
    for place in range(2, 26):
        best = next(islice(waiting.order(M), 1))
        off = (told[best.spec.id] or 0) - place
        assert abs(off) <= 3, f"{best.spec.id} was told {told[best.spec.id]} and was {place}"
        waiting.start(best)


def test_an_account_that_comes_and_goes_takes_nobodys_place() -> None:
    waiting = JobQueue(Limits())
    waiting.add(job("stays", 0))
    for i in range(1000):
        each = job(f"b{i}", i, account="b")
        waiting.add(each)
        waiting.remove(each)
    assert [each.spec.id for each in waiting.order(M)] == ["stays"]


def test_the_wait_is_estimated_from_measured_service_and_the_slots_there_are() -> None:
    waiting = JobQueue(Limits())
    done = job("done", 0)
    assert waiting.retry_after_s(M, 1) == 10.0
    waiting.served(done, 4.0)
    assert waiting.retry_after_s(M, 1) == 4.0
    for i in range(7):
        waiting.add(job(str(i), i))
    assert waiting.retry_after_s(M, 4) == 8.0
    assert waiting.retry_after_s(M, 0) == 32.0
    assert waiting.wait_s(M, 2, 4) == 2.0
    waiting.served(done, 1e6)
    assert waiting.retry_after_s(M, 1) == 60.0


def test_an_answer_is_expected_to_be_what_answers_were_and_no_longer_than_it_may_be() -> None:
    waiting = JobQueue(Limits())
    assert waiting.expected(job("first", 0)) == COMPLETION
    short = job("short", 0)
    short.delivered.extend([0] * 56)
    waiting.served(short, 1.0)
    assert waiting.expected(job("next", 1)) == COMPLETION - 20
    request = REQUEST.model_copy(update={"max_tokens": 10})
    assert waiting.expected(Job(JobSpec("j", "a", M, request, seed=1), 0, 0)) == 10
