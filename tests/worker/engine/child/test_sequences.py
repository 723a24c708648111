"""llama.cpp's memory and the index of it move together, on a model that only remembers what it was asked."""

from typing import Any, cast

import pytest

from worker.bindings.llama import Model
from worker.engine.child import prefix_cache
from worker.engine.child.picture_layout import Layout
from worker.engine.child.sequences import Sequences

PROMPT = list(range(100))
TEXT = Layout(())


class Remembering:
    hybrid = offloaded = False
    unified = True
    sequences, context = 2, 512
    rollback = 0

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.works = True

    def clear(self, seq: int) -> None:
        self.asked.append(("clear", seq))

    def cut(self, seq: int, length: int, state: bytes | None = None) -> bool:
        self.asked.append(("cut", seq, length, state))
        return self.works

    def fork(self, source: int, target: int, length: int, state: bytes | None = None) -> bool:
        self.asked.append(("fork", source, target, length, state))
        return self.works

    def checkpoint(self, seq: int) -> bytes:
        return b"state of %d" % seq


@pytest.fixture
def model() -> Remembering:
    return Remembering()


@pytest.fixture
def sequences(model: Remembering) -> Sequences:
    return Sequences(cast(Model, model), saved_bytes=1024)


def held(sequences: Sequences, tokens: list[int]) -> int:
    seq, cached = sequences.take(tokens, TEXT)
    sequences.prefixes.grow(seq, tokens[cached:])
    return seq


def test_a_new_prompt_gets_an_empty_sequence(model: Remembering, sequences: Sequences) -> None:
    assert sequences.take(PROMPT, TEXT) == (0, 0)
    assert model.asked == [("clear", 0)]


def test_a_prefix_is_forked_from_a_running_job_and_cut_where_its_job_has_ended(
    model: Remembering, sequences: Sequences
) -> None:
    first = held(sequences, PROMPT)
    assert sequences.take([*PROMPT[:60], 7, 8], TEXT) == (1, 60)
    assert model.asked[-1] == ("fork", first, 1, 60, None)
    sequences.release(first)
    assert sequences.take([*PROMPT[:80], 9], TEXT) == (first, 80)
    assert model.asked[-1] == ("cut", first, 80, None)


def test_what_llama_cpp_cannot_take_over_is_computed_anew(model: Remembering, sequences: Sequences) -> None:
    sequences.release(held(sequences, PROMPT))
    model.works = False
    assert sequences.take([*PROMPT[:60], 7], TEXT) == (1, 0)
    assert model.asked[-1] == ("clear", 1)


def test_a_saved_state_comes_back_with_the_prefix(model: Remembering) -> None:
    model.hybrid = True
    sequences = Sequences(cast(Model, model), saved_bytes=1024)
    seq, _ = sequences.take(PROMPT, TEXT)
    sequences.prefixes.grow(seq, PROMPT[:60])
    sequences.save_checkpoint(seq)
    sequences.prefixes.grow(seq, PROMPT[60:])
    assert sequences.take([*PROMPT[:60], 7], TEXT) == (1, 60)
    assert model.asked[-1] == ("fork", 0, 1, 60, b"state of 0")


def guessed(model: Remembering) -> tuple[Sequences, int]:
    """A hybrid that goes back three tokens by itself, and a sequence with the prompt and the token behind it."""
    model.hybrid, model.rollback = True, 3
    sequences = Sequences(cast(Model, model), saved_bytes=1024)
    seq = held(sequences, PROMPT)
    sequences.prefixes.grow(seq, [7])
    return sequences, seq


def test_a_state_is_saved_where_it_could_not_go_back_from_all_guesses(model: Remembering) -> None:
    sequences, seq = guessed(model)
    assert sequences.save(seq, 3) is None and sequences.save(seq, 4) == b"state of 0"
    model.hybrid = False
    assert sequences.save(seq, 99) is None, "it is cut anywhere"


def test_refused_guesses_are_cut_off_or_all_that_was_computed_with_them(model: Remembering) -> None:
    sequences, seq = guessed(model)
    assert sequences.settle(seq, 100, [1, 2, 3, 4, 5], 8, b"state") == 106
    assert model.asked[-1] == ("cut", seq, 106, None), "from three the state goes back by itself"
    sequences.prefixes.grow(seq, [8])
    assert sequences.settle(seq, 106, [1, 2, 3, 4], 8, b"state") == 106
    assert model.asked[-1] == ("cut", seq, 106, b"state")
    asked = len(model.asked)
    sequences.prefixes.grow(seq, [8])
    assert sequences.settle(seq, 106, [1, 2, 3, 4], 4, b"state") == 111
    assert len(model.asked) == asked, "all came true"
    whole = [*PROMPT, 7, 1, 2, 3, 4, 5, 8, 1, 2, 3, 4]
    assert sequences.take([*whole, 9], TEXT) == (1, len(whole))


def test_a_sequence_that_cannot_go_back_is_emptied(model: Remembering) -> None:
    sequences, seq = guessed(model)
    model.works = False
    assert sequences.settle(seq, 100, [1], 8, b"state") == 0
    assert model.asked[-1] == ("clear", seq)


def test_only_what_no_job_uses_makes_room(model: Remembering, sequences: Sequences) -> None:
    seq = held(sequences, PROMPT)
    assert not sequences.make_room()
    sequences.release(seq)
    assert sequences.make_room() and model.asked[-1] == ("clear", seq)
    assert not sequences.make_room()


def test_more_than_a_shared_cache_should_keep_is_dropped_at_once(
    model: Remembering, sequences: Sequences, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefix_cache, "MOST_KEPT", 150)
    first, second = held(sequences, PROMPT), held(sequences, [9] * 100)
    sequences.release(first)
    assert model.asked[-1] == ("clear", second)
    sequences.release(second)
    assert model.asked[-1] == ("clear", first)
