from tools.local_network import Network, until
from worker.daemon import control_socket


def busy(network: Network) -> int:
    """Which worker has the job: its daemon says so."""
    found: list[int] = []

    def look() -> bool:
        for index, worker in enumerate(network.workers):
            if (control_socket.ask(worker.state, "status") or {"jobs": 0})["jobs"]:
                found.append(index)
        return bool(found)

    until(look)
    return found[0]
