"""Every picture of scripts/hostile pictures gets its status in a network of real processes, and harms none of them."""

import httpx

from tools.hostile.pictures.__main__ import network, processes, send
from tools.hostile.pictures.cases import cases


def test_each_is_taken_or_refused_by_its_place_and_nothing_is_started_anew() -> None:
    with network() as running, httpx.Client(base_url=running.url, timeout=60, trust_env=False) as client:
        send(client, running.key, cases()[0])  # the worker's reader starts
        before = processes(running)
        for case in cases():
            status, right, _, said = send(client, running.key, case)
            assert right, (case.name, status, said)
        assert processes(running) == before
