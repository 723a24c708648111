"""The job table, walked pair by pair against a second, independent statement of what may follow what."""

import itertools

import pytest

from wire.job_state import ENDED, TRANSITIONS, IllegalTransition, JobMessage, JobState, advance

LEGAL = """
    offered need offered
    offered accepted running
    offered refused refused
    offered cancel cancelling
    offered failed failed
    running delta running
    running progress running
    running cancel cancelling
    running done done
    running failed failed
    cancelling need cancelling
    cancelling accepted cancelling
    cancelling refused refused
    cancelling delta cancelling
    cancelling progress cancelling
    cancelling cancel cancelling
    cancelling done done
    cancelling failed failed
    cancelling cancelled cancelled
"""
ALLOWED = {(before, message): after for before, message, after in map(str.split, LEGAL.split("\n")[1:-1])}
PAIRS = list(itertools.product(JobState, JobMessage))


@pytest.mark.parametrize(("state", "message"), PAIRS)
def test_every_pair_of_state_and_message_is_either_listed_or_raises(state: JobState, message: JobMessage) -> None:
    expected = ALLOWED.get((state.value, message.value))
    if expected is None:
        with pytest.raises(IllegalTransition, match=f"{state}.*{message}"):
            advance(state, message)
    else:
        assert advance(state, message) == JobState(expected)


def test_every_state_has_a_row() -> None:
    assert set(TRANSITIONS) == set(JobState)


def test_nothing_follows_an_end_and_only_an_end_has_no_successor() -> None:
    assert {state for state, row in TRANSITIONS.items() if not row} == ENDED


def test_every_state_can_be_reached_from_an_offer() -> None:
    reached, border = {JobState.OFFERED}, [JobState.OFFERED]
    while border:
        new = set(TRANSITIONS[border.pop()].values()) - reached
        reached |= new
        border += new
    assert reached == set(JobState)


def test_a_cancel_is_only_a_request_so_done_may_still_win() -> None:
    state = advance(advance(JobState.OFFERED, JobMessage.ACCEPTED), JobMessage.CANCEL)
    assert state not in ENDED
    assert advance(state, JobMessage.DONE) == JobState.DONE


def test_cancelled_without_a_cancel_is_illegal() -> None:
    with pytest.raises(IllegalTransition):
        advance(JobState.RUNNING, JobMessage.CANCELLED)
