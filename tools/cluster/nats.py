"""Nodes of NATS that know each other, each killed, frozen and started again by its number."""

import signal
import subprocess
import sys
from pathlib import Path

from tools.free_port import free_port
from tools.local_network import Process, until

PROGRAM = Path(sys.executable).parent / "nats-server"
CONFIG = Path(__file__).parents[2] / "docs" / "operations" / "cluster" / "nats.conf"


class Nats:
    """`urls`: what a replica is given. `more`: lines behind those of docs/operations for each node."""

    def __init__(self, folder: Path, nodes: int = 3, more: str = "") -> None:
        self._folder = folder
        self._more = more
        self._ports = [free_port() for _ in range(nodes)]
        self._routes = [free_port() for _ in range(nodes)]
        self.nodes: list[Process | None] = [None] * nodes

    @property
    def urls(self) -> str:
        return ",".join(f"nats://127.0.0.1:{port}" for port in self._ports)

    def start(self, *numbers: int) -> None:
        """These nodes, or all; returns when clients can come."""
        chosen = numbers or range(len(self.nodes))
        for number in chosen:
            self.nodes[number] = self._spawn(number)
        for number in chosen:
            node = self.node(number)
            until(lambda node=node: "Server is ready" in node.output(), node)

    def node(self, number: int) -> Process:
        node = self.nodes[number]
        assert node is not None, "it was started"
        return node

    def kill(self, *numbers: int) -> None:
        for number in numbers or range(len(self.nodes)):
            self.node(number).kill()
            self.node(number).wait()

    def close(self) -> None:
        for node in self.nodes:
            if node is not None and node.popen.poll() is None:
                node.kill(signal.SIGCONT)
                node.kill()
                node.wait()

    def _spawn(self, number: int) -> Process:
        name, log = f"nats{number}", self._folder / f"nats{number}.log"
        routes = ",".join(f"nats://127.0.0.1:{port}" for port in self._routes)
        config = self._folder / f"{name}.conf"
        config.write_text(CONFIG.read_text() + self._more)
        args = [str(PROGRAM), "-c", str(config), "-a", "127.0.0.1", "-p", str(self._ports[number]), "-n", name]
        args += ["--cluster_name", "test", "--cluster", f"nats://127.0.0.1:{self._routes[number]}", "--routes", routes]
        with log.open("wb") as out:
            return Process(subprocess.Popen(args, stdout=out, stderr=out), log, self._folder)
