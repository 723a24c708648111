"""The end of the process: no more requests, and when the last is answered the workers are sent away.

A request can have several jobs, one behind another: between two rounds of a chat whose tools run here it has none.
"""

from coordinator.dispatch import ends
from coordinator.dispatch.dispatch_state import State
from coordinator.dispatch.effects import Drained
from wire.errors import ErrorCode, SupernetError
from wire.messages import Move

RESTART_RETRY_S = 5.0  # for a client: by then another process is there
MOVE_FIRST_S = 1.0
MOVE_EACH_S, MOVE_SPREAD_S = 0.02, 10.0  # workers come back one after another, the last after so long at most


def begin(state: State, within_s: float, now: float) -> None:
    """Take no more requests, and give those that run `within_s` seconds. Beginning twice changes nothing."""
    if state.drain_until is None:
        state.drain_until = now + within_s
    step(state, now)


def step(state: State, now: float) -> None:
    """Send the workers away once no request is left or the time is up."""
    if state.drain_until is None or state.drained or ((state.jobs or state.requests) and now < state.drain_until):
        return
    state.drained = True
    for job in list(state.jobs.values()):
        ends.fail(state, job, shutting_down("the coordinator restarts: try again"), now)
    connected = [worker for worker in state.fleet.workers.values() if worker.connected]
    each_s = min(MOVE_EACH_S, MOVE_SPREAD_S / max(len(connected), 1))
    for i, worker in enumerate(connected):
        state.send(worker, Move(after_s=MOVE_FIRST_S + each_s * i))
    state.emit(Drained())


def shutting_down(message: str) -> SupernetError:
    return SupernetError(ErrorCode.SHUTTING_DOWN, message, retry_after_s=RESTART_RETRY_S)
