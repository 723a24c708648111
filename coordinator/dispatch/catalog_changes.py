"""The catalog has changed under workers that are connected: what they offer is taken otherwise, or not any more.

A model that was removed from it gets no new jobs; those that are here still go to its workers, also when one of them
fails. With the last of them it is gone from every worker.
"""

from coordinator.dispatch import placing
from coordinator.dispatch.dispatch_state import State
from coordinator.scheduler.fleet import reoffer, withdraw
from coordinator.scheduler.offers import Outgoing
from coordinator.scheduler.workers import Worker
from wire.handed_catalog import CATALOG, HandedCatalog, fingerprint
from wire.messages import Hello


class CatalogChanges:
    """What follows from them comes with the next tick."""

    def __init__(self, state: State) -> None:
        self._state = state

    @property
    def outgoing(self) -> Outgoing:
        """Models that were removed, and of which jobs are here."""
        return self._state.outgoing

    @property
    def handed(self) -> HandedCatalog | None:
        """What workers are handed; None: it is too large."""
        return self._state.handed

    def hand_out(self, catalog: HandedCatalog | None) -> None:
        """This is the catalog that workers are handed, at once and whenever one joins; None: it is too large."""
        self._state.handed = catalog
        for worker in self._state.fleet.workers.values():
            if worker.connected:
                hand(self._state, worker)

    def removed(self, models: Outgoing) -> None:
        """These models, and no others, are not in the catalog any more."""
        self._state.outgoing = models

    def offers(self, session: str, hello: Hello, now: float) -> None:
        """These of the worker's offers are taken from now on; of what is new, its next Capacity says how it is."""
        state = self._state
        worker = state.fleet.by_session(session)
        if worker is None or worker.hello == hello:
            return
        reoffer(state.fleet, worker, hello, now)
        for model in worker.replicas:
            placing.place(state, model, now)
        state.note("offers taken anew", worker.key, detail=", ".join(worker.replicas))


def hand(state: State, worker: Worker) -> None:
    """Send the worker the catalog, if it understands it and has another one."""
    handed, hello = state.handed, worker.hello
    if handed is not None and CATALOG in hello.features and hello.catalog != fingerprint(handed.text):
        state.send(worker, handed)


def step(state: State) -> None:
    """Let go of models that were removed, once no job of them is left."""
    if not state.outgoing:
        return
    wanted = {job.spec.model for job in state.jobs.values()}
    for model in state.outgoing.keys() - wanted:
        withdraw(state.fleet, model)
    state.outgoing = {model: spec for model, spec in state.outgoing.items() if model in wanted}
