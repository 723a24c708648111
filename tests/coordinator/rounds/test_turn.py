from coordinator.rounds.turn import MOST_ARGUMENT_CHARS, Turn
from tests.coordinator.rounds.scripts import call
from wire.chat import CallDelta, Content, Notice, Reasoning

DRAW = "sogni_generate_image"


def test_a_text_goes_through() -> None:
    turn = Turn({DRAW})
    parts = (Reasoning(text="hm"), Content(text="hello"), Notice(text="odd"))
    assert turn.take(parts) == parts
    assert (turn.content, turn.reasoning, turn.calls, turn.has_clients_calls) == (["hello"], ["hm"], {}, False)


def test_our_calls_are_kept_back_and_the_clients_are_numbered_without_them() -> None:
    turn = Turn({DRAW})
    assert turn.take(call(DRAW, '{"prompt": "a"}', 0)) == ()
    assert turn.take(call("look", '{"at": 1}', 1)) == call("look", '{"at": 1}', 0)
    assert turn.take(call(DRAW, '{"prompt": "b"}', 2)) == ()
    assert turn.take(call("go", "{}", 3)) == call("go", "{}", 1)
    assert [(one.name, one.text) for one in turn.calls.values()] == [
        (DRAW, '{"prompt": "a"}'),
        (DRAW, '{"prompt": "b"}'),
    ]
    assert turn.has_clients_calls


def test_arguments_are_bounded() -> None:
    turn = Turn({DRAW})
    turn.take((CallDelta(index=0, name=DRAW, arguments="x" * MOST_ARGUMENT_CHARS),))
    turn.take((CallDelta(index=0, arguments="y"),))
    assert len(turn.calls[0].text) == MOST_ARGUMENT_CHARS
