"""Who gets a free slot; grammars that are slow, and what the loop makes of a refusal, are in test_loop.py."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from wire.chat import Sampling
from wire.errors import ErrorCode, SupernetError
from worker.bindings.llama import Model
from worker.engine.child import waiting_jobs
from worker.engine.child.eyes import Eyes
from worker.engine.child.job import Job
from worker.engine.child.prefix_cache import Prefixes
from worker.engine.child.waiting_jobs import WAITING_PER_SLOT, WaitingJobs
from worker.engine.constraint import Constraint
from worker.engine.port import EngineSpec, Submit

SLOTS = 2


class Compiling:
    """Grammars that are ready when the test says so."""

    def __init__(self, vocab: object) -> None:
        self.ready = self.cancelled = False
        self.tell: Callable[[object], None] = lambda _: None

    def compile(self, *_: object) -> Any:
        return SimpleNamespace(
            done=lambda: self.ready, add_done_callback=lambda tell: setattr(self, "tell", tell), cancel=self.cancel
        )

    def cancel(self) -> None:
        self.cancelled = True

    def close(self) -> None: ...


@pytest.fixture
def woken() -> list[bool]:
    return []


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch, woken: list[bool]) -> Iterator[WaitingJobs]:
    monkeypatch.setattr(waiting_jobs, "Grammars", Compiling)
    vocab = SimpleNamespace(size=5000, piece=lambda token: b"x")
    model = cast(Model, SimpleNamespace(vocab=vocab, context=1024, hybrid=False))
    spec = EngineSpec("", slots=SLOTS, context=1024)
    prefixes = Prefixes(SLOTS, 1024, cuttable=True)
    eyes = Eyes(None, spec, lambda: 0.0, lambda: None)
    waiting = WaitingJobs(model, spec, prefixes, eyes, lambda: 0.0, lambda: woken.append(True))
    yield waiting
    waiting.close()


def ask(name: str, prompt: tuple[int, ...] = (1, 2, 3), constraint: Constraint | None = None) -> Submit:
    return Submit(name, prompt, 8, Sampling(), seed=1, constraint=constraint)


def admit(waiting: WaitingJobs, running: dict[str, Job]) -> list[str]:
    names = []
    for job in waiting.admit(running):
        running[job.submit.job] = job
        names.append(job.submit.job)
    return names


def test_slots_go_to_who_came_first(waiting: WaitingJobs) -> None:
    for name in ("a", "b", "c"):
        waiting.add(ask(name))
    running: dict[str, Job] = {}
    assert admit(waiting, running) == ["a", "b"] and admit(waiting, running) == []
    del running["a"]
    assert admit(waiting, running) == ["c"] and len(waiting) == 0


def test_what_cannot_be_served_and_what_is_too_much_is_refused(waiting: WaitingJobs) -> None:
    with pytest.raises(SupernetError) as refused:
        waiting.add(ask("none", prompt=()))
    assert refused.value.code is ErrorCode.INVALID_REQUEST and waiting.get("none") is None
    for number in range(WAITING_PER_SLOT * SLOTS):
        waiting.add(ask(str(number)))
    with pytest.raises(SupernetError) as refused:
        waiting.add(ask("late"))
    assert refused.value.code is ErrorCode.WORKER_BUSY


def test_a_job_whose_grammar_is_not_ready_is_passed_over(waiting: WaitingJobs, woken: list[bool]) -> None:
    grammars = cast(Compiling, waiting._grammars)
    waiting.add(ask("slow", constraint=Constraint('start: "a"')))
    waiting.add(ask("quick"))
    running: dict[str, Job] = {}
    assert admit(waiting, running) == ["quick"]
    grammars.ready = True
    grammars.tell(None)
    assert woken and admit(waiting, running) == ["slow"]


def test_who_leaves_before_it_had_a_slot_wants_no_grammar_any_more(waiting: WaitingJobs) -> None:
    waiting.add(ask("a", constraint=Constraint('start: "a"')))
    job = waiting.get("a")
    assert job
    waiting.remove(job)
    assert cast(Compiling, waiting._grammars).cancelled and len(waiting) == 0


def test_who_waits_for_the_prefix_of_another_keeps_its_claim_on_a_slot(waiting: WaitingJobs) -> None:
    shared = tuple(range(500))
    running: dict[str, Job] = {}
    waiting.add(ask("first", (*shared, 1)))
    assert admit(waiting, running) == ["first"]
    waiting.add(ask("second", (*shared, 2)))
    waiting.add(ask("third"))
    assert admit(waiting, running) == [], "the only slot left is the second's"
    running["first"].computed = 500
    assert admit(waiting, running) == ["second"]
