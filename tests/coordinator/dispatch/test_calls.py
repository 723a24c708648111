"""A call that nobody asked for is its worker's violation: the job moves, and no client sees the call."""

import pytest

from coordinator.dispatch import calls
from coordinator.dispatch.calls import unasked_call
from coordinator.dispatch.effects import Deliver, Finished
from tests.coordinator.dispatch.driver import REQUEST, Driver, liar_and_honest
from wire import messages as wire
from wire.chat import CallDelta, ChatRequest, Content, FinishReason, Notice, Part, Tool

TOOLS = (Tool(name="look"), Tool(name="eyes.look"))


def request(*tools: Tool, choice: str = "auto") -> ChatRequest:
    return REQUEST.model_copy(update={"tools": tools, "tool_choice": choice})


def delta(*parts: Part) -> wire.Delta:
    return wire.Delta(job="j1", attempt=1, seq=0, tokens=(7,), parts=parts)


@pytest.mark.parametrize("choice", ["auto", "required", "name:look"])
def test_calls_of_declared_tools_are_no_lies_however_broken_their_arguments_are_on_the_way(choice: str) -> None:
    told = delta(CallDelta(index=0, name="look"), CallDelta(index=0, arguments='{"at": no'), Content(text="x"))
    assert unasked_call(request(*TOOLS, choice=choice), told) is None
    assert unasked_call(request(*TOOLS, choice=choice), delta(CallDelta(index=1, arguments="}")), {1}) is None


@pytest.mark.parametrize(
    ("asked", "call"),
    [
        (request(), CallDelta(index=0, name="look")),
        (request(), CallDelta(index=0, arguments="{}")),
        (request(*TOOLS, choice="none"), CallDelta(index=0, name="look")),
        (request(*TOOLS), CallDelta(index=0, name="delete_everything")),
        (request(*TOOLS), CallDelta(index=0, name="look\0")),
        (request(*TOOLS), CallDelta(index=0, name="")),
    ],
)
def test_every_other_call_is_named(asked: ChatRequest, call: CallDelta) -> None:
    assert unasked_call(asked, delta(Content(text="I look."), call)) is not None


def test_text_is_no_call() -> None:
    assert unasked_call(request(), delta(Content(text='<tool_call>{"name": "x"}</tool_call>'))) is None


def test_a_worker_that_invents_a_call_loses_the_attempt_and_no_client_sees_it() -> None:
    driver = Driver()
    driver.join()
    driver.submit(request=request(*TOOLS))
    driver.accepts()
    driver.join("w2")
    invented = wire.Delta(
        job="j1", attempt=1, seq=0, tokens=(7,), parts=(CallDelta(index=0, name="pay", arguments="{}"),)
    )
    driver.says("w1", wire.Deltas(items=(invented,)))
    assert not driver.all(Deliver)
    assert driver.dispatch.counters.violations == 1
    assert driver.started()[0] == "w2"


def test_a_piece_of_a_call_that_has_no_name_and_a_call_of_another_tool_than_was_asked_for_are_inventions() -> None:
    """Before, a client got arguments for a tool without a name, or a call that its tool_choice forbids."""
    two = (Tool(name="look"), Tool(name="pay"))
    asked = request(*two)
    piece = wire.Delta(job="j", attempt=1, seq=0, tokens=(1,), parts=(CallDelta(index=7, arguments="{}"),))
    assert unasked_call(asked, piece) == "a piece of a call that was never begun"
    assert unasked_call(asked, piece, {7}) is None
    whole = piece.model_copy(update={"parts": (CallDelta(index=0, name="pay"), CallDelta(index=0, arguments="{}"))})
    assert unasked_call(asked, whole) is None
    forced = asked.model_copy(update={"tool_choice": "name:look"})
    assert unasked_call(forced, whole) == "a call of another tool than was asked for"


# ---- arguments that are no JSON ------------------------------------------------------------------------------------


