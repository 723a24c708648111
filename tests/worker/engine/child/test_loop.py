"""The engine's loop on real models: what an answer must not depend on, and what a job must not do to another."""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.worker.engine.child.driver import FIRST_ROWS, LEAST_ROWS, SLOW, Driven, Mirrored
from wire.chat import ChatRequest, Content, Message, Sampling, Tool
from wire.errors import ErrorCode
from worker.bindings.llama import Feed, Model
from worker.bindings.llguidance import Matcher
from worker.chat.answer import Answer
from worker.chat.prepared import Reading
from worker.chat.prompt import prepare
from worker.engine.child import scheduler
from worker.engine.child.counters import PULSE_S
from worker.engine.child.nan_guard import ModelDamagedError
from worker.engine.child.waiting_jobs import WAITING_PER_SLOT
from worker.engine.constraint import Constraint, ReasoningLimit
from worker.engine.port import Cancel, Continue, Ended, EngineSpec, Event, Pause, Pulse, Ready, Stepped, Submit

GREEDY = Sampling(temperature=0)
WILD = Sampling(temperature=1.2, top_p=0.95, presence_penalty=0.5, frequency_penalty=0.3, repetition_penalty=1.1)
LENGTH = 24
RNG = np.random.default_rng(8)  # with these prompts the two largest logits of a greedy draw are 0.02 apart or more
PROMPT = tuple(int(token) for token in RNG.integers(0, 250, 100))
OTHERS = [tuple(int(token) for token in RNG.integers(0, 250, size)) for size in (30, 170, 60, 90, 210, 45)]


EACH_WAY = pytest.mark.parametrize(("sampling", "kind"), [(GREEDY, Model), (WILD, Mirrored)], ids=["greedy", "drawn"])


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    while Driven.opened:
        Driven.opened.pop().close()


@pytest.fixture(params=["dense", "hybrid"])
def path(request: pytest.FixtureRequest, tiny_qwen3: Path, tiny_qwen35: Path) -> Path:
    return tiny_qwen3 if request.param == "dense" else tiny_qwen35


def ask(job: str, prompt: tuple[int, ...] = PROMPT, sampling: Sampling = GREEDY, **more: object) -> Submit:
    fields: dict[str, object] = {"max_tokens": LENGTH, "seed": 11, "ignore_eos": True} | more
    return Submit(job, prompt, sampling=sampling, **fields)  # type: ignore[arg-type]


ANSWERS: dict[object, list[int]] = {}  # what alone() has computed: many tests compare with the same answer


def alone(path: Path, submit: Submit, kind: type[Model] = Mirrored, **spec: Any) -> list[int]:
    """The answer of a job that has a fresh engine for itself."""
    asked = (path, submit, kind, *sorted(spec.items()))
    if asked not in ANSWERS:
        ANSWERS[asked] = Driven(path, kind, **spec).run(submit)
    return list(ANSWERS[asked])


# ---- an answer depends on its request alone


@pytest.mark.parametrize("unified", [True, False])
@EACH_WAY
def test_an_answer_is_the_same_while_others_run(
    path: Path, sampling: Sampling, kind: type[Model], unified: bool
) -> None:
    expected = alone(path, ask("a", sampling=sampling), kind)
    engine = Driven(path, kind, unified=unified)
    engine.post(*(ask(f"o{i}", prompt, WILD, seed=i) for i, prompt in enumerate(OTHERS[:3])))
    engine.step(3)
    engine.post(ask("a", sampling=sampling), ask("late", OTHERS[4], WILD))
    engine.until("a", "late", "o0", "o1", "o2")
    assert engine.ids("a") == expected
    assert len(expected) == LENGTH


@pytest.mark.parametrize("anchors", [0, 3])
@pytest.mark.parametrize("unified", [True, False])
@EACH_WAY
def test_an_answer_is_the_same_with_a_reused_prefix(
    path: Path, sampling: Sampling, kind: type[Model], anchors: int, unified: bool
) -> None:
    """In one slot the same sequence goes on; with more, the prefix is taken over into another."""
    turn = ask("a", sampling=sampling, anchors=(40, 80))
    expected = alone(path, turn, kind)
    other = replace(turn, job="x", prompt=PROMPT[:85] + OTHERS[0])
    for slots in (1, 4):
        engine = Driven(path, kind, slots=slots, anchors=anchors, unified=unified)
        engine.run(other)
        assert engine.run(turn) == expected
        assert engine.usage_cached("a") == (85 if not engine.model.hybrid else 80)
        assert engine.run(replace(turn, job="b")) == expected
        assert engine.usage_cached("b") >= 80


def test_a_prefix_is_taken_from_a_job_that_still_runs(path: Path) -> None:
    expected = alone(path, ask("b", PROMPT[:90] + OTHERS[0]), Model)
    engine = Driven(path, Model)
    engine.post(ask("a", anchors=(90,)))
    engine.step(10)
    assert engine.ids("a") and not engine.ended("a")
    engine.post(ask("b", PROMPT[:90] + OTHERS[0]))
    engine.until("a", "b")
    assert engine.ids("b") == expected
    assert engine.usage_cached("b") == 90
    assert engine.ids("a") == alone(path, ask("a"), Model)


SYSTEM = tuple(int(token) for token in RNG.integers(0, 250, 300))


def chats(count: int) -> list[Submit]:
    """New conversations that have nothing but the system prompt in common."""
    return [ask(f"c{i}", (*SYSTEM, *OTHERS[i][:20]), anchors=(len(SYSTEM),)) for i in range(count)]


