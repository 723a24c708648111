"""The life of one job, as a table that both ends obey.

A job is offered (Start), accepted or refused, emits deltas or says its progress, and ends in exactly one of done,
failed, cancelled. Nothing may follow an end; a pair that is not in the table raises.
"""

from enum import StrEnum


class JobState(StrEnum):
    OFFERED = "offered"  # Start sent or received, not answered yet
    RUNNING = "running"  # Accepted: a slot is leased
    CANCELLING = "cancelling"  # Cancel sent: the lease still stands until the worker says so
    REFUSED = "refused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobMessage(StrEnum):
    NEED = "need"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    DELTA = "delta"
    PROGRESS = "progress"
    CANCEL = "cancel"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({JobState.REFUSED, JobState.DONE, JobState.FAILED, JobState.CANCELLED})

_S, _M = JobState, JobMessage
TRANSITIONS: dict[JobState, dict[JobMessage, JobState]] = {
    _S.OFFERED: {
        _M.NEED: _S.OFFERED,
        _M.ACCEPTED: _S.RUNNING,
        _M.REFUSED: _S.REFUSED,
        _M.CANCEL: _S.CANCELLING,
        _M.FAILED: _S.FAILED,
    },
    _S.RUNNING: {
        _M.DELTA: _S.RUNNING,
        _M.PROGRESS: _S.RUNNING,
        _M.CANCEL: _S.CANCELLING,
        _M.DONE: _S.DONE,
        _M.FAILED: _S.FAILED,
    },
    # Frames that crossed with the Cancel on the line are legal; Done wins over Cancelled when it came first.
    _S.CANCELLING: {
        _M.NEED: _S.CANCELLING,
        _M.ACCEPTED: _S.CANCELLING,
        _M.REFUSED: _S.REFUSED,
        _M.DELTA: _S.CANCELLING,
        _M.PROGRESS: _S.CANCELLING,
        _M.CANCEL: _S.CANCELLING,
        _M.DONE: _S.DONE,
        _M.FAILED: _S.FAILED,
        _M.CANCELLED: _S.CANCELLED,
    },
    _S.REFUSED: {},
    _S.DONE: {},
    _S.FAILED: {},
    _S.CANCELLED: {},
}


class IllegalTransition(Exception):
    """The other side sent a job message that its state does not allow."""


def advance(state: JobState, message: JobMessage) -> JobState:
    """The state after `message`; raises IllegalTransition for a pair that the table does not list."""
    try:
        return TRANSITIONS[state][message]
    except KeyError:
        raise IllegalTransition(f"a job that is {state} cannot take {message}") from None