def called(driver: Driver, worker: str, start: wire.Start, *pieces: str, reason: FinishReason = "tool_calls") -> None:
    """The worker answers with one call, whose last piece stands for no token."""
    driver.accepts(worker, start.job, start.attempt)
    parts = (CallDelta(index=0, name="look"), *(CallDelta(index=0, arguments=piece) for piece in pieces[:-1]))
    last = (CallDelta(index=0, arguments=pieces[-1]),)
    for seq, (tokens, said) in enumerate((((7, 8), parts), ((), last))):
        item = wire.Delta(job=start.job, attempt=start.attempt, seq=seq, tokens=tokens, parts=said)
        driver.says(worker, wire.Deltas(items=(item,)))
    driver.done(worker, start.job, start.attempt, seq=2, completion=2, reason=reason)


def notices(driver: Driver) -> list[str]:
    return [part.text for sent in driver.all(Deliver) for part in sent.delta.parts if isinstance(part, Notice)]


def test_who_gives_arguments_that_are_no_json_is_told_of_proves_nothing_and_rests_with_the_third() -> None:
    """Before, it was a finished job like any other, and the client heard of nothing."""
    driver = liar_and_honest()
    for number in range(3):
        assert driver.dispatch.counters.rests == 0
        driver.submit(job := f"j{number}", request=request(*TOOLS))
        worker, start = driver.started()
        assert worker == "liar"
        called(driver, worker, start, '{"at": ', "no way")
        assert driver.one(Finished).job == job
        assert notices(driver) == ["the arguments of a tool call are no JSON"]
    assert driver.dispatch.counters.broken_calls == 3
    assert driver.dispatch.counters.rests == 1


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        (('{"at": ', '"the sky"}'), "tool_calls"),
        (("", ""), "tool_calls"),
        (('"no object"', ""), "tool_calls"),
        (('{"at": "a\nb', '"}'), "tool_calls"),
        (('{"at": ', "1"), "length"),
    ],
    ids=["whole", "none", "no object", "a line's end", "cut"],
)
def test_other_arguments_are_passed_on_as_they_are(pieces: tuple[str, ...], reason: FinishReason) -> None:
    driver = Driver()
    driver.join()
    driver.submit(request=request(*TOOLS))
    called(driver, *driver.started(), *pieces, reason=reason)
    assert notices(driver) == []
    assert driver.dispatch.counters.broken_calls == 0


def test_who_ends_what_another_began_is_not_to_blame() -> None:
    driver = Driver()
    driver.join("w1", owner="alice")
    driver.submit(request=request(*TOOLS))
    driver.accepts()
    begun = wire.Delta(
        job="j1",
        attempt=1,
        seq=0,
        tokens=(1,),
        parts=(CallDelta(index=0, name="look"), CallDelta(index=0, arguments="{")),
    )
    driver.says("w1", wire.Deltas(items=(begun,)))
    driver.join("w2", owner="bob")
    driver.fails(seq=1)
    assert driver.started()[0] == "w2"
    driver.accepts("w2", attempt=2)
    ended = wire.Delta(job="j1", attempt=2, seq=0, tokens=(2,), parts=(CallDelta(index=0, arguments="!"),))
    driver.says("w2", wire.Deltas(items=(ended,)))
    driver.done("w2", attempt=2, seq=1, reason="tool_calls")
    assert notices(driver)
    assert driver.dispatch._state.fleet.owners.of("bob").wrong == 0


def test_of_arguments_a_bounded_part_is_kept_and_what_is_longer_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "MOST_CHARS", 10)
    driver = Driver()
    driver.join()
    driver.submit(request=request(*TOOLS))
    job = driver.dispatch._state.jobs["j1"]
    called(driver, *driver.started(), "{no", "json" * 100, "")
    assert notices(driver) == []
    assert sum(len(piece) for pieces in job.arguments.values() for piece in pieces) <= 10
