"""Answers about pictures, on a real hybrid model with eyes: whatever was cached, cut or cancelled before, the logits
are those of llama.cpp's helper reading the whole prompt for the first time."""

import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.worker.bindings.pictures import Part, picture
from tests.worker.engine.child.driver import Driven
from tests.worker.engine.child.seeing import Reference, Seeing, same
from wire.errors import ErrorCode
from worker.bindings.llama import Feed
from worker.engine.child import eyes, prefix_cache
from worker.engine.child.picture_layout import Layout
from worker.engine.port import Cancel, Pause, Submit

CLOSE = 0.01  # of logits with a deviation of 4
CAT, DOG = picture(1, 8, 6), picture(2, 8, 6)  # 48 tokens each, 8 positions
FIRST: list[Part] = ["the system speaks of many things. ", "look at this: ", CAT, " who is it?"]


@pytest.fixture(autouse=True)
def _close(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # An encode takes real time, and the double's clock a second for each step: on a busy machine 60 steps of a stream
    # were over before one encode was, which was then given up for being slow.
    monkeypatch.setattr(eyes, "LIMIT_S", math.inf)
    yield
    while Driven.opened:
        Driven.opened.pop().close()


@pytest.fixture(params=["unified", "separate"])
def unified(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "unified")


@pytest.fixture
def engine(unified: bool, tiny_qwen35: Path, tiny_eyes: Path) -> Seeing:
    return Seeing(tiny_qwen35, tiny_eyes, unified=unified, slots=3)


@pytest.fixture
def reference(unified: bool, tiny_qwen35: Path, tiny_eyes: Path) -> Iterator[Reference]:
    reference = Reference(tiny_qwen35, tiny_eyes, unified=unified)
    yield reference
    reference.close()


def test_an_answer_about_pictures_comes_from_the_helpers_logits(engine: Seeing, reference: Reference) -> None:
    parts = [*FIRST, DOG, " and who is this?"]
    assert same(engine.row("a", parts), reference.row(parts))
    assert engine.eyes.encoded == 2


@pytest.mark.parametrize("batch", [8, 13, 64])
def test_slices_of_any_size_say_the_same(batch: int, reference: Reference, tiny_qwen35: Path, tiny_eyes: Path) -> None:
    engine = Seeing(tiny_qwen35, tiny_eyes, unified=reference.spec.unified, slots=3, batch=batch)
    assert same(engine.row("a", FIRST), reference.row(FIRST))
    of_pictures = [feeds for feeds in engine.model.fed if feeds[0].patch]
    assert len(of_pictures) >= 48 // batch and sum(len(feeds[0].tokens) for feeds in of_pictures) == 48


def test_the_same_picture_twice_in_a_prompt_is_encoded_once(engine: Seeing, reference: Reference) -> None:
    parts: list[Part] = ["one ", CAT, " two ", CAT, " are they equal?"]
    assert same(engine.row("a", parts), reference.row(parts))
    assert engine.eyes.encoded == 1


def test_two_pictures_with_equal_text_get_each_its_own_answer(
    engine: Seeing, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the state behind a picture is saved, so that one would be taken for the other if their keys were equal.

    In one cache for all, what others left in it moves the last bits: far less than another picture does.
    """
    monkeypatch.setattr(prefix_cache, "MIN_SEEN", 16)
    other: list[Part] = [DOG if part is CAT else part for part in FIRST]
    rows = [engine.row(f"j{i}", parts) for i, parts in enumerate((FIRST, other, FIRST, other))]
    expected = [reference.row(FIRST), reference.row(other)] * 2
    for row, right, wrong in zip(rows, expected, expected[1:] + expected[:1], strict=True):
        np.testing.assert_allclose(row, right, atol=CLOSE)
        assert np.abs(row - wrong).max() > 10 * CLOSE
    placed = engine.prompt(FIRST)[1][0]
    assert [engine.usage_cached(f"j{i}") for i in range(4)] == [0, 0, placed.end, placed.end]


def test_a_second_turn_encodes_nothing_and_reads_only_what_is_new(engine: Seeing, reference: Reference) -> None:
    first = engine.ask("a", FIRST, 4)
    engine.end_of(first, FIRST)
    answer = engine.ids("a")
    before = engine.loop.pulse()
    # what the client sends next has the answer in it, as the tokens that it was
    second = engine.ask("b", [*FIRST, "more"], 1)
    tokens = (*first.prompt, *answer, *second.prompt[len(first.prompt) :])
    engine.model.rows.clear()
    engine.end_of(Submit("b", tokens, 1, second.sampling, 1, pictures=first.pictures, ignore_eos=True), FIRST)
    after = engine.loop.pulse()
    assert engine.eyes.encoded == 1
    assert engine.usage_cached("b") == len(first.prompt) + len(answer) - 1
    assert after.prompt_tokens - before.prompt_tokens == len(tokens) - len(first.prompt) - len(answer) + 1
    text = "".join(engine.model.vocab.piece(token).decode("utf-8", "replace") for token in answer)
    if list(engine.model.vocab.tokenize(text)) == answer:
        assert same(engine.model.rows[-1], reference.row([*FIRST, text, "more"]))


def test_a_checkpoint_behind_a_picture_is_where_the_next_turn_leaves_this_one(
    engine: Seeing, reference: Reference
) -> None:
    """Qwen's template drops a thought from the history: the second turn goes another way from the last anchor on."""
    turn: list[Part] = [*FIRST, " answer:"]
    anchor = len(engine.prompt(FIRST)[0])
    assert same(engine.row("a", turn, (anchor,)), reference.row(turn))
    other: list[Part] = [*FIRST, " it is a cat. and what colour?"]
    assert same(engine.row("b", other), reference.row(other))
    assert engine.usage_cached("b") == anchor and engine.eyes.encoded == 1


def test_many_questions_about_one_picture_encode_it_once(
    engine: Seeing, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an anchor between picture and question: the engine sets a checkpoint behind the picture itself."""
    monkeypatch.setattr(prefix_cache, "MIN_SEEN", 16)
    end = engine.prompt(FIRST)[1][0].end
    for number, question in enumerate((" who is it?", " what colour?", " where?")):
        parts = [*FIRST[:-1], question]
        assert same(engine.row(f"j{number}", parts), reference.row(parts))
        # the token behind the picture is common too, but nothing was saved there
        assert engine.usage_cached(f"j{number}") == (end if number else 0)
    assert engine.eyes.encoded == 1


def test_a_running_job_shares_its_picture_with_another(
    engine: Seeing, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fork of a sequence that goes on, behind the picture and at a checkpoint."""
    monkeypatch.setattr(prefix_cache, "MIN_SEEN", 16)
    engine.show(engine.ask("long", FIRST, 300), FIRST)
    while not engine.ids("long"):
        engine.step()
        if not engine.loop.busy:
            engine.loop.wait(1.0)
    engine.post(Pause("long"))
    engine.step()
    parts: list[Part] = [*FIRST[:-1], " what colour?"]
    assert same(engine.row("b", parts), reference.row(parts))
    assert engine.usage_cached("b") == engine.prompt(FIRST)[1][0].end and engine.eyes.encoded == 1


@pytest.mark.parametrize("planted", ["end", "position"])
def test_cutting_by_token_index_is_found_out(
    planted: str, engine: Seeing, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing complains of these faults, so the tests above must: here is what they would see."""
    turn, other = [*FIRST, " answer:"], [*FIRST, " it is a cat. and what colour?"]
    anchor = len(engine.prompt(FIRST)[0])
    monkeypatch.setattr(Layout, planted, lambda self, index: index)
    engine.end_of(engine.ask("a", turn, 1, (anchor,)), turn)
    engine.model.rows.clear()
    engine.end_of(engine.ask("b", other), other)
    assert not any(same(row, reference.row(other)) for row in engine.model.rows)


def test_a_job_cancelled_inside_a_picture_leaves_what_it_read(
    unified: bool, reference: Reference, tiny_qwen35: Path, tiny_eyes: Path
) -> None:
    engine = Seeing(tiny_qwen35, tiny_eyes, unified=unified, slots=3, batch=16)
    picture_at = engine.prompt(FIRST)[1][0].at
    submit = engine.ask("a", FIRST)
    engine.show(submit, FIRST)
    for _ in range(100):
        engine.step()
        read = engine.loop.pulse().prompt_tokens
        if picture_at + 16 <= read:
            break
        if not engine.loop.busy:
            engine.loop.wait(1.0)
    assert read < submit.pictures[0].end
    engine.post(Cancel("a"))
    engine.step()
    assert same(engine.row("b", FIRST), reference.row(FIRST))
    assert picture_at < engine.usage_cached("b") < submit.pictures[0].end
    assert engine.eyes.encoded == 1, "the vectors are still there"
    other: list[Part] = [DOG if part is CAT else part for part in FIRST]
    assert same(engine.row("c", other), reference.row(other))


# ---- while a picture is encoded


def test_streams_go_on_while_a_picture_is_encoded_and_a_slot_stays_free(engine: Seeing, reference: Reference) -> None:
    engine.eyes.go.clear()
    engine.post(engine.ask("stream", ["tell me of the sea"], 40))
    engine.step(3)
    engine.show(engine.ask("sees", FIRST), FIRST)
    before = len(engine.ids("stream"))
    engine.step(10)
    assert len(engine.ids("stream")) == before + 10 and engine.loop.pulse().busy == 1
    engine.eyes.go.set()
    engine.until("stream", "sees")
    assert engine.eyes.encoded == 1 and len(engine.ids("stream")) == 40


def test_a_cancel_gives_up_the_encode_and_the_next_job_starts_anew(engine: Seeing, reference: Reference) -> None:
    engine.eyes.go.clear()
    engine.show(engine.ask("a", FIRST), FIRST)
    engine.step()
    while not engine.eyes.layers:
        engine.loop.wait(0.01)
    engine.post(Cancel("a"))
    engine.step()
    ended = engine.ended("a")
    assert ended and ended.reason == "cancelled"
    other: list[Part] = [DOG if part is CAT else part for part in FIRST]
    engine.eyes.go.set()
    assert same(engine.row("b", other), reference.row(other))
    assert engine.eyes.encoded == 1, "half a picture counts for nothing"
    assert same(engine.row("c", FIRST), reference.row(FIRST))


def test_a_failed_encode_ends_the_job_that_asked_for_it_and_no_other(engine: Seeing, reference: Reference) -> None:
    engine.eyes.fails = True
    engine.post(engine.ask("stream", ["tell me of the sea"], 30))
    engine.step(2)
    ended = engine.end_of(engine.ask("a", FIRST), FIRST)
    assert (ended.reason, ended.code) == ("failed", ErrorCode.ENGINE_ERROR) and "as the test wants" in ended.message
    engine.until("stream")
    assert len(engine.ids("stream")) == 30
    engine.eyes.fails = False
    assert same(engine.row("b", FIRST), reference.row(FIRST))


def test_a_picture_of_another_shape_than_was_said_ends_its_job(engine: Seeing) -> None:
    submit = engine.ask("a", FIRST)
    placed = submit.pictures[0]
    wrong = type(placed)(placed.at, placed.rows, placed.columns, placed.digest)
    ended = engine.end_of(Submit("a", submit.prompt, 1, submit.sampling, 1, pictures=(wrong,)), FIRST)
    assert ended.reason == "failed" and "8 x 6 tokens, and not 6 x 8" in ended.message


def test_a_job_that_starts_over_encodes_its_picture_again_if_it_is_gone(
    tiny_qwen35: Path, tiny_eyes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one cache for all, where a decode can have a prompt and a stream: of two that fail together none is guilty."""
    engine, reference = Seeing(tiny_qwen35, tiny_eyes), Reference(tiny_qwen35, tiny_eyes)
    monkeypatch.setattr(eyes, "MOST_VECTOR_BYTES", 0)
    parts = [*FIRST, DOG, " and who is this?"]
    engine.post(engine.ask("stream", ["tell me of the sea"], 300))
    engine.step(2)
    real, failed = engine.model.decode, list[int]()

    def decode(feeds: Sequence[Feed]) -> int:
        """The first decode of both jobs that draws from both fails. Until then the stream is slow: on a busy machine it
        was over before the picture beside it was encoded, twice."""
        if not failed:
            time.sleep(0.02)
        if not failed and sum(feed.draws for feed in feeds) == 2:
            failed.append(-3)
            return -3
        return real(feeds)

    monkeypatch.setattr(engine.model, "decode", decode)
    engine.end_of(engine.ask("b", parts), parts)
    assert failed and engine.ids("b") == [int(reference.row(parts).argmax())]
    assert engine.eyes.encoded > 2
    reference.close()
    engine.until("stream")
    assert len(engine.ids("stream")) == 300


@pytest.mark.parametrize(
    ("change", "code", "reason"),
    [
        ("never came", ErrorCode.WORKER_BUSY, "no room for the pictures"),
        ("too large", ErrorCode.INVALID_REQUEST, "72 tokens, and 64 are the most"),
        ("last", ErrorCode.INVALID_REQUEST, "text behind it"),
    ],
)
def test_what_cannot_be_seen_is_refused(engine: Seeing, change: str, code: ErrorCode, reason: str) -> None:
    parts: list[Part] = [picture(3, 9, 8), "?"] if change == "too large" else FIRST
    submit = engine.ask("a", parts)
    if change == "last":
        submit = Submit("a", submit.prompt[: submit.pictures[0].end], 1, submit.sampling, 1, pictures=submit.pictures)
    ended = engine.end_of(submit, [] if change == "never came" else parts)
    assert (ended.reason, ended.code) == ("failed", code) and reason in ended.message


def test_a_model_without_eyes_refuses_pictures(tiny_qwen35: Path, tiny_eyes: Path) -> None:
    engine = Driven(tiny_qwen35)
    seeing = Seeing(tiny_qwen35, tiny_eyes)
    engine.post(CAT, seeing.ask("a", FIRST))
    engine.step()
    ended = engine.ended("a")
    assert ended and ended.code is ErrorCode.INVALID_REQUEST and "takes text only" in ended.message


def test_a_model_with_a_prediction_head_sees_as_without_and_guesses_none_of_it(
    unified: bool, tiny_qwen35: Path, tiny_eyes: Path, reference: Reference
) -> None:
    engine = Seeing(tiny_qwen35, tiny_eyes, unified=unified, slots=3, head=True, rollback=3, draft_rows=9)
    assert same(engine.row("a", FIRST), reference.row(FIRST))
    engine.end_of(engine.ask("b", FIRST, 20), FIRST)
    assert len(engine.ids("b")) == 20 and engine.loop.pulse().drafted_tokens == 0
