"""kill -9 of the coordinator in the middle of answers, on the database that it leaves behind."""

import asyncio
import json
import subprocess
import sys
import time
from typing import Any

from tools.chaos.client import Answer, ask, body
from tools.local_network import PATIENCE_S, Network, until

TOKENS = 900  # 18 s at the pace of a scripted engine: several checkpoints
PRICE = 900  # nano-dollars a token of an answer
WHOLE = 20


def test_a_killed_coordinators_jobs_are_billed_to_their_last_checkpoint_and_money_adds_up(empty: Network) -> None:
    """What was delivered and not yet marked down is the operator's loss, and never the client's."""
    empty.start_worker("--scripted")
    before = spendable(empty)
    assert asyncio.run(ask(empty, body("whole", WHOLE))).whole
    paid = before - spendable(empty)
    prompt = paid - WHOLE * PRICE
    assert prompt > 0

    streams = asyncio.run(_killed_in_the_middle(empty))
    assert not any(stream.whole for stream in streams)
    empty.start_coordinator()
    until(lambda: held(empty) == 0, empty.coordinator)
    until(lambda: empty.online() == 1, empty.coordinator)
    billed = before - paid - spendable(empty)
    delivered = sum(len(stream.text.encode()) for stream in streams)  # a token is a byte at least
    assert 0 < billed <= delivered * PRICE + len(streams) * prompt
    assert check(empty) == {"ok": True, "found": []}
    assert asyncio.run(ask(empty, body("after", WHOLE))).whole, "and it goes on"


async def _killed_in_the_middle(network: Network) -> list[Answer]:
    streams = [Answer(time.monotonic()) for _ in range(2)]
    asking = [asyncio.create_task(ask(network, body("hallo", TOKENS), answer=answer)) for answer in streams]
    await asyncio.to_thread(until, lambda: all(len(answer.pieces) > TOKENS // 3 for answer in streams))
    assert network.coordinator is not None
    network.coordinator.kill()
    await asyncio.to_thread(network.coordinator.wait)
    return await asyncio.gather(*asking)


def balances(network: Network) -> dict[str, Any]:
    shown: dict[str, Any] = network.get("/v1/account")["balances"]
    return shown


def spendable(network: Network) -> int:
    nano: int = balances(network)["spark"]["available"]["nano_usd"]
    return nano


def held(network: Network) -> int:
    nano: int = balances(network)["spark"]["held"]["nano_usd"]
    return nano


def check(network: Network) -> Any:
    db = str(network.folder / network.db)
    args = [sys.executable, "-m", "coordinator", "ledger", "check", "--db", db, "--json"]
    return json.loads(subprocess.run(args, check=True, capture_output=True, timeout=PATIENCE_S).stdout)
