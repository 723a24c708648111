"""Tokens that say nothing are a fault, are not billed, and the answer goes on elsewhere without them."""

from coordinator.dispatch import silence
from coordinator.dispatch.effects import Failed, Finished
from coordinator.scheduler.state import Job, JobSpec, Lease
from tests.coordinator.dispatch.driver import REQUEST, Driver, M, liar_and_honest
from wire import messages as wire
from wire.chat import CallDelta, Content, Notice, Part, Reasoning, Tool

LONG = REQUEST.model_copy(update={"max_tokens": 32_768})
CALLING = LONG.model_copy(update={"tools": (Tool(name="edit"),)})


def gives(driver: Driver, worker: str, seq: int, tokens: int, *parts: Part, job: str = "j1", attempt: int = 1) -> None:
    item = wire.Delta(job=job, attempt=attempt, seq=seq, tokens=(7,) * tokens, parts=parts)
    driver.says(worker, wire.Deltas(items=(item,)))


def is_silent(driver: Driver, worker: str, job: str = "j1", seq: int = 0, most: int = 200) -> int:
    """Tokens without a text until the job is taken away or is whole."""
    for number in range(most):
        gives(driver, worker, seq + number, 250, job=job)
        if driver.sent(wire.Cancel):
            break
        driver.takes(job, seq=seq + number)
    return 250 * (number + 1)


def test_tokens_without_a_text_end_with_the_third_hundred_and_are_not_billed() -> None:
    """Before, 32,768 of them in 2.9 s, and the client paid for each."""
    driver = liar_and_honest()
    driver.submit(request=LONG)
    driver.accepts("liar")
    assert is_silent(driver, "liar") == 750
    worker, start = driver.started()
    assert worker == "honest" and start.delivered == ()
    driver.accepts("honest", attempt=2)
    driver.delta("honest", attempt=2, tokens="abc")
    driver.done("honest", attempt=2, seq=1)
    report = driver.one(Finished).report
    assert report.usage.completion == 3 and dict(report.served) == {"mallory/liar": 0, "alice/honest": 3}
    assert driver.dispatch.counters.silences == 1


def test_who_is_silent_three_times_where_another_has_words_rests() -> None:
    driver = liar_and_honest()
    silent = 0
    for number in range(20):
        driver.submit(job := f"j{number}", request=LONG)
        worker, start = driver.started()
        driver.accepts(worker, job)
        if worker == "liar":
            silent += 1
            is_silent(driver, "liar", job)
            worker, start = driver.started()
            driver.cancelled("liar", job, seq=10)
            driver.accepts(worker, job, start.attempt)
        driver.delta("honest", job, start.attempt, tokens="abc")
        driver.done("honest", job, start.attempt, seq=1)
        assert driver.one(Finished).report.usage.completion == 3
    assert silent == 3 and driver.dispatch.counters.rests == 1


def test_what_was_said_before_is_kept_and_paid() -> None:
    driver = liar_and_honest()
    driver.submit(request=LONG)
    driver.accepts("liar")
    driver.delta("liar", tokens="abc")
    is_silent(driver, "liar", seq=1)
    assert driver.started()[1].delivered == tuple(map(ord, "abc"))


def test_a_request_that_makes_two_owners_silent_is_to_blame() -> None:
    """A client can force it, with a bias to tokens that are no text: no worker rests for that."""
    driver = liar_and_honest()
    driver.submit(request=LONG)
    driver.accepts("liar")
    is_silent(driver, "liar")
    driver.accepts("honest", attempt=2)
    for seq in range(3):
        gives(driver, "honest", seq, 250, attempt=2)
    failed = driver.one(Failed)
    assert failed.report.usage.completion == 0 and "without a text" in failed.error.message
    assert driver.dispatch.counters.rests == 0


