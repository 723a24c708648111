"""What it costs a replica to hear what others have served, and to say it.

    scripts/bench gossip [--requests N ...] [--rounds N] [--json]

The real gossip and the real codec, with made-up accounts, keys and prompts, and no bus: what follows from so many
requests that each replica was sent within a quarter of a second. Processor time of this process.
"""

import argparse
import json
import random
import time
from dataclasses import asdict, dataclass
from statistics import median

from coordinator.admission.key_use import KeyUse
from coordinator.admission.rate_limits import Rates
from coordinator.cluster.peers.gossip import Gossip
from coordinator.cluster.protocol.codec import decode, encode
from coordinator.cluster.protocol.envelope import Envelope, pack, unpack
from coordinator.cluster.protocol.gossip_messages import Charges, Gossiped, Hints, Use
from coordinator.dispatch.dispatch import Dispatch
from coordinator.scheduler.fairness import Charge

REQUESTS = (1, 10, 100, 1000)
QUARTERS = 40  # of a second
ACCOUNTS = 5000
SENDER, HEARER = "0000000a", "0000000b"


@dataclass(frozen=True)
class Figure:
    """Medians for one replica's quarter of a second: bytes, and µs to say and to hear it, with the least and most of
    these. `others`: of 49 of them, in % of a core."""

    requests: int
    bytes: int
    said: float
    heard: float
    least: float
    most: float
    others: float


def told(requests: int, draw: random.Random) -> list[Gossiped]:
    """What follows from so many requests: an account is charged, a key used, a prompt and a session read."""
    accounts = [f"acc_{draw.randrange(ACCOUNTS):016x}" for _ in range(requests)]
    return [
        Charges(tuple(Charge("model", account, draw.uniform(-50, 300), True) for account in accounts)),
        Use(tuple(KeyUse(f"key_{account[4:]}", 600, 1_000_000, 1.0, 500.0, 1) for account in accounts)),
        Hints(SENDER, tuple(draw.getrandbits(64) for _ in range(2 * requests))),
    ]


def run(requests: int, draw: random.Random) -> tuple[int, float, float]:
    """Bytes, and seconds to say and to hear a quarter of a second."""
    hearer = Gossip(HEARER, Dispatch(), Rates())
    quarters = [told(requests, draw) for _ in range(QUARTERS)]
    began = time.process_time()
    publications = [pack(Envelope(SENDER, tuple(map(encode, quarter)))) for quarter in quarters]
    said = time.process_time()
    for number, publication in enumerate(publications):
        envelope = unpack(publication)
        assert envelope is not None
        for data in envelope.messages:
            message = decode(data)
            assert isinstance(message, Gossiped)
            hearer.heard(SENDER, message, number / 4)
    heard = time.process_time()
    return sum(map(len, publications)) // QUARTERS, (said - began) / QUARTERS, (heard - said) / QUARTERS


def measure(requests: int, rounds: int) -> Figure:
    runs = [run(requests, random.Random(seed)) for seed in range(rounds)]
    heard = sorted(each[2] * 1e6 for each in runs)
    return Figure(
        requests,
        runs[0][0],
        median(each[1] * 1e6 for each in runs),
        median(heard),
        heard[0],
        heard[-1],
        49 * 4 * median(heard) / 1e4,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench gossip", description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, nargs="+", default=REQUESTS, metavar="N", help="in a quarter second")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="of each, from another seed")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    figures = [measure(requests, args.rounds) for requests in args.requests]
    if args.json:
        print(json.dumps([asdict(figure) for figure in figures], indent=2))
        return
    print("| requests in 0.25 s | bytes | said, µs | heard, µs | least to most | of 49 others, % of a core |")
    print("| --- | --- | --- | --- | --- | --- |")
    for one in figures:
        spread = f"{one.least:.0f} to {one.most:.0f}"
        print(f"| {one.requests:,} | {one.bytes:,} | {one.said:.0f} | {one.heard:.0f} | {spread} | {one.others:.2g} |")


if __name__ == "__main__":
    main()
