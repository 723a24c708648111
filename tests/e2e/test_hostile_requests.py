"""Every hostile request of scripts/hostile gets its status, and harms neither the worker nor the next request."""

from tools.hostile.__main__ import client, honest, send
from tools.hostile.cases import cases
from tools.local_network import Network


def test_each_gets_its_status_and_the_next_request_works(network: Network) -> None:
    worker = network.workers[0]
    with client(network) as http:
        for case in cases():
            outcome = send(http, network.key, case)
            assert outcome.right, outcome
            assert honest(http, network.key), f"after {case.name}"
    assert worker.popen.poll() is None, "the worker ended"
    said = worker.output()
    # Nor did one of its children, which it would start anew.
    assert "its request is refused" not in said and "crash" not in said, said[-2000:]
