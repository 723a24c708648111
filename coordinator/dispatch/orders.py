"""What the operator orders of workers: to rest for a time, or to be away for one. Told anew whenever it changes.

One that is to rest gets no jobs, finishes those that it has, and serves again when the time is over. One that is to be
away finishes its jobs too, within LEAVE_S, is disconnected then, and turned away until the time is over. One whose
order ends before it has gone stays, and serves.
"""

from collections.abc import Mapping

from coordinator.dispatch import membership, placing
from coordinator.dispatch.dispatch_state import State
from coordinator.dispatch.effects import CloseWorker, Send
from coordinator.scheduler.state import WorkerOrder
from coordinator.scheduler.workers import Worker
from wire.errors import ErrorCode
from wire.messages import Error

LEAVE_S = 300.0  # for the jobs of a worker that is sent away; what runs then goes on elsewhere
SAME_S = 1.0  # the clock of the database and dispatch's differ by less


class Orders:
    """The operator's orders, as dispatch keeps them. What follows from them comes with the next tick."""

    def __init__(self, state: State) -> None:
        self._state = state

    def given(self, orders: Mapping[str, WorkerOrder], now: float) -> None:
        """These are all that there are now, by the worker's key."""
        standing = {key: order for key, order in orders.items() if order.until > now}
        for key, order in standing.items():
            before = self._state.orders.get(key)
            if before is None or before.kind != order.kind or abs(before.until - order.until) > SAME_S:
                left = f"{order.until - now:.0f} s more"
                self._state.note("ordered away" if order.kind == "away" else "ordered to rest", key, detail=left)
        for key in self._state.orders.keys() - standing.keys():
            self._state.note("order is over", key)
        self._state.orders.clear()
        self._state.orders.update(standing)

    def standing(self) -> Mapping[str, WorkerOrder]:
        return self._state.orders


def step(state: State, now: float) -> None:
    """Carry the orders out, and forget those whose time is over."""
    for key in [key for key, order in state.orders.items() if order.until <= now]:
        del state.orders[key]
        state.note("order is over", key)
    for key in [key for key in state.leaving if key not in state.orders or state.orders[key].kind != "away"]:
        state.leaving.discard(key)
        _stays(state, key, now)
    for key, order in list(state.orders.items()):
        worker = state.fleet.workers.get(key)
        if worker is not None and order.kind == "away":
            _send_away(state, worker, order, now)


def _send_away(state: State, worker: Worker, order: WorkerOrder, now: float) -> None:
    if not worker.draining:
        state.fleet.drains(worker)
        worker.sent_away = True
        state.leaving.add(worker.key)
    if worker.leases and now - order.since < LEAVE_S:
        return
    if worker.connected:
        reason = membership.away(order, now)
        state.emit(Send(worker.peer.session, Error(code=ErrorCode.PERMISSION_DENIED, message=reason)))
        state.emit(CloseWorker(worker.peer.session, membership.CLOSE_TRY_AGAIN_LATER, reason))
    membership.gone(state, worker, "the operator sent it away", now, blamed=False)
    state.leaving.discard(worker.key)


def _stays(state: State, key: str, now: float) -> None:
    worker = state.fleet.workers.get(key)
    if worker is None or not worker.sent_away:
        return
    worker.draining = worker.sent_away = False
    state.fleet.count(worker, now)
    for model in worker.replicas:
        placing.place(state, model, now)
