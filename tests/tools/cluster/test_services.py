"""NATS and PostgreSQL as the cluster's tools start and harm them."""

import subprocess
from pathlib import Path

import psycopg
import pytest
from nats.aio.client import Client

from tools.cluster.nats import Nats
from tools.cluster.network import Cluster
from tools.cluster.postgres import Postgres

pytestmark = pytest.mark.process


async def test_a_message_goes_from_one_node_to_another_while_the_third_is_dead(tmp_path: Path) -> None:
    nats = Nats(tmp_path)
    nats.start()
    sender, receiver = Client(), Client()
    try:
        nats.kill(2)
        first, second, _ = nats.urls.split(",")
        await receiver.connect(second)
        heard = await receiver.subscribe("x")
        await receiver.flush()
        await sender.connect(first)
        for _ in range(50):  # the nodes tell each other who listens
            await sender.publish("x", b"y")
            try:
                assert (await heard.next_msg(timeout=0.5)).data == b"y"
                break
            except TimeoutError:
                continue
        else:
            pytest.fail("nothing came from the other node")
        assert receiver.max_payload == 8 * 2**20
        nats.start(2)
        with pytest.raises(subprocess.TimeoutExpired):
            nats.node(2).popen.wait(0)
    finally:
        await sender.close()
        await receiver.close()
        nats.close()


def test_what_was_committed_is_there_after_a_kill(tmp_path: Path) -> None:
    postgres = Postgres(tmp_path)
    try:
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE t (n int)")
            connection.execute("INSERT INTO t VALUES (7)")
            postgres.kill()
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(postgres.url)
        postgres.start()
        with psycopg.connect(postgres.url) as connection:
            assert connection.execute("SELECT n FROM t").fetchall() == [(7,)]
    finally:
        postgres.close()


async def test_a_cluster_whose_replicas_do_not_start_leaves_nothing_that_runs(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, nodes=1, options=[("--no-such-option",)])
    with pytest.raises(AssertionError, match="no-such-option"):
        try:
            await cluster.start()
        finally:
            await cluster.close()
    assert cluster.nats.node(0).popen.poll() is not None