def test_a_call_whose_argument_is_held_back_is_no_silence() -> None:
    driver = liar_and_honest()
    driver.submit(request=CALLING)
    driver.accepts("liar")
    for seq in range(30):
        gives(driver, "liar", seq, 250)
        driver.takes(seq=seq)
    gives(driver, "liar", 30, 1, CallDelta(index=0, name="edit", arguments="x" * 60_000))
    driver.takes(seq=30)
    for seq in range(31, 61):
        gives(driver, "liar", seq, 250)
        driver.takes(seq=seq)
    assert not driver.sent(wire.Cancel) and driver.dispatch.counters.silences == 0


def test_tokens_before_a_word_are_paid_only_as_far_as_an_argument_can_have_been_held_back() -> None:
    """Before, 8,000 of them with tools and one word at the end were billed as 8,001 tokens, and proved their worker."""
    driver = Driver()
    driver.join()
    driver.submit(request=CALLING)
    driver.accepts()
    for seq in range(32):
        gives(driver, "w1", seq, 250)
        driver.takes(seq=seq)
    gives(driver, "w1", 32, 1, Content(text="word"))
    driver.done(seq=33)
    assert driver.one(Finished).report.usage.completion == 16
    assert driver.dispatch.workers[0].owner.credit == 0


def test_an_argument_that_was_held_back_is_paid_whole() -> None:
    driver = Driver()
    driver.join()
    driver.submit(request=CALLING)
    driver.accepts()
    for seq in range(30):
        gives(driver, "w1", seq, 250)
        driver.takes(seq=seq)
    gives(driver, "w1", 30, 9, CallDelta(index=0, name="edit"))
    whole = (CallDelta(index=0, arguments='"' + "x" * 20_000 + '"'),)
    driver.says("w1", wire.Deltas(items=(wire.Delta(job="j1", attempt=1, seq=31, tokens=(), parts=whole),)))
    driver.done(seq=32, reason="tool_calls")
    assert driver.one(Finished).report.usage.completion == 7509
    assert driver.dispatch.workers[0].owner.credit == 1


def test_an_answer_that_says_nothing_at_all_is_asked_of_another_owner() -> None:
    driver = liar_and_honest()
    driver.submit()
    driver.accepts("liar")
    gives(driver, "liar", 0, 3, Notice(text="all is well"))
    driver.done("liar", seq=1)
    worker, start = driver.started()
    assert worker == "honest" and start.delivered == () and not driver.all(Finished)
    driver.accepts("honest", attempt=2)
    driver.done("honest", attempt=2, seq=0)
    assert driver.one(Finished).report.usage.completion == 0, "two say so: it is the answer"


def test_an_empty_answer_of_the_only_owner_is_the_answer_and_proves_nothing() -> None:
    driver = Driver()
    driver.join()
    driver.submit()
    driver.accepts()
    gives(driver, "w1", 0, 3)
    driver.done(seq=1)
    assert driver.one(Finished) and driver.dispatch.workers[0].owner.credit == 0


def test_a_silent_end_is_not_paid() -> None:
    driver = Driver()
    driver.join()
    driver.submit()
    driver.accepts()
    driver.delta(tokens="abc")
    gives(driver, "w1", 1, 400)
    driver.done(seq=2)
    assert driver.one(Finished).report.usage.completion == 3


def heard(*parts: Part, tokens: int = 4) -> Lease:
    job = Job(JobSpec("j1", "client", M, REQUEST, seed=1), submitted=0, waiting_since=0)
    lease = Lease("j1", 1, "w", M, "a", since=0)
    silence.listen(job, lease, wire.Delta(job="j1", attempt=1, seq=0, tokens=(7,) * tokens, parts=parts))
    assert job.said == bool(lease.unsaid == 0)
    return lease


def test_a_character_of_four_tokens_and_a_thought_say_something_and_a_notice_does_not() -> None:
    assert heard(Content(text="x")).silent == 0
    assert heard(Reasoning(text="x")).silent == 0
    assert heard(CallDelta(index=0, name="f")).silent == 0
    assert heard(Notice(text="x" * 100)).silent == heard().silent == heard(Content(text="")).silent == 4
    assert heard(Content(text="x"), tokens=500).silent == 496
