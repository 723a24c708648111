"""How long a key that is revoked at one replica is still worth something anywhere: to its streams, which run at all
edges and in the cells of others, to who asks anew, and to the workers that it keeps busy."""

import asyncio
import json
import time
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tools.chaos.client import Answer, ask, body, percentile
from tools.cluster.network import Cluster, Front
from tools.local_network import MODEL, Network

EACH = 4  # streams at each replica
TOKENS = 3000  # of each: more than there is time for
LOOK_S = 0.02
MOST_S = 30.0  # after which it is taken for never
BARE = 0  # the replica that has clients and no workers


@dataclass
class Times:
    """Seconds from the answer to the revocation: until each stream ended, until each replica refused the key, until
    each replica knew that all slots are free. `stayed`: streams that did not end for the revocation."""

    ended: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    freed: list[float] = field(default_factory=list)
    stayed: int = 0


async def revoke(cluster: Cluster, count: int) -> dict[str, object]:
    """So many keys, one after the other, each with streams at all replicas, one of which has no workers."""
    account_key = await cluster.make_key("revokes", "client-revoke", "client")
    target = cluster.workers.targets[cluster.replicas[BARE].port]
    target.open = False
    for line in list(target.lines):
        line.cut()
    await cluster.settled()
    times = Times()
    for number in range(count):
        await _once(cluster, account_key, number, times)
    cluster.workers.open_all()
    await cluster.settled(even=True)
    return row(times, count)


def row(times: Times, count: int) -> dict[str, object]:
    """The figures of so many revocations."""
    figures: dict[str, object] = {"fault": "revoke", "revoked": count, "streams": len(times.ended)}
    figures |= {"remote_streams": EACH * count, "stayed": times.stayed}
    for name in ("ended", "refused", "freed"):
        values = getattr(times, name)
        figures |= {f"{name}_p50_s": round(percentile(values, 0.5), 3), f"{name}_p99_s": round(max(values), 3)}
    return figures


async def _once(cluster: Cluster, account_key: str, number: int, times: Times) -> None:
    one, other = (cluster.replicas[(number + n) % len(cluster.replicas)] for n in range(2))
    made = await asyncio.to_thread(_call, one, "POST", "", account_key, {"name": f"key {number}"})
    key = made["key"]
    for replica in cluster.replicas:
        await _until(lambda replica=replica: asyncio.to_thread(replica.knows, key))  # type: ignore[misc]
    answers = [Answer(time.monotonic()) for _ in range(EACH * len(cluster.replicas))]
    fronts = [Front(replica.port, key) for replica in cluster.replicas for _ in range(EACH)]
    asking = [
        asyncio.create_task(ask(front, body(f"revoke {number}", TOKENS, seed=number), answer=answer))
        for front, answer in zip(fronts, answers, strict=True)
    ]
    await _until(lambda: _now(all(answer.times for answer in answers)))
    await asyncio.to_thread(_call, other, "DELETE", f"/{made['id']}", account_key)
    since = time.monotonic()
    measured = await asyncio.gather(
        *(_seconds(since, lambda r=r: asyncio.to_thread(_refuses, r, key)) for r in cluster.replicas),  # type: ignore[misc]
        *(_seconds(since, lambda r=r: asyncio.to_thread(_is_idle, r)) for r in cluster.replicas),  # type: ignore[misc]
    )
    times.refused += measured[: len(cluster.replicas)]
    times.freed += measured[len(cluster.replicas) :]
    _, left = await asyncio.wait(asking, timeout=MOST_S)
    for task in left:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    times.ended += [max(0.0, answer.ended - since) for answer in answers]
    times.stayed += sum(answer.error != "invalid_api_key" for answer in answers)


def _call(replica: Network, method: str, path: str, key: str, content: object = None) -> dict[str, str]:
    """A request for the keys of an account. Raises HTTPError."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    data = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(f"{replica.url}/v1/account/keys{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=MOST_S) as response:
        answer: dict[str, str] = json.load(response)
        return answer


def _refuses(replica: Network, key: str) -> bool:
    return not replica.knows(key)


def _is_idle(replica: Network) -> bool:
    """Whether by its word no worker of the whole network has anything to do."""
    model = replica.get(f"/v1/models/{MODEL}")
    return bool(model["free_slots"] == model["slots"])


async def _now(so: bool) -> bool:
    return so


async def _until(so: Callable[[], Awaitable[bool]]) -> None:
    """Raises TimeoutError after MOST_S."""
    async with asyncio.timeout(MOST_S):
        while not await so():  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)


async def _seconds(since: float, so: Callable[[], Awaitable[bool]]) -> float:
    """From then until it is so; MOST_S if it never is."""
    try:
        await _until(so)
    except TimeoutError:
        return MOST_S
    return time.monotonic() - since