@pytest.mark.parametrize("unified", [True, False])
def test_a_beginning_that_new_chats_share_is_computed_once(path: Path, unified: bool) -> None:
    expected = [alone(path, chat) for chat in chats(6)]
    engine = Driven(path, unified=unified)
    engine.post(*chats(6))
    engine.until(*(f"c{i}" for i in range(6)))
    assert [engine.ids(f"c{i}") for i in range(6)] == expected
    assert engine.loop.pulse().prompt_tokens == len(SYSTEM) + 6 * 20


def test_when_the_one_that_others_follow_is_cancelled_the_next_takes_its_place(path: Path) -> None:
    engine = Driven(path)
    engine.post(*chats(4))
    engine.step(1)
    engine.post(Cancel("c0"))
    engine.until("c0", "c1", "c2", "c3")
    assert engine.ids("c2") == alone(path, chats(4)[2])
    assert engine.loop.pulse().prompt_tokens == len(SYSTEM) + 3 * 20, "what the first one had done is taken over"


def test_a_job_that_follows_another_keeps_its_claim_on_a_slot(path: Path) -> None:
    engine = Driven(path, slots=2)
    engine.post(*chats(2), ask("late", OTHERS[3]))
    engine.until("c0", "c1")
    assert not engine.ids("late")
    engine.until("late")


def test_the_next_turn_of_a_conversation_computes_only_what_is_new(path: Path) -> None:
    engine = Driven(path, Model)
    first = engine.run(ask("a", anchors=(40, 100 - 5)))
    prompt = (*PROMPT, *first, *OTHERS[0])
    expected = alone(path, ask("b", prompt), Model)
    assert engine.run(ask("b", prompt)) == expected
    assert engine.usage_cached("b") == 100 + len(first) - 1, "the last token of an answer is never computed"


