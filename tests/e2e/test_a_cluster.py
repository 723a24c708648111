"""Three replicas on NATS and PostgreSQL behind a balancer, while clients read: a short `scripts/chaos cluster`."""

import asyncio
from pathlib import Path

from tools.chaos.cluster.run import one
from tools.cluster.network import Cluster

WORKERS, SLOTS, PACE_S = 6, 3, 0.05
# Four more streams than two replicas have slots: with fewer the third had no reader, at times, when it was killed.
STREAMS = 16
RIGHT = ("lost", "wrong", "failed", "overcharged_tokens", "undercharged_tokens", "open_holds")


def test_nothing_is_lost_when_a_peer_dies_a_node_of_nats_dies_and_a_replica_is_replaced(tmp_path: Path) -> None:
    asyncio.run(_harmed(Cluster(tmp_path)))


async def _harmed(cluster: Cluster) -> None:
    try:
        await cluster.start()
        await cluster.start_workers(WORKERS, SLOTS, PACE_S, processes=1)
        for fault in ("kill_peer", "kill_nats", "roll"):
            row = await one(cluster, fault, jobs=STREAMS, count=1, streams=STREAMS)
            assert {name: row[name] for name in RIGHT} == dict.fromkeys(RIGHT, 0), row
            assert (row["faults"], row["paused"] != 0) == (1, True), row
        assert cluster.books.wrong() == []
    finally:
        await cluster.close()
