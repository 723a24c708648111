"""What must be gone when no job is left: on the coordinator's side, and on the workers'."""

from collections.abc import Iterator

from tools.simulation.workers import Process
from tools.simulation.world import World
from worker.session.served_media import ServedMedia
from worker.session.served_model import ServedModel


def left_over(world: World) -> Iterator[str]:
    assert world.coordinator is not None
    dispatch = world.coordinator.dispatch
    if world.coordinator.files.bytes or world.coordinator.unsent():
        yield f"{world.coordinator.files.bytes} bytes of files, {world.coordinator.unsent()} have some to send"
    honest = [machine for machine in world.machines if not machine.liar.ever]  # a liar may say for good that it leaves
    served = {model for machine in world.machines if machine.process for model in _served(machine.process)}
    for model in sorted(served):
        online = dispatch.online(model)
        if dispatch.running() or online.waiting:
            yield f"dispatch holds {dispatch.running()} jobs, {online.waiting} wait for {model}"
        least = sum(_serves(machine.process, model) for machine in honest)
        most = sum(_serves(machine.process, model) for machine in world.machines)
        if not least <= online.workers <= most:
            yield f"dispatch knows {[worker.key for worker in dispatch.workers]}, {online.workers} of {model}"
    for worker in dispatch.workers:
        for model, replica in worker.replicas.items():
            if worker.leases or replica.held or replica.free != replica.slots:
                held = f"held {replica.held}, elsewhere {replica.taken_elsewhere}"
                yield f"{worker.key}, {model}: leases {list(worker.leases)}, {held}"
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


def _serves(process: Process | None, model: str) -> bool:
    return process is not None and model in _served(process)


def _served(process: Process) -> dict[str, ServedModel | ServedMedia]:
    return {**process.session.models, **process.session.media}