def test_the_same_seed_gives_the_same_answer_and_another_seed_another(path: Path) -> None:
    engine = Driven(path)
    one, two, other = (engine.run(ask(job, sampling=WILD, seed=seed)) for job, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert one == two != other


@EACH_WAY
@pytest.mark.parametrize("delivered", [1, 7, LENGTH - 1])
def test_a_continued_answer_equals_the_undisturbed_one(
    path: Path, sampling: Sampling, kind: type[Model], delivered: int
) -> None:
    whole = alone(path, ask("a", sampling=sampling), kind)
    engine = Driven(path, kind)
    rest = engine.run(ask("a", sampling=sampling, delivered=tuple(whole[:delivered])))
    assert whole[:delivered] + rest == whole
    ended = engine.ended("a")
    assert ended and ended.reason == "length" and ended.usage.completion == LENGTH - delivered


def test_an_answer_that_was_delivered_whole_just_ends(path: Path) -> None:
    engine = Driven(path)
    engine.post(ask("a", delivered=(5,) * LENGTH))
    engine.until("a")
    ended = engine.ended("a")
    assert ended and ended.reason == "length" and not engine.ids("a")


# ---- jobs beside each other


def test_a_long_prompt_does_not_stop_the_streams(path: Path) -> None:
    engine = Driven(path)
    engine.post(ask("stream", OTHERS[0], max_tokens=100))
    engine.step(5)
    before = len(engine.ids("stream"))
    engine.post(ask("long", OTHERS[4]))
    steps = 0
    while not engine.ids("long"):
        engine.step()
        steps += 1
    assert steps >= len(OTHERS[4]) // LEAST_ROWS, "steps take longer than they may here"
    assert len(engine.ids("stream")) - before == steps


class Recorded(Mirrored):
    """Remembers which tokens went into each decode: (sequence, how many)."""

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self.decodes: list[list[tuple[int, int]]] = []

    def decode(self, feeds: Sequence[Feed]) -> int:
        self.decodes.append([(feed.seq, len(feed.tokens)) for feed in feeds])
        return super().decode(feeds)


@pytest.mark.parametrize("unified", [True, False])
def test_an_answer_does_not_wait_for_the_streams_where_they_take_a_pass_of_their_own(path: Path, unified: bool) -> None:
    engine = Driven(path, Recorded, unified=unified, longest_stall_ms=10_000)
    assert isinstance(engine.model, Recorded)
    engine.post(ask("stream", OTHERS[0], max_tokens=100))
    engine.step(3)
    engine.post(ask("question", PROMPT[:20], max_tokens=100))
    engine.events.clear()
    done = len(engine.model.decodes)
    engine.step()
    stream, question = (0, 1), (1, 20)
    assert engine.model.decodes[done:] == ([[stream, question]] if unified else [[question], [stream]])
    engine.step()
    names = [[token.job for token in event.tokens] for event in engine.events if isinstance(event, Stepped)]
    both = [["stream"], ["stream", "question"]]
    assert names[: 2 if unified else 3] == (both if unified else [["stream"], ["question"], ["stream"]])


def test_slices_grow_where_steps_take_less_than_they_may(path: Path) -> None:
    engine = Driven(path, times=SLOW, longest_stall_ms=4000, context=1024)
    engine.post(ask("stream", OTHERS[0], max_tokens=100))
    engine.step(5)
    engine.post(ask("long", OTHERS[4] * 2))
    before = engine.loop.pulse().prompt_tokens
    taken = []
    while not engine.ids("long"):
        engine.step()
        taken.append(engine.loop.pulse().prompt_tokens - before)
        before += taken[-1]
    assert [rows for rows in taken if rows] == [32, 64, 127, 127, 70]


def test_a_state_that_is_slow_to_save_makes_no_slice_smaller(
    tiny_qwen35: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Driven(tiny_qwen35, Recorded, SLOW, longest_stall_ms=4000, context=1024)
    assert isinstance(engine.model, Recorded)
    save = engine.model.checkpoint

    def slowly(seq: int) -> bytes:
        engine.now += 100.0
        return save(seq)

    monkeypatch.setattr(engine.model, "checkpoint", slowly)
    engine.post(ask("stream", OTHERS[0], max_tokens=100))
    engine.step(3)
    engine.post(ask("long", SYSTEM, anchors=(FIRST_ROWS,)))
    engine.until("long")
    slices = [count for decode in engine.model.decodes for _, count in decode if count > 1]
    assert slices[1:4] == [FIRST_ROWS, 2 * FIRST_ROWS, 4 * FIRST_ROWS - 1]


def test_without_streams_too_no_step_may_look_like_a_hang(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "LONGEST_STEP_S", 0.5)
    engine = Driven(path, context=1024)
    engine.post(ask("long", OTHERS[4] * 3))
    before, taken = 0, []
    while not engine.ids("long"):
        engine.step()  # takes a second
        taken.append(engine.loop.pulse().prompt_tokens - before)
        before += taken[-1]
    assert taken[0] > LEAST_ROWS and set(taken[12:-2]) == {LEAST_ROWS}


def test_a_stream_that_was_paused_is_not_stopped_by_a_long_prompt(path: Path) -> None:
    engine = Driven(path)
    engine.post(ask("stream", OTHERS[0], max_tokens=100))
    engine.step(5)
    engine.post(Pause("stream"))
    engine.step()
    before = engine.loop.pulse().prompt_tokens
    engine.post(ask("long", OTHERS[4]), Continue("stream"))
    engine.step()
    assert engine.loop.pulse().prompt_tokens - before == LEAST_ROWS


def test_a_short_prompt_and_a_stream_with_forced_tokens_do_not_wait_behind_a_long_prompt(path: Path) -> None:
    """On a machine where so few rows fit into a step that half of them are few."""
    engine = Driven(path, context=2048)
    words = Constraint('start: "one, " "two, three, four, five, six, seven, eight, nine, ten"')
    engine.loop._waiting._grammars.compile(words, ()).result()
    short = ask("short", OTHERS[0], max_tokens=200)
    engine.post(ask("long", OTHERS[4] * 8), short, ask("forced", PROMPT[:20], constraint=words, max_tokens=99))
    engine.step(80)
    assert engine.ids("short") and engine.ended("forced") and not engine.ids("long")


def test_a_short_prompt_overtakes_a_long_one(path: Path) -> None:
    engine = Driven(path, batch=32)
    engine.post(ask("stream", OTHERS[0], max_tokens=200))
    engine.step(5)
    engine.post(ask("long", OTHERS[4]), ask("short", PROMPT[:8]))
    engine.step(4)
    assert engine.ids("short") and not engine.ids("long")
    engine.until("long")


def test_more_jobs_than_slots_are_served_in_turn(path: Path) -> None:
    engine = Driven(path, slots=2)
    jobs = [ask(f"j{i}", OTHERS[i], max_tokens=10) for i in range(6)]
    engine.post(*jobs)
    engine.until(*(job.job for job in jobs))
    for job in jobs:
        assert engine.ids(job.job) == alone(path, job)


def test_a_queue_that_is_full_sends_jobs_elsewhere(path: Path) -> None:
    engine = Driven(path, slots=1)
    engine.post(*(ask(f"j{i}") for i in range(WAITING_PER_SLOT + 1)))
    engine.step(1)
    refused = engine.ended(f"j{WAITING_PER_SLOT}")
    assert refused and refused.reason == "failed" and refused.code is ErrorCode.WORKER_BUSY


def test_idle_prefixes_make_room_for_jobs_that_were_promised_their_context(path: Path) -> None:
    engine = Driven(path, slots=2, context=256, anchors=6)
    for i, prompt in enumerate(OTHERS):
        engine.run(ask(f"old{i}", prompt))
    full = [ask(f"j{i}", OTHERS[4][i:] + OTHERS[5][:i], max_tokens=1000) for i in range(2)]
    engine.post(*full)
    engine.until("j0", "j1")
    for job in full:
        assert len(engine.ids(job.job)) == 256 - 210
        assert engine.ids(job.job) == alone(path, job, context=256)


# ---- cancel, pause


def test_cancel_in_prefill_frees_the_slot_within_a_step(path: Path) -> None:
    engine = Driven(path, slots=1, batch=16)
    engine.post(ask("long", OTHERS[4]), ask("next", PROMPT[:20]))
    engine.step(3)
    engine.post(Cancel("long"))
    engine.step(1)
    ended = engine.ended("long")
    assert ended and ended.reason == "cancelled" and ended.usage.completion == 0
    engine.until("next")
    assert engine.ids("next") == alone(path, ask("next", PROMPT[:20]))


def test_cancel_ends_a_stream_and_a_waiting_job(path: Path) -> None:
    engine = Driven(path, slots=1)
    engine.post(ask("a", max_tokens=400), ask("b"))
    engine.step(6)
    engine.post(Cancel("a"), Cancel("b"), Cancel("nobody"))
    engine.step(2)
    for job in "ab":
        ended = engine.ended(job)
        assert ended and ended.reason == "cancelled"
    got = len(engine.ids("a"))
    assert got == engine.ended("a").usage.completion > 0  # type: ignore[union-attr]
    engine.step(3)
    assert len(engine.ids("a")) == got
    assert not engine.loop.busy


def test_a_paused_job_keeps_its_slot_and_gets_no_rows(path: Path) -> None:
    expected = alone(path, ask("a", sampling=WILD))
    engine = Driven(path, slots=2)
    engine.post(ask("a", sampling=WILD), ask("b", OTHERS[0], max_tokens=400))
    engine.step(5)
    engine.post(Pause("a"))
    engine.step(1)
    held, other = len(engine.ids("a")), len(engine.ids("b"))
    engine.step(20)
    assert len(engine.ids("a")) == held
    assert len(engine.ids("b")) == other + 20
    engine.post(Continue("a"))
    engine.until("a")
    assert engine.ids("a") == expected


def test_pause_holds_a_prompt_too(path: Path) -> None:
    engine = Driven(path, batch=16)
    engine.post(ask("a"))
    engine.step(2)
    engine.post(Pause("a"))
    engine.step(30)
    assert not engine.ids("a") and not engine.loop.busy
    engine.post(Continue("a"))
    engine.until("a")
    assert engine.ids("a") == alone(path, ask("a"))


# ---- how answers end


def test_a_prompt_as_long_as_the_context_is_refused(path: Path) -> None:
    engine = Driven(path, context=256)
    engine.post(ask("a", (5,) * 256))
    engine.until("a")
    ended = engine.ended("a")
    assert ended and ended.code is ErrorCode.CONTEXT_LENGTH_EXCEEDED and "256" in ended.message


def test_an_answer_ends_with_the_context(path: Path) -> None:
    engine = Driven(path, context=256)
    engine.post(ask("a", (5,) * 255), ask("b", max_tokens=10_000))
    engine.until("a", "b")
    assert (len(engine.ids("a")), len(engine.ids("b"))) == (1, 156)
    ended = engine.ended("b")
    assert ended and ended.reason == "length"


def test_the_end_of_turn_stops_the_answer_and_is_not_emitted(path: Path) -> None:
    engine = Driven(path)
    end = min(engine.model.vocab.eog)
    stops = Sampling(temperature=0, logit_bias=((end, 100.0),))
    engine.post(ask("a", sampling=stops, ignore_eos=False), ask("b", sampling=stops, ignore_eos=True))
    engine.until("a", "b")
    a, b = engine.ended("a"), engine.ended("b")
    assert a and a.reason == "stop" and engine.ids("a") == []
    assert b and b.reason == "length" and end not in engine.ids("b")


def test_a_thought_over_its_budget_is_closed(path: Path) -> None:
    engine = Driven(path)
    special = engine.model.vocab.special
    close = (10, special["</think>"], 10)
    never = Sampling(temperature=0, logit_bias=((special["</think>"], -100.0),))
    limit = ReasoningLimit(12, special["<think>"], special["</think>"], close, opened=True)
    got = engine.run(ask("a", sampling=never, reasoning=limit))
    assert got[12:15] == list(close)
    assert special["</think>"] not in got[:12] + got[15:]
    free = alone(path, ask("a", sampling=never))
    assert got[:12] == free[:12]
    again = Driven(path).run(ask("a", sampling=never, reasoning=limit, delivered=tuple(got[:13])))
    assert got[:13] + again == got


class ClosesAgain(Mirrored):
    """It wants nothing but `</think>` from the first one on: a model that does not notice that its thought is over."""

    def _row(self, held: list[int]) -> NDArray[np.float32]:
        row, close = super()._row(held), self.vocab.special["</think>"]
        row[close] = 100 if close in held else -100
        return row


def test_a_thought_that_was_closed_by_force_is_not_closed_again(path: Path) -> None:
    engine = Driven(path, ClosesAgain)
    special = engine.model.vocab.special
    close = (10, special["</think>"], 10)
    limit = ReasoningLimit(4, special["<think>"], special["</think>"], close, opened=True)
    turn = ask("a", reasoning=limit)
    got = engine.run(turn)
    assert got[4:7] == list(close)
    assert len(got) == LENGTH and got.count(special["</think>"]) == 1
    for delivered in (5, 6, 7, 12):
        rest = Driven(path, ClosesAgain).run(replace(turn, delivered=tuple(got[:delivered])))
        assert got[:delivered] + rest == got


class EndsInThought(Mirrored):
    """It ends its turn at the tenth token, thought or not, and five tokens after its thought."""

    def _row(self, held: list[int]) -> NDArray[np.float32]:
        row, close = super()._row(held), self.vocab.special["</think>"]
        row[close] = -100
        ends = len(held) == len(PROMPT) + 10 or (close in held and held.index(close) == len(held) - 6)
        row[min(self.vocab.eog)] = 100 if ends else -100
        return row


def test_a_turn_that_ends_in_the_thought_goes_on_behind_it(path: Path) -> None:
    engine = Driven(path, EndsInThought)
    special = engine.model.vocab.special
    limit = ReasoningLimit(100, special["<think>"], special["</think>"], (special["</think>"],), opened=True)
    turn = ask("a", reasoning=limit, ignore_eos=False)
    got = engine.run(turn)
    ended = engine.ended("a")
    assert ended and ended.reason == "stop"
    assert (len(got), got.index(special["</think>"])) == (16, 10)
    for delivered in (9, 10, 11, 12):
        rest = Driven(path, EndsInThought).run(replace(turn, delivered=tuple(got[:delivered])))
        assert got[:delivered] + rest == got
    assert len(alone(path, replace(turn, reasoning=None), EndsInThought)) == 10


class CallsNobody(Mirrored):
    """Calls a tool that nobody has declared in its thought, ends its turn, and says a word behind the thought."""

    def _row(self, held: list[int]) -> NDArray[np.float32]:
        special, end = self.vocab.special, min(self.vocab.eog)
        call = self.vocab.tokenize("\n<function=rm>\n</function>\n")
        thought = [special["<tool_call>"], *call, special["</tool_call>"], end]
        said = held[len(PROMPT) :]
        behind = [*self.vocab.tokenize("ok"), end]
        plan = thought if special["</think>"] not in said else behind
        row = super()._row(held)
        row[plan[len(said) if plan is thought else len(said) - len(thought)]] = 100
        return row


def test_a_turn_that_ends_in_the_thought_behind_a_call_of_nobody_goes_on(path: Path) -> None:
    engine = Driven(path, CallsNobody)
    special, tools = engine.model.vocab.special, (Tool(name="find"),)
    opens, closes, call = (special[tag] for tag in ("<think>", "</think>", "<tool_call>"))
    limit = ReasoningLimit(100, opens, closes, (closes,), True, call, ("<function=find>",))
    turn = ask("a", reasoning=limit, ignore_eos=False, max_tokens=99)
    got = engine.run(turn)
    answer = Answer(Reading("qwen-xml", True, True, tools, tokens=("<think>", "</think>", "<tool_call>")))
    parts = [part for token in got for part in answer.push(engine.model.vocab.piece(token))] + answer.finish("stop")[0]
    assert "".join(part.text for part in parts if isinstance(part, Content)) == "ok"
    for delivered in range(1, len(got)):
        rest = Driven(path, CallsNobody).run(replace(turn, delivered=tuple(got[:delivered])))
        assert got[:delivered] + rest == got


@pytest.mark.parametrize("thinking", [True, False])
def test_no_tag_of_a_thought_stands_in_the_text_of_an_answer(tiny_chat: Path, thinking: bool) -> None:
    """Trained weights that must go on behind the end of their turn wrote `</think>` into four of five answers."""
    engine = Driven(tiny_chat, Model)
    hello, sampling = Message(role="user", content="Hello!"), Sampling(temperature=1)
    for seed in (860, *range(9)):
        request = ChatRequest(messages=(hello,), max_tokens=90, thinking=thinking, ignore_eos=True, sampling=sampling)
        made = prepare(request, (), 512, engine.model.vocab, "qwen-json")
        turn = Submit(f"{seed}", made.prompt, 90, sampling, seed, reasoning=made.reasoning, ignore_eos=True)
        got = engine.run(turn)
        answer = Answer(made.reading)
        parts = [part for token in got for part in answer.push(engine.model.vocab.piece(token))]
        content = "".join(part.text for part in parts if isinstance(part, Content))
        assert content and "think>" not in content
        if seed == 860:
            for delivered in range(1, 90, 8):
                rest = engine.run(replace(turn, job=f"after {delivered}", delivered=tuple(got[:delivered])))
                assert got[:delivered] + rest == got


# ---- constraints


SCHEMA = """{"type": "object", "properties": {"a": {"type": "integer"}, "b": {"enum": ["x", "y"]}},
  "required": ["a", "b"], "additionalProperties": false, "x-guidance": {"whitespace_flexible": false}}"""
LEAN = Sampling(temperature=2.0, presence_penalty=2)  # or one digit is repeated for ever


def is_right(text: bytes) -> bool:
    found = json.loads(text)
    return found.keys() == {"a", "b"} and isinstance(found["a"], int) and found["b"] in ("x", "y")


def test_a_constrained_answer_matches_its_schema_whatever_the_weights_want(path: Path) -> None:
    engine = Driven(path)
    jobs = [f"j{seed}" for seed in range(12)]
    constraint = Constraint(f"start: %json {SCHEMA}")
    for seed, job in enumerate(jobs):
        engine.post(ask(job, sampling=LEAN, seed=seed, max_tokens=400, constraint=constraint, ignore_eos=False))
    engine.until(*jobs)
    for job in jobs:
        ended = engine.ended(job)
        assert ended and ended.reason == "stop", engine.text(job)
        assert is_right(engine.text(job))
    assert len({engine.text(job) for job in jobs}) > 1


def test_a_constraint_begins_after_the_thought_and_survives_a_failover(path: Path) -> None:
    engine = Driven(path)
    special = engine.model.vocab.special
    limit = ReasoningLimit(9, special["<think>"], special["</think>"], (special["</think>"], 10, 10), opened=True)
    turn = ask(
        "a", sampling=LEAN, max_tokens=400, reasoning=limit,
        constraint=Constraint(f"start: %json {SCHEMA}", after=special["</think>"]),
    )  # fmt: skip
    whole = engine.run(turn)
    assert whole.index(special["</think>"]) == 9
    text = b"".join(engine.model.vocab.piece(token) for token in whole[10:])
    assert is_right(text)
    other = Driven(path)
    for delivered in range(1, len(whole)):
        assert (
            whole[:delivered] + other.run(replace(turn, job=f"{delivered}", delivered=tuple(whole[:delivered])))
            == whole
        )


def test_an_answer_does_not_end_in_the_thought_before_its_constraint(path: Path) -> None:
    engine = Driven(path)
    special, end = engine.model.vocab.special, min(engine.model.vocab.eog)
    limit = ReasoningLimit(5, special["<think>"], special["</think>"], (special["</think>"],), opened=True)
    wants_to_end = Sampling(temperature=0, logit_bias=((end, 100.0),))
    constraint = Constraint('start: "a" | "b"', after=special["</think>"])
    for number, reasoning in enumerate((limit, None)):
        turn = ask(f"{number}", sampling=wants_to_end, reasoning=reasoning, constraint=constraint, ignore_eos=False)
        assert engine.run(turn)[:-1] == [special["</think>"]]
        assert engine.text(f"{number}")[-1:] in (b"a", b"b")
        ended = engine.ended(f"{number}")
        assert ended and ended.reason == "stop"


def test_a_call_that_ends_the_thought_must_be_right_too(path: Path) -> None:
    engine = Driven(path)
    special = engine.model.vocab.special
    calls = Sampling(temperature=0, logit_bias=((special["<tool_call>"], 100.0),))
    constraint = Constraint(f"start: <tool_call> %json {SCHEMA}", special["</think>"], special["<tool_call>"])
    turn = ask("a", sampling=calls, constraint=constraint, max_tokens=400, ignore_eos=False)
    got = engine.run(turn)
    assert got[0] == special["<tool_call>"]
    assert is_right(b"".join(engine.model.vocab.piece(token) for token in got[1:]))
    assert got[:5] + Driven(path).run(replace(turn, delivered=tuple(got[:5]))) == got


CALL = Constraint('start: "{\\"name\\": \\"get_weather\\", \\"arguments\\": {\\"days\\": " /[0-9]/ "}}"')


def test_what_the_grammar_forces_takes_no_step_of_its_own(path: Path) -> None:
    engine = Driven(path)
    turn = ask("a", sampling=WILD, constraint=CALL, max_tokens=200, ignore_eos=False)
    got = engine.run(turn)
    assert engine.text("a").startswith(b'{"name": "get_weather", "arguments": {"days": ')
    pulse = engine.loop.pulse()
    assert pulse.generated_tokens == len(got) and pulse.forced_tokens > len(got) / 2
    reading = -(-len(PROMPT) // 128)
    assert pulse.steps - reading <= len(got) - pulse.forced_tokens
    assert engine.run(replace(turn, job="logprobs", sampling=WILD.model_copy(update={"top_logprobs": 2}))) == got
    assert all(token.logprob is not None for token in engine.tokens("logprobs"))
    assert engine.loop.pulse().forced_tokens == pulse.forced_tokens, "with logprobs each has a row"


def test_forced_tokens_count_towards_the_limit(path: Path) -> None:
    engine = Driven(path)
    whole = engine.run(ask("a", constraint=CALL, max_tokens=200, ignore_eos=False))
    for limit in range(1, 8):
        assert engine.run(ask(f"{limit}", constraint=CALL, max_tokens=limit)) == whole[:limit]
        ended = engine.ended(f"{limit}")
        assert ended and ended.reason == "length" and ended.usage.completion == limit


def test_forced_tokens_beside_a_stream_and_a_long_prompt_change_neither(path: Path) -> None:
    call = ask("call", sampling=WILD, constraint=CALL, max_tokens=200, ignore_eos=False)
    stream, long = ask("stream", OTHERS[0], WILD, max_tokens=60), ask("long", OTHERS[4], WILD)
    expected = [alone(path, job) for job in (call, stream, long)]
    engine = Driven(path)
    engine.post(stream)
    engine.step(5)
    engine.post(long, call)
    engine.until("call", "stream", "long")
    assert [engine.ids(job) for job in ("call", "stream", "long")] == expected


class Slow(Future[Matcher]):
    """A grammar that is being compiled; whoever waits for it would hold up every stream."""

    def result(self, timeout: float | None = None) -> Matcher:
        assert self.done()
        return super().result(timeout)


def test_a_slow_grammar_holds_up_its_own_job_only(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Driven(path)
    compiled = engine.loop._waiting._grammars.compile(Constraint('start: "yes"'), ())
    slow = Slow()
    monkeypatch.setattr(engine.loop._waiting._grammars, "compile", lambda *_: slow)
    engine.post(ask("slow", constraint=Constraint('start: "yes"')), ask("quick"))
    engine.until("quick")
    assert not engine.ended("slow")
    slow.set_result(compiled.result())
    engine.until("slow")
    assert engine.text("slow") == b"yes"


def test_whoever_leaves_does_not_hold_up_the_grammars_of_others(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Driven(path)
    grammars, begun, go_on, compiled = engine.loop._waiting._grammars, threading.Event(), threading.Event(), list[str]()
    really = grammars._compile

    def slow(constraint: Constraint, delivered: Sequence[int]) -> Matcher:
        begun.set()
        assert go_on.wait(30)
        compiled.append(constraint.grammar)
        return really(constraint, delivered)

    monkeypatch.setattr(grammars, "_compile", slow)
    engine.post(*(ask(f"j{i}", constraint=Constraint(f'start: "{i}"')) for i in range(5)))
    engine.step()
    assert begun.wait(30)
    engine.post(*(Cancel(f"j{i}") for i in range(4)))
    engine.step()
    go_on.set()
    engine.until("j4")
    assert engine.text("j4") == b"4"
    assert compiled == ['start: "0"', 'start: "4"']


def test_of_a_forced_end_of_a_thought_only_what_the_grammar_has_room_for_is_kept(path: Path) -> None:
    engine = Driven(path)
    special, letters = engine.model.vocab.special, {text: engine.model.vocab.tokenize(text)[0] for text in "abc"}
    limit = ReasoningLimit(3, special["<think>"], special["</think>"], (special["</think>"], letters["b"]), opened=True)
    grammar = Constraint('start: "a" ("b" | "c")', after=special["</think>"])
    wants_c = Sampling(temperature=0, logit_bias=((letters["c"], 100.0), (special["</think>"], -100.0)))
    got = engine.run(ask("a", sampling=wants_c, reasoning=limit, constraint=grammar, ignore_eos=False))
    assert got[3:] == [special["</think>"], letters["a"], letters["c"]]


class ThinksInEmoji(Mirrored):
    """It opens a thought and goes on with a character of four tokens, for ever."""

    def _row(self, held: list[int]) -> NDArray[np.float32]:
        row, at = super()._row(held), len(held) - len(PROMPT)
        row[self.vocab.special["</think>"]] = -100
        row[self.vocab.tokenize("😀")[(at - 1) % 4] if at else self.vocab.special["<think>"]] = 100
        return row


@pytest.mark.parametrize("budget", [4, 5, 6, 7])
def test_a_thought_in_a_grammar_is_closed_behind_a_character_never_inside_it(path: Path, budget: int) -> None:
    engine = Driven(path, ThinksInEmoji)
    special = engine.model.vocab.special
    opens, closes = special["<think>"], special["</think>"]
    limit = ReasoningLimit(budget, opens, closes, (10, closes, 10), opened=False)
    grammar = Constraint(f'start: thought? "x"\nthought: <[{opens}]> TEXT <[{closes}]> "+"?\nTEXT: /(?s:.*)/')
    turn = ask("a", reasoning=limit, constraint=grammar, ignore_eos=False)
    got = engine.run(turn)
    assert got.index(closes) == 2 + 4 * -(-budget // 4)
    assert engine.text("a").endswith(b"x")
    for delivered in range(1, len(got)):
        rest = Driven(path, ThinksInEmoji).run(replace(turn, delivered=tuple(got[:delivered])))
        assert got[:delivered] + rest == got


def test_a_grammar_that_cannot_be_used_fails_its_job_only(path: Path) -> None:
    engine = Driven(path)
    engine.post(ask("bad", constraint=Constraint("start: nowhere")), ask("good"))
    engine.until("bad", "good")
    bad = engine.ended("bad")
    assert bad and bad.reason == "failed" and bad.code is ErrorCode.INVALID_REQUEST
    assert engine.ids("good") == alone(path, ask("good"))


# ---- what is told


def test_logprobs_come_with_the_tokens_only_when_asked(path: Path) -> None:
    engine = Driven(path)
    asked = Sampling(temperature=0, top_logprobs=3, logit_bias=((5, 3.0),))
    engine.run(ask("a", sampling=asked))
    engine.run(ask("b", sampling=Sampling(temperature=0, logit_bias=((5, 3.0),))))
    assert engine.ids("a") == engine.ids("b")
    for token in engine.tokens("a"):
        assert token.logprob is not None and token.logprob <= 0
        values = [value for _, value in token.top]
        assert len(values) == 3 and values == sorted(values, reverse=True)
        assert token.logprob <= values[0] + 1e-6
    assert all(token.logprob is None and not token.top for token in engine.tokens("b"))


def test_all_tokens_of_a_step_travel_in_one_event(path: Path) -> None:
    engine = Driven(path)
    engine.post(*(ask(f"j{i}", PROMPT[: 20 + i]) for i in range(4)))
    engine.until(*(f"j{i}" for i in range(4)))
    steps = [event for event in engine.events if isinstance(event, Stepped)]
    assert all(len({token.job for token in step.tokens}) == len(step.tokens) for step in steps)
    assert max(len(step.tokens) for step in steps) == 4


def test_usage_counts_tokens_and_time(path: Path) -> None:
    engine = Driven(path, slots=1, batch=16)
    engine.post(ask("first", max_tokens=4), ask("second", OTHERS[0], max_tokens=5))
    engine.until("first", "second")
    first, second = engine.ended("first"), engine.ended("second")
    assert first and second
    assert (first.usage.prompt, first.usage.completion, first.usage.cached) == (100, 4, 0)
    assert first.usage.prefill_ms == 7_000  # 100 tokens in slices of 16, a second each
    assert first.usage.decode_ms == 3_000
    assert second.usage.queued_ms == first.usage.prefill_ms + first.usage.decode_ms


def until_pulse(engine: Driven) -> Pulse:
    """Let the loop run by itself, its clock standing at half a second later, until it has a pulse."""
    engine.now += PULSE_S
    seen = threading.Event()

    def emit(event: Event) -> None:
        engine.events.append(event)
        if isinstance(event, Pulse):
            seen.set()

    engine.loop._emit = emit
    thread = threading.Thread(target=engine.loop.run)
    thread.start()
    assert seen.wait(30)
    engine.loop.stop()
    thread.join(30)
    assert not thread.is_alive()
    return next(event for event in engine.events if isinstance(event, Pulse))


def test_pulses_count_what_was_done_and_how_long_a_stream_stood_still(path: Path) -> None:
    engine = Driven(path)
    engine.post(ask("a", max_tokens=6, anchors=(40,)), ask("b", OTHERS[0], max_tokens=300))
    engine.until("a")
    engine.post(Cancel("b"), ask("c", max_tokens=1))
    engine.until("c")
    engine.now += 50  # nobody streams: this is no stall
    pulse = until_pulse(engine)
    assert (pulse.busy, pulse.waiting) == (0, 0)
    assert pulse.prompt_tokens + pulse.cached_tokens == 230
    assert pulse.cached_tokens == engine.usage_cached("c") >= 40
    assert pulse.generated_tokens == len(engine.ids("a")) + len(engine.ids("b")) + 1
    assert pulse.longest_stall_ms == 1000
    assert pulse.steps > 6
    assert Ready(4, 512, engine.model.vocab.size) in engine.events


def test_pulses_tell_how_much_of_the_steps_was_llama_cpp(path: Path) -> None:
    engine = Driven(path)
    engine.loop._clock = time.perf_counter
    engine.post(ask("a"))
    engine.until("a")
    pulse = engine.loop.pulse()
    assert 0 < pulse.llama_ms < pulse.step_ms
    engine.step(5)
    assert engine.loop.pulse() == pulse, "idle steps count for nothing"


def test_an_idle_engine_has_a_pulse_too(path: Path) -> None:
    assert until_pulse(Driven(path)) == Pulse()


def test_a_pause_is_no_stall(path: Path) -> None:
    engine = Driven(path)
    engine.post(ask("a"))
    engine.step(5)
    engine.post(Pause("a"))
    engine.step(100)
    engine.post(Continue("a"))
    engine.until("a")
    assert until_pulse(engine).longest_stall_ms == 1000


def test_events_are_the_same_while_a_gpu_works(path: Path) -> None:
    """Where decode returns at once, a step is told after the next decode was submitted; nothing else changes."""
    told = []
    for asynchronous in (False, True):
        engine = Driven(path)
        engine.model.asynchronous = asynchronous
        engine.post(*(ask(f"j{i}", prompt, WILD) for i, prompt in enumerate(OTHERS[:4])))
        engine.until(*(f"j{i}" for i in range(4)))
        told.append(engine.events)
    assert told[0] == told[1]


def test_a_repeated_submit_changes_nothing(path: Path) -> None:
    engine = Driven(path)
    engine.post(ask("a"), ask("a"))
    engine.step(4)
    engine.post(ask("a"))
    engine.until("a")
    engine.step(5)
    assert engine.ids("a") == alone(path, ask("a"))


# ---- failures


class Poisoned(Mirrored):
    """Fails to compute any batch with the token 251 in it, and forgets what it held of the sequences, as it may."""

    def decode(self, feeds: Sequence[Feed]) -> int:
        if any(251 in feed.tokens for feed in feeds):
            for feed in feeds:
                self.clear(feed.seq)
            return -3
        return super().decode(feeds)

    def logits(self) -> NDArray[np.float32]:
        rows = super().logits()
        rows[:, 251] = -np.inf  # nobody comes across it by chance
        return rows


def test_a_job_that_cannot_be_computed_fails_alone(path: Path) -> None:
    jobs = [ask("a", sampling=WILD), ask("b", OTHERS[0], WILD), ask("c", OTHERS[2])]
    expected = {job.job: alone(path, job, Poisoned) for job in jobs}
    engine = Driven(path, Poisoned, longest_stall_ms=10_000)
    engine.post(*jobs)
    engine.step(6)
    engine.post(ask("bad", (*OTHERS[1], 251, 1, 2)))
    engine.until("a", "b", "c", "bad")
    bad = engine.ended("bad")
    assert bad and bad.reason == "failed" and bad.code is ErrorCode.ENGINE_ERROR
    assert next(event for event in engine.events if isinstance(event, Ended)) == bad, "it was singled out at once"
    for job, tokens in expected.items():
        ended = engine.ended(job)
        assert ended and ended.reason == "length"
        assert engine.ids(job) == tokens
    assert engine.run(ask("after")) == alone(path, ask("after"), Poisoned)


@pytest.mark.parametrize("unified", [True, False])
def test_what_failed_at_once_was_not_quick(path: Path, unified: bool) -> None:
    class Both(Poisoned, Recorded):
        pass

    engine = Driven(path, Both, SLOW, unified=unified, longest_stall_ms=4000, context=1024)
    assert isinstance(engine.model, Recorded)
    engine.post(ask("stream", OTHERS[2], max_tokens=200))
    engine.step(3)
    for number in range(4):
        engine.post(ask(f"bad{number}", (*OTHERS[0][: FIRST_ROWS - 3], 251, 1, number)))
        engine.until(f"bad{number}")
    done = len(engine.model.decodes)
    engine.post(ask("long", SYSTEM))
    engine.until("long")
    assert max(count for _, count in engine.model.decodes[done]) == FIRST_ROWS


class Numb(Mirrored):
    """Gives a row of nothing to every sequence but the first."""

    def logits(self) -> NDArray[np.float32]:
        rows = super().logits()
        rows[1:] = np.nan
        return rows


def test_a_row_that_is_not_numbers_fails_its_job_alone(path: Path) -> None:
    engine = Driven(path, Numb)
    engine.post(ask("a"))
    engine.step(5)
    engine.post(ask("b", OTHERS[0]))
    engine.until("a", "b")
    b = engine.ended("b")
    assert b and b.code is ErrorCode.ENGINE_ERROR
    assert engine.ids("a") == alone(path, ask("a"))
    engine.run(ask("c", OTHERS[0]))
    assert engine.usage_cached("c") == 0, "what a failed job leaves behind is not trusted"


class Damaged(Mirrored):
    """Gives numbers to nobody while `damaged`."""

    damaged = True

    def logits(self) -> NDArray[np.float32]:
        rows = super().logits()
        if self.damaged:
            rows[:] = np.nan
        return rows


def test_a_model_that_gives_numbers_to_nobody_is_loaded_again(path: Path) -> None:
    engine = Driven(path, Damaged)
    assert isinstance(engine.model, Damaged)
    for job in ("a", "b"):
        engine.post(ask(job))
        engine.until(job)
    engine.model.damaged = False
    assert engine.run(ask("good")) == alone(path, ask("good")), "two may have done it to themselves"
    engine.model.damaged = True
    for job in ("c", "d"):
        engine.post(ask(job))
        engine.until(job)
    engine.post(ask("e"))
    with pytest.raises(ModelDamagedError):
        engine.until("e")
    assert engine.ended("e"), "it is told what became of it: it crashed nothing"


class Overflows(Mirrored):
    """A healthy model that has no numbers for what begins with the token 251."""

    def _row(self, held: list[int]) -> NDArray[np.float32]:
        row = super()._row(held)
        return row * np.float32(np.nan) if held[0] == 251 else row


@pytest.mark.parametrize("unified", [True, False])
@pytest.mark.parametrize("asynchronous", [True, False])
def test_jobs_that_have_no_numbers_by_their_own_doing_do_not_end_those_of_others(
    path: Path, unified: bool, asynchronous: bool
) -> None:
    engine = Driven(path, Overflows, slots=8, unified=unified)
    engine.model.asynchronous = asynchronous
    engine.post(ask("paused"))
    engine.step(5)
    engine.post(Pause("paused"))
    bad = [f"bad{i}" for i in range(9)]
    engine.post(*(ask(job, (251, *OTHERS[0]), WILD, seed=i) for i, job in enumerate(bad)))
    engine.until(*bad)
    assert all((end := engine.ended(job)) and end.code is ErrorCode.ENGINE_ERROR for job in bad)
    engine.post(Continue("paused"))
    engine.until("paused")
    assert engine.ids("paused") == alone(path, ask("paused"))
    assert engine.run(ask("after", (0, *OTHERS[0]))) == alone(path, ask("after", (0, *OTHERS[0])))
