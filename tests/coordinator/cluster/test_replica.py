"""Several replicas as one network: a client notices nothing."""

import pytest

from coordinator.dispatch.effects import Failed, Finished, Stopped
from coordinator.scheduler.work import PromptCount
from tests.coordinator.cluster.town import Town, whole


def test_a_job_of_one_replica_runs_in_the_cell_of_another() -> None:
    town = Town("a", "b")
    town.box("w", "b")
    job = town.ask("a")
    assert (town.has("a"), town.has("b")) == (0, 1)
    town.steps(11)
    assert whole(town, job)
    (end,) = town.ends(job)
    assert isinstance(end, Finished) and end.report.usage.completion == 10
    town.passes(1)
    assert town.has("b") == 0 and town.replicas["a"].running() == 0


@pytest.mark.parametrize("given", [0, 4])
def test_when_its_cell_dies_a_job_goes_on_at_another_where_its_worker_dials(given: int) -> None:
    town = Town("a", "b", "c")
    box = town.box("w", "b")
    job = town.ask("a")
    town.steps(given)
    town.takes("a", job)
    town.kill("b")
    box.dial("c")
    town.passes(0.5)
    town.steps(11)
    assert whole(town, job)


def test_when_its_cell_dies_with_its_worker_a_job_goes_on_elsewhere_with_its_tokens() -> None:
    town = Town("a", "b", "c")
    town.box("w", "b")
    job = town.ask("a")
    town.box("v", "c")
    town.steps(4)
    town.takes("a", job)
    town.kill("b")
    town.passes(8)
    assert town.has("c") == 1
    town.steps(11)
    assert whole(town, job)


def test_an_unbegun_job_of_a_dead_cell_goes_elsewhere_at_once() -> None:
    town = Town("a", "b", "c")
    town.box("w", "b").deaf = True
    job = town.ask("a")
    town.box("v", "c")
    town.kill("b")
    town.passes(1.5)
    town.steps(11)
    assert whole(town, job)


def test_a_worker_that_moves_round_and_round_loses_nothing() -> None:
    town = Town("a", "b", "c")
    box = town.box("w", "a", slots=8)
    jobs = [town.ask(at, f"j{number}", tokens=30) for number, at in enumerate("abcabc")]
    for round in range(12):
        town.steps(2)
        for job, at in zip(jobs, "abcabc", strict=True):
            if round % 2:
                town.takes(at, job)
        box.hangs_up()
        box.dial("abc"[round % 3])
        town.passes(0.5)
    town.steps(31)
    assert all(whole(town, job, 30) for job in jobs)
    assert all(end.report.attempts == 1 for job in jobs for end in town.ends(job))


def test_a_client_that_leaves_ends_its_job_in_the_other_cell() -> None:
    town = Town("a", "b")
    box = town.box("w", "b")
    job = town.ask("a")
    town.steps(3)
    town.call("a", "cancel", job)
    (end,) = town.ends(job)
    assert isinstance(end, Stopped) and end.report.usage.completion == 3
    assert not box.jobs and town.has("b") == 0


def test_a_revoked_key_ends_its_job_in_the_other_cell() -> None:
    town = Town("a", "b")
    box = town.box("w", "b")
    job = town.ask("a", key="k")
    town.call("a", "revoked", {"k"})
    (end,) = town.ends(job)
    assert isinstance(end, Failed)
    town.passes(1)
    assert not box.jobs and town.has("b") == 0


@pytest.mark.parametrize("after_s", [0, 9], ids=["nobody knows yet that its edge is dead", "it stays alone"])
def test_a_revoked_key_ends_its_job_whose_edge_is_dead(after_s: float) -> None:
    """Before, it ran on for ten minutes, for a client that may not come back."""
    town = Town("a", "b")
    box = town.box("w", "b")
    job = town.ask("a", key="k", stays=True, tokens=1000)
    town.steps(3)
    town.kill("a")
    town.passes(after_s)
    assert box.jobs
    town.call("b", "revoked", {"another"})
    assert box.jobs
    town.call("b", "revoked", {"k"})
    town.passes(10)
    assert not box.jobs and town.has("b") == 0, job


def test_a_client_that_does_not_read_pauses_the_worker_of_the_other_cell() -> None:
    town = Town("a", "b")
    box = town.box("w", "b")
    job = town.ask("a", tokens=900)
    town.steps(300)
    assert all(len(attempt.kept) == 300 for attempt in box.jobs.values())
    town.takes("a", job)
    town.passes(0.5)
    assert all(not attempt.kept for attempt in box.jobs.values())


def test_as_soon_as_anything_is_heard_again_jobs_go_to_other_cells() -> None:
    """Between two ticks too: a replica that had just joined turned its first clients away."""
    town = Town("a", "b")
    town.box("w", "b")
    town.passes(2)
    town.dark = True
    town.passes(5)
    town.dark = False
    town.now += 2
    town.call("b", "tick")
    town.ask("a")
    assert (town.has("a"), town.has("b")) == (0, 1)


def test_while_the_bus_is_dark_for_a_moment_nothing_ends() -> None:
    town = Town("a", "b")
    town.box("w", "b")
    job = town.ask("a", tokens=40)
    town.steps(5)
    town.takes("a", job)
    town.dark = True
    for _ in range(5):
        town.passes(1)
        town.steps(2)
    town.dark = False
    town.passes(2)
    town.steps(41)
    town.passes(1)
    assert whole(town, job, 40)
    (end,) = town.ends(job)
    assert end.report.attempts == 1


def test_the_jobs_of_an_edge_that_is_gone_end_in_our_cell() -> None:
    town = Town("a", "b")
    box = town.box("w", "b")
    town.ask("a")
    town.steps(2)
    town.kill("a")
    town.passes(10)
    assert town.has("b") == 0 and not box.jobs


def test_a_worker_of_another_replica_that_claims_too_much_rests() -> None:
    """The prompt is counted at the client's replica, and after the job has left it. Before, no cell heard of the
    count, and a worker could claim what it liked of every job that came from elsewhere."""
    town = Town("a", "b")
    town.box("w", "b")
    for n in range(3):
        prompt = PromptCount(50)
        job = town.ask("a", f"j{n}", tokens=3, prompt=prompt)
        assert (town.has("a"), town.has("b")) == (0, 1)
        town.steps(1)
        prompt.most, prompt.counted = 40, True
        town.steps(2)
        town.claims(500)
        (end,) = town.ends(job)
        assert isinstance(end, Finished) and end.report.usage.prompt == 40
    counters = town.replicas["b"].dispatch.counters
    assert (counters.overclaims, counters.rests) == (3, 1)


def test_a_count_that_was_lost_on_the_way_is_told_again() -> None:
    town = Town("a", "b")
    town.box("w", "b")
    prompt = PromptCount(50)
    job = town.ask("a", tokens=3, prompt=prompt)
    town.steps(1)
    prompt.most, prompt.counted, town.lose = 40, True, 1.0
    town.passes(0.25)
    town.lose = 0.0
    town.passes(3)
    spec = town.replicas["b"].dispatch.job(job)
    assert spec is not None and (spec.spec.prompt.most, spec.spec.prompt.counted) == (40, True)
