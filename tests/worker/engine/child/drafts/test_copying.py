"""A hybrid that was trained to repeat its prompt, from end to end: it copies, is guessed, and says the same without."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.worker.engine.child.driver import TIMES, Driven
from tools.train_tiny.copying.texts import FILE, JSON, Task
from wire.chat import Sampling
from worker.bindings.llama import Model
from worker.engine.child.prefix_cache import Prefixes
from worker.engine.port import Submit

CHEAP = replace(TIMES, passes=((1, 1.0), (33, 1.1)))  # guesses always pay


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    while Driven.opened:
        Driven.opened.pop().close()


def answered(path: Path, task: Task, guesses: bool) -> tuple[str, Driven]:
    draft_rows, rollback = (63, 3) if guesses else (0, 0)
    engine = Driven(path, Model, CHEAP, slots=1, context=4096, draft_rows=draft_rows, rollback=rollback)
    vocab = engine.model.vocab
    longest = len(vocab.tokenize(task.answer)) + 9  # an answer that does not end where it should is seen
    ids = engine.run(Submit("copy", task.tokens(vocab), longest, Sampling(temperature=0), seed=1))
    return b"".join(map(vocab.piece, ids)).decode(errors="replace"), engine


@pytest.mark.parametrize("task", [FILE, JSON], ids=["a file that is edited", "JSON that is repeated"])
def test_it_says_what_it_is_shown_and_most_of_that_is_guessed(
    task: Task, tiny_copies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    went_back: list[int] = []
    shrink = Prefixes.shrink

    def shrunk(prefixes: Prefixes, seq: int, length: int) -> None:
        went_back.append(length)
        shrink(prefixes, seq, length)

    monkeypatch.setattr(Prefixes, "shrink", shrunk)
    plain, _ = answered(tiny_copies, task, guesses=False)
    said, engine = answered(tiny_copies, task, guesses=True)
    assert said == plain == task.answer
    pulse = engine.loop.pulse()
    assert pulse.accepted_tokens > 0.9 * pulse.drafted_tokens
    assert pulse.accepted_tokens > 0.9 * pulse.generated_tokens
    assert pulse.draws < pulse.generated_tokens / 20, "many more than its state goes back by itself"
    assert went_back, "to a state that was saved, and from there it said the same"
    assert {one.source for one in pulse.guesses if one.drafted} == {"lookup"}
