"""A thing that was made shows that the pipeline works, how fast it is, and that its owner serves clients."""

from coordinator.scheduler import pace
from tests.coordinator.dispatch.driver import M
from tests.coordinator.dispatch.studio import Studio


def test_what_was_made_is_to_the_workers_credit_and_an_empty_end_is_not() -> None:
    studio = Studio()
    studio.opens()
    worker = studio.dispatch.workers[0]
    studio.asks()
    studio.accepts()
    studio.ends()
    assert not worker.replicas[M].proven and (worker.finished, worker.owner.credit) == (0, 0)
    studio = Studio()
    studio.opens()
    worker = studio.dispatch.workers[0]
    studio.asks()
    studio.makes()
    assert worker.replicas[M].proven and (worker.finished, worker.owner.credit) == (1, 1)


def test_a_job_of_its_own_account_is_no_merit() -> None:
    studio = Studio()
    studio.opens()
    studio.asks(account="gpus")
    studio.makes()
    assert studio.dispatch.workers[0].owner.credit == 0


def test_a_pipeline_that_takes_longer_than_it_claims_is_asked_after_others() -> None:
    """Eight steps of a megapixel at eight a second would be a second."""
    studio = Studio()
    studio.opens("boaster", speed=8, owner="a")
    studio.opens("modest", speed=1, owner="b")
    for number in range(3):
        studio.asks(job := f"j{number}")
        worker = studio.started()[0]
        studio.accepts(worker, job)
        for _ in range(6):
            studio.passes(10, alive=("boaster", "modest"))
            studio.shows(worker=worker, job=job)
        if worker == "modest":
            break
        assert studio.uploads(job)
        studio.ends(worker, job)
    slowness = {w.hello.worker: pace.slowness(w.replicas[M], studio.now) for w in studio.dispatch.workers}
    assert worker == "modest" and slowness["boaster"] > 2 and slowness["modest"] == 1
