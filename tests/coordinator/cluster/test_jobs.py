"""Where jobs are, and how they come from one cell to another."""

from coordinator.cluster.protocol.messages import MAX_FILES_BYTES
from coordinator.dispatch.effects import Failed
from tests.coordinator.cluster.town import Town, whole
from tests.coordinator.dispatch.driver import speed
from wire import messages as wire
from wire.errors import ErrorCode


def test_a_job_stays_at_home_where_there_is_a_free_slot() -> None:
    town = Town("a", "b")
    town.box("w1", "a")
    town.box("w2", "b")
    town.ask("a")
    assert (town.has("a"), town.has("b")) == (1, 0)


def test_jobs_that_wait_are_shed_to_a_cell_with_free_slots() -> None:
    town = Town("a", "b")
    town.box("w1", "a", slots=1)
    jobs = [town.ask("a", f"j{number}") for number in range(3)]
    assert town.has("a") == 3
    town.box("w2", "b", slots=2)
    town.passes(0.75)
    assert (town.has("a"), town.has("b")) == (1, 2)
    town.steps(11)
    assert all(whole(town, job) for job in jobs)


def test_nobody_serves_the_model_anywhere() -> None:
    town = Town("a", "b")
    (end,) = town.ends(town.ask("a"))
    assert isinstance(end, Failed) and end.error.code == "no_worker"


def test_files_that_are_too_large_for_the_bus_stay_at_home_or_say_why_they_cannot() -> None:
    town = Town("a", "b")
    town.box("w1", "b")
    large = {"f": bytes(MAX_FILES_BYTES + 1)}
    (end,) = town.ends(town.ask("a", "far", blobs=large))
    assert isinstance(end, Failed) and (end.error.code, end.error.retry_after_s) == ("no_worker", 10)
    assert "16 MiB of files" in end.error.message
    (end,) = town.ends(town.ask("a", "nowhere", blobs=large, model="another"))
    assert isinstance(end, Failed) and "16 MiB" not in end.error.message
    town.box("w2", "a")
    job = town.ask("a", "home", blobs=large)
    assert (town.has("a"), town.has("b")) == (1, 0)
    town.steps(11)
    assert whole(town, job)


def test_while_the_bus_is_dark_our_own_cell_serves_our_clients() -> None:
    town = Town("a", "b")
    town.box("w1", "a", slots=1)
    town.box("w2", "b", slots=8)
    town.dark = True
    town.passes(1.5)
    jobs = [town.ask("a", f"j{number}") for number in range(2)]
    town.steps(11)
    town.steps(11)
    assert all(whole(town, job) for job in jobs)


def test_a_worker_of_our_own_cell_goes_to_another_with_the_job_of_our_client() -> None:
    town = Town("a", "b")
    box = town.box("w", "a")
    job = town.ask("a")
    town.steps(3)
    box.hangs_up()
    box.dial("b")
    assert (town.has("a"), town.has("b")) == (0, 1)
    town.steps(11)
    assert whole(town, job)


def test_a_worker_comes_home_with_the_job_of_our_client() -> None:
    town = Town("a", "b")
    box = town.box("w", "b")
    job = town.ask("a")
    town.steps(3)
    town.takes("a", job)
    box.hangs_up()
    box.dial("a")
    assert (town.has("a"), town.has("b")) == (1, 0)
    town.steps(11)
    assert whole(town, job)


def test_while_the_only_cell_with_the_model_leaves_new_jobs_are_taken_all_the_same() -> None:
    town = Town("a", "b")
    box = town.box("w", "b")
    town.call("b", "drain", 60.0)
    town.passes(1)
    job = town.ask("a")
    town.passes(6)
    assert town.moved == [box]
    box.hangs_up()
    box.dial("a")
    town.passes(0.5)
    town.steps(11)
    assert whole(town, job)


def test_a_job_waits_for_the_workers_of_a_cell_that_has_died() -> None:
    town = Town("a", "b", "c")
    box = town.box("w", "b")
    town.kill("b")
    town.passes(4)
    job = town.ask("a")
    box.dial("c")
    town.passes(1)
    town.steps(11)
    assert whole(town, job)


def test_a_worker_that_rests_draws_no_jobs_to_its_cell_whatever_it_claims() -> None:
    town = Town("a", "b")
    town.box("honest", "a", slots=4)
    liar = town.box("liar", "b", slots=64, context=4097, speed=speed(1_000_000))
    town.ask("a", "first")
    ((job, attempt),) = liar.jobs
    liar.jobs.clear()
    liar.says(wire.Failed(job=job, attempt=attempt, seq=0, code=ErrorCode.ENGINE_ERROR, message="no", retryable=True))
    liar.capacity()
    town.passes(0.5)
    assert (town.has("a"), town.has("b")) == (1, 0)
    town.ask("a", "second")
    assert (town.has("a"), town.has("b")) == (2, 0)


def test_where_all_rest_a_job_waits_for_who_is_tested_first() -> None:
    town = Town("a", "b")
    box = town.box("w", "b")
    town.ask("a", "first")
    ((job, attempt),) = box.jobs
    box.jobs.clear()
    box.says(wire.Failed(job=job, attempt=attempt, seq=0, code=ErrorCode.ENGINE_ERROR, message="no", retryable=True))
    box.capacity()
    town.passes(0.5)
    second = town.ask("a", "second")
    town.passes(0.5)
    assert not town.ends(second)
    for _ in range(80):
        town.passes(0.25)
        town.steps(11)
    assert whole(town, second)
