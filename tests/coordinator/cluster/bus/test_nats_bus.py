"""Three nodes of NATS of which some die: what is lost is a gap, nothing comes twice, and the order is kept."""

import asyncio
import os
import random
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from coordinator.cluster.bus.nats_bus import NatsBus
from tests.coordinator.cluster.bus.bus_ends import Servers, all_hear, ends
from tests.coordinator.conftest import until

A, B = "aaaaaaaa", "bbbbbbbb"


@pytest.mark.process
async def test_a_node_is_killed_again_and_again(tmp_path: Path) -> None:
    servers = Servers(tmp_path, nodes=3)
    a, b = servers.bus(A), servers.bus(B)
    dice = random.Random(1)
    try:
        async with ends((A, a), (B, b)) as (_, to_b):
            sent = 0
            for node in (0, 1, 2, 0):
                for number in range(400):
                    if number == 200:
                        servers.nats.kill(node)
                    a.publish(B, b"%d" % sent)
                    sent += 1
                    await asyncio.sleep(0.001 * dice.random())
                await until(lambda: a.up and b.up)
                await all_hear(a, [to_b])
                servers.nats.start(node)
            a.publish(B, b"%d" % sent)
            await until(lambda: to_b.heard_all[-1] == b"%d" % sent)
        heard = [int(data) for data in to_b.heard_all]
        assert heard == sorted(set(heard))
        assert len(heard) > sent / 2
    finally:
        servers.close()


@pytest.mark.process
async def test_a_node_that_hangs_is_left(tmp_path: Path) -> None:
    """It reads nothing and closes nothing, with more in the socket than it takes."""
    servers = Servers(tmp_path)
    a, b = servers.bus(A), servers.bus(B)
    try:
        async with ends((A, a), (B, b)) as (_, to_b):
            node = servers.nats.node(0).popen
            os.kill(node.pid, signal.SIGSTOP)
            for _ in range(30):
                a.publish(B, bytes(2**20))
            asking = asyncio.create_task(a.ask(B, b"hello?", 0.2))
            assert await asking is None
            await until(lambda: not a.up and not b.up)
            assert a.counts.unsent
            os.kill(node.pid, signal.SIGCONT)
            await until(lambda: a.up and b.up)
            await all_hear(a, [to_b])
            a.publish(B, b"new")
            await until(lambda: bool(to_b.heard_all) and to_b.heard_all[-1] == b"new")
    finally:
        servers.close()


async def test_networks_on_the_same_servers_do_not_hear_each_other(tmp_path: Path) -> None:
    servers = Servers(tmp_path)
    a, b = servers.bus(A), servers.bus(B)
    stranger = NatsBus(replace(servers.settings(), network="other"), "cccccccc")
    try:
        async with ends((A, a), (B, b)) as (_, to_b), ends(("cccccccc", stranger)) as (to_stranger,):
            a.publish(None, b"ours")
            a.publish("cccccccc", b"ours")
            assert await a.ask("cccccccc", b"who?", 5) is None
            await until(lambda: bool(to_b.heard_all))
            assert to_stranger.heard_all == to_stranger.questions == []
    finally:
        servers.close()
