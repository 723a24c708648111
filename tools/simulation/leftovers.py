"""What must be gone when no job is left: on the coordinators' side, and on the workers'."""

from collections.abc import Iterator

from coordinator.cluster.replica import Replica
from tools.simulation.coordinator import Coordinator
from tools.simulation.workers import Process
from tools.simulation.world import World
from worker.session.served_media import ServedMedia
from worker.session.served_model import ServedModel


def left_over(world: World) -> Iterator[str]:
    yield from _workers_known(world)
    for coordinator in world.coordinators:
        yield from _held(coordinator)
    files = sum(map(len, world.pictures.files if world.pictures else ()))
    for machine in world.machines:
        assert machine.process is not None
        process, session = machine.process, machine.process.session
        if session.jobs.chats.pictures.blobs.size_bytes > files:
            yield f"{process.name} keeps more than there is"
        if session.jobs.attempts and not machine.liar.ever:
            yield f"{process.name} holds {list(session.jobs.attempts.values())}"
        if any(one.slots.held for one in _served(process).values()) or process.engine.busy:
            yield f"{process.name}: slots are taken"
        if process.studio is not None and (process.studio.left_over or process.studio.painter.busy):
            yield f"{process.name} makes something still, or keeps {process.studio.left_over} files"


def _held(coordinator: Coordinator) -> Iterator[str]:
    """What a coordinator holds, and nobody needs."""
    unsent = [session for session, connection in coordinator.sockets.items() if connection.has_files]
    if coordinator.files.bytes or unsent:
        yield f"{coordinator.files.bytes} bytes of files, {unsent} have some to send"
    if coordinator.cell.running():
        yield f"dispatch holds {coordinator.cell.running()} jobs"
    for worker in coordinator.cell.workers:
        for model, replica in worker.replicas.items():
            if waiting := coordinator.cell.online(model).waiting:
                yield f"{waiting} wait for {model}"
            if worker.leases or replica.held or replica.free != replica.slots:
                held = f"held {replica.held}, elsewhere {replica.taken_elsewhere}"
                yield f"{worker.key}, {model}: leases {list(worker.leases)}, {held}"
    if isinstance(coordinator.dispatch, Replica):
        jobs = coordinator.dispatch.jobs
        elsewhere, edges = list(jobs.itinerary.jobs), jobs.lodging.edges()  # answers without an edge may stay
        if elsewhere or edges:
            yield f"{coordinator.where}: {elsewhere} are elsewhere, {edges} have some here"


def _workers_known(world: World) -> Iterator[str]:
    """Each worker is known, and by one coordinator."""
    honest = [machine for machine in world.machines if not machine.liar.ever]  # a liar may say for good that it leaves
    served = {model for machine in world.machines if machine.process for model in _served(machine.process)}
    for model in sorted(served):
        known = sum(coordinator.cell.online(model).workers for coordinator in world.coordinators)
        least = sum(_serves(machine.process, model) for machine in honest)
        most = sum(_serves(machine.process, model) for machine in world.machines)
        if not least <= known <= most:
            keys = [worker.key for coordinator in world.coordinators for worker in coordinator.cell.workers]
            yield f"{keys} are known, {known} of {model}"


def _serves(process: Process | None, model: str) -> bool:
    return process is not None and model in _served(process)


def _served(process: Process) -> dict[str, ServedModel | ServedMedia]:
    return {**process.session.models, **process.session.media}
