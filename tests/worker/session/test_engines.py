"""What becomes of a worker whose engines come and go."""

from dataclasses import replace

from tests.worker.session.drawing import READY, P, drawing
from tests.worker.session.transcript import M, make, sent, types
from wire.guesses import Guesses
from worker.engine import port as chat_port
from worker.media_engine import port
from worker.session import effects


def test_a_pipeline_that_is_loaded_says_so_and_registers_what_it_cannot_do_after_all() -> None:
    session = drawing(ready=False)
    found = session.engine(P, READY)
    assert types(found) == ["capacity"] and session.capacity().models[0].status == "ready"
    found = session.engine(P, replace(READY, max_pixels=512 * 512))
    assert isinstance(found[-1], effects.Redial) and session.media[P].offer.max_pixels == 512 * 512


def test_what_an_engine_guesses_ahead_is_told_with_the_next_heartbeat_and_gone_with_the_engine() -> None:
    session = make()
    guessed = chat_port.Guessed("lookup", 8, 6)
    assert not session.engine(M, chat_port.Pulse(generated_tokens=9, draws=6, guesses=(guessed,)))
    state = session.capacity().models[0]
    assert state.tokens_per_step == 1.5 and state.guesses == (Guesses(source="lookup", drafted=8, accepted=6),)
    session.engine(M, chat_port.Down("killed", retry_in_s=0.5))
    assert (session.capacity().models[0].tokens_per_step, session.capacity().models[0].guesses) == (0, ())


def test_a_pipeline_that_died_is_a_problem_until_it_runs_again() -> None:
    session = drawing()
    down = session.engine(P, port.Down("killed", retry_in_s=0.5))
    assert types(down) == ["capacity", "issue"] and session.capacity().models[0].status == "down"
    assert list(session.problems.active) == ["media_engine_down"]
    session.engine(P, READY)
    assert not session.problems.active


def test_a_pipeline_that_stays_down_ends_the_daemon_unless_it_chats() -> None:
    alone = drawing().engine(P, port.Down("it cannot be loaded"))
    assert isinstance(alone[-1], effects.GiveUp)
    session = drawing(chat=True)
    found = session.engine(P, port.Down("it cannot be loaded"))
    assert not [effect for effect in found if isinstance(effect, effects.GiveUp)]
    assert [state.status for state in session.capacity().models] == ["ready", "broken"]
    assert sent(found)[1].code == "media_engine_broken"  # type: ignore[attr-defined]


def test_the_row_that_the_engine_names_is_the_one_that_is_told() -> None:
    session = drawing(chat=True)
    session.engine(P, port.Down("no memory", problem="not_enough_memory"))
    assert "not_enough_memory" in session.problems.active


def test_a_chats_engine_and_a_pipeline_are_told_apart() -> None:
    session = drawing(chat=True)
    session.engine(M, chat_port.Down("killed", retry_in_s=0.5))
    session.engine(P, port.Down("killed", retry_in_s=0.5))
    session.engine(M, chat_port.Ready(2, 64, 100))
    assert list(session.problems.active) == ["media_engine_down"]
