"""A worker under its coordinator's flood, and its owner who asks how it is."""

import asyncio
import socket
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tools.hostile.flood.felt import Felt
from tools.hostile.flood.flooder import Flooder
from tools.hostile.flood.floods import Flood
from tools.hostile.flood.watch import Cadence, Process, watching
from tools.local_network import Network, until
from worker.daemon import control_socket


def felt(floods: list[Flood | None], seconds: float, most_bytes: int) -> Iterator[Felt]:
    """What is felt of one flood after another, each by a worker of its own; None: a coordinator that is only mute."""
    for flood in floods:
        with tempfile.TemporaryDirectory() as folder:
            yield _felt(Network(Path(folder), Path("none.gguf")), flood, seconds, most_bytes)


def _felt(network: Network, flood: Flood | None, seconds: float, most_bytes: int) -> Felt:
    flooder = Flooder(flood or Flood("", b""), most_bytes if flood else 0)
    with socket.create_server(("127.0.0.1", 0)) as listener:  # the worker's dial waits there until its status answers
        network.worker_port = listener.getsockname()[1]
        try:
            worker = network.start_worker("--scripted", key="sk-none", wait=False)
            until(lambda: control_socket.ask(worker.state, "status") is not None, worker)
            process, status = Process(worker.popen.pid), Cadence()
            asking = partial(status.asking, lambda: control_socket.ask(worker.state, "status"))
            with watching(asking, process.look):
                asyncio.run(flooder.listen(listener, seconds))
            assert worker.popen.poll() is None, worker.output()[-4000:]
            return Felt.of(flooder, status, None, process)
        finally:
            network.close()
