"""Every job ends once, with an account of what was delivered."""

import pytest

from coordinator.dispatch.effects import Failed, Finished, JobEnd, Stopped
from coordinator.dispatch.ends import report
from coordinator.scheduler.state import Job, JobSpec, Limits
from tests.coordinator.dispatch.driver import REQUEST, Driver, M
from wire import messages as wire
from wire.chat import Usage


def test_a_job_is_started_answered_and_finished_with_our_count_of_tokens() -> None:
    driver = Driver()
    driver.join()
    driver.submit()
    worker, start = driver.started()
    assert (worker, start.job, start.attempt, start.delivered) == ("w1", "j1", 1, ())
    driver.accepts()
    driver.delta(seq=0, tokens="he")
    assert driver.text() == "he"
    driver.delta(seq=1, tokens="y")
    driver.done(seq=2, completion=999)
    finished = driver.one(Finished)
    assert finished.finish_reason == "stop"
    usage = finished.report.usage
    assert (usage.prompt, usage.cached, usage.completion) == (7, 3, 3)
    assert (finished.report.attempts, finished.report.worker) == (1, "gpus/w1")
    assert driver.sent(wire.Ack)[0][1].items[0].next_seq == 3
    assert driver.dispatch.online(M).free == 2
    assert driver.dispatch.running() == 0


def test_cancelling_a_job_that_waits_ends_it_at_once() -> None:
    driver = Driver()
    driver.join(slots=1)
    driver.submit("j1")
    driver.submit("j2")
    driver.cancel("j2")
    assert driver.one(Stopped).job == "j2"
    assert not driver.sent(wire.Cancel)
    assert driver.dispatch.queue_position("j2") is None


def test_a_done_that_crosses_the_cancel_ends_the_job_once() -> None:
    driver = Driver()
    driver.join()
    driver.submit()
    driver.accepts()
    driver.delta(tokens="abc")
    driver.cancel()
    driver.done(seq=1)
    assert driver.one(Stopped).report.usage.completion == 3
    assert not driver.all(Finished)
    driver.cancelled(seq=2)
    assert not driver.all(Stopped)


def test_a_report_counts_what_was_delivered_and_believes_only_the_prompt() -> None:
    job = Job(JobSpec("j1", "client", M, REQUEST, 1), submitted=10, waiting_since=10)
    job.delivered.extend([1, 2, 3])
    told = report(job, 12, Usage(prompt=7, cached=9, completion=999, reasoning=99))
    assert told.usage == Usage(prompt=7, cached=7, completion=3, reasoning=3)
    assert (told.queued_s, told.first_token_s, told.total_s) == (2, None, 2)
    assert report(job, 12).usage.prompt == 0


# ---- a stream that is cut has a prompt ------------------------------------------------------------------------------


ESTIMATED = Job(JobSpec("j1", "client", M, REQUEST, 1), 0, 0).prompt


def cut(how: str, driver: Driver) -> JobEnd:
    """End a job that has a token, each way that brings no last word of its worker."""
    match how:
        case "its key ended":
            driver.out = driver.dispatch.revoked({""}, driver.now)
        case "its client's deadline":
            driver.passes(61, alive=("w1",))
        case "its worker broke, and no other came":
            driver.fails(seq=1)
        case "its worker is gone, and no other came":
            driver.drops(resumable=False)
        case "the client left while its worker was away":
            driver.drops()
            driver.cancel()
        case "the client left, and the worker does not say so":
            driver.cancel()
            driver.passes(15, alive=("w1",))
        case "its worker broke the protocol":
            driver.delta(seq=5, tokens="x")
    (end,) = [effect for effect in driver.out if isinstance(effect, Failed | Stopped)]
    return end


CUTS = (
    "its key ended",
    "its client's deadline",
    "its worker broke, and no other came",
    "its worker is gone, and no other came",
    "the client left while its worker was away",
    "the client left, and the worker does not say so",
    "its worker broke the protocol",
)


@pytest.mark.parametrize("how", CUTS)
@pytest.mark.parametrize(("said", "read"), [(7, 7), (0, ESTIMATED), (None, ESTIMATED), (10**6, 4096)])
def test_a_stream_that_is_cut_after_a_token_has_read_its_prompt(how: str, said: int | None, read: int) -> None:
    """As its worker said at first, no more than its slot holds; else by our estimate."""
    driver = Driver(Limits(attempts=1))
    driver.join()
    driver.submit(deadline_s=60)
    driver.accepts(prompt=said)
    driver.delta(tokens="a")
    report = cut(how, driver).report
    assert report.usage.prompt == read
    assert (report.reader, report.usage.completion) == ("gpus/w1", 1)


@pytest.mark.parametrize("how", [how for how in CUTS if "protocol" not in how])
def test_without_a_token_there_is_no_prompt(how: str) -> None:
    driver = Driver(Limits(attempts=1))
    driver.join()
    driver.submit(deadline_s=60)
    driver.accepts(prompt=7)
    if how == "its worker broke, and no other came":
        driver.fails()
        assert driver.one(Failed).report.usage.prompt == 0
    else:
        assert cut(how, driver).report.usage.prompt == 0


def test_the_prompt_is_of_the_worker_that_gave_the_last_token_not_of_one_that_refused() -> None:
    driver = Driver(Limits(attempts=2))
    driver.join("w1")
    driver.submit()
    driver.accepts("w1", prompt=9)
    driver.delta("w1", tokens="ab")
    driver.join("w2")
    driver.fails("w1", seq=1)
    driver.accepts("w2", attempt=2, prompt=5000)
    driver.fails("w2", attempt=2)
    report = driver.one(Failed).report
    assert (report.worker, report.reader, report.usage.prompt) == ("gpus/w2", "gpus/w1", 9)


def test_a_worker_that_says_that_it_read_nothing_is_not_believed() -> None:
    driver = Driver()
    driver.join()
    driver.submit()
    driver.accepts(prompt=9)
    driver.delta(tokens="a")
    driver.cancel()
    usage = Usage(prompt=0, completion=1)
    driver.says("w1", wire.Cancelled(job="j1", attempt=1, seq=1, usage=usage))
    assert driver.one(Stopped).report.usage.prompt == 9
