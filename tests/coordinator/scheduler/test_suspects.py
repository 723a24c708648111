"""Two requests that were in two engines as these died: the one that did it is refused, and the other is served."""

from coordinator.dispatch.effects import Failed, Finished
from tests.coordinator.dispatch.driver import Driver
from wire import messages as wire
from wire.chat import ChatRequest, Message
from wire.errors import ErrorCode


class Engines:
    """Workers of two slots, whose engines die together with all that they have. It sees what becomes of each job."""

    def __init__(self, *workers: str) -> None:
        self.driver = Driver()
        self.running: dict[str, tuple[str, int]] = {}  # job: (worker, attempt)
        self.ended: dict[str, ErrorCode | None] = {}
        self.join(*workers)

    def join(self, *workers: str) -> None:
        for worker in workers:
            self.driver.join(worker)
            self.see()
        self.driver.proves(*workers)

    def submit(self, *jobs: str) -> None:
        for job in jobs:
            asked = ChatRequest(messages=(Message(role="user", content=job),), max_tokens=10)
            self.driver.submit(job, request=asked)
            self.see()

    def give(self, job: str, there: "Engines") -> None:
        """The job goes on in another cell, as it is."""
        known = self.driver.dispatch.job(job)
        assert known is not None
        so_far, _ = self.driver.dispatch.release(job, self.driver.now)
        assert so_far is not None
        self.running.pop(job, None)
        there.driver.out = there.driver.dispatch.submit(known.spec, there.driver.now, so_far)
        there.see()

    def see(self) -> None:
        """Note what has just happened; what was placed is taken in."""
        for one in self.driver.all(Finished):
            self.ended[one.job] = None
        for failed in self.driver.all(Failed):
            self.ended[failed.job] = failed.error.code
        for worker, start in self.driver.sent(wire.Start):
            self.running[start.job] = worker, start.attempt
            self.driver.accepts(worker, job=start.job, attempt=start.attempt)

    def beside(self, job: str) -> list[str]:
        worker, _ = self.running[job]
        return sorted(other for other, (where, _) in self.running.items() if where == worker)

    def die(self, job: str) -> None:
        """The engine that has the job ends, with all that it had; soon its worker has another one."""
        worker, _ = self.running[job]
        there = [(other, self.running.pop(other)[1]) for other in self.beside(job)]
        self.driver.capacity(worker, status="loading", free=0)
        self.see()
        for other, attempt in there:
            self.driver.fails(worker, job=other, attempt=attempt, code=ErrorCode.ENGINE_CRASHED)
            self.see()
        self.driver.capacity(worker)
        self.see()

    def serve(self, job: str) -> None:
        worker, attempt = self.running.pop(job)
        self.driver.delta(worker, job=job, attempt=attempt, tokens="1")
        self.driver.done(worker, job=job, attempt=attempt, seq=1)
        self.see()


def test_two_suspects_part_for_their_last_trial() -> None:
    engines = Engines("w1")
    engines.submit("j1", "j2")
    engines.die("j1")
    assert engines.beside("j1") == ["j1", "j2"]
    engines.join("w2", "w3")
    engines.die("j1")
    assert {worker for worker, _ in engines.running.values()} == {"w2", "w3"}
    engines.die("j1")
    engines.serve("j2")
    assert engines.ended == {"j1": ErrorCode.POISON_REQUEST, "j2": None}


def test_an_innocent_that_was_in_both_engines_is_served_and_the_other_is_refused() -> None:
    """There is one engine, so both are in it when it dies the second time. The third time each has it for itself."""
    engines = Engines("w1")
    engines.submit("j1", "j2")
    for _ in range(2):
        assert engines.beside("j1") == ["j1", "j2"]
        engines.die("j1")
    for _ in range(2):
        (job,) = engines.running  # the other one waits
        if job == "j1":
            engines.die("j1")
        else:
            engines.serve("j2")
    assert engines.ended == {"j1": ErrorCode.POISON_REQUEST, "j2": None}


def test_in_another_cell_they_are_kept_apart_as_well() -> None:
    here, there = Engines("w1"), Engines("w2")
    here.submit("j1", "j2")
    here.die("j1")
    here.die("j1")
    here.give("j1", there)
    here.give("j2", there)
    assert set(there.running) == {"j1"}
    there.serve("j1")
    there.die("j2")
    assert there.ended == {"j1": None, "j2": ErrorCode.POISON_REQUEST}


def test_who_is_no_suspect_is_put_beside_one_on_its_last_trial() -> None:
    engines = Engines("w1")
    engines.submit("j1", "j2")
    engines.die("j1")
    engines.die("j1")
    engines.submit("j3")
    assert len(engines.running) == 2 and "j3" in engines.running


def test_nobody_is_given_a_third_engine_for_the_company_of_those_that_are_no_suspects() -> None:
    engines = Engines("w1")
    engines.submit("j1")
    engines.die("j1")
    engines.submit("j2")
    assert engines.beside("j1") == ["j1", "j2"]
    engines.die("j1")
    assert engines.ended == {"j1": ErrorCode.POISON_REQUEST}
