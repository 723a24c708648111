"""Whether several replicas are as fair and as strict as one, in virtual time: real cores, made-up workers and bus.

    scripts/bench cluster-fairness [--runs N] [--seconds N] [--json]

Three replicas with a third of the workers each, of which the balancer gives one 60, one 30 and one 10 of 100 requests;
the peer is one process with all the workers. A small account's median wait beside one that asks 50 times as often; the
shares of accounts that ask for more than there is, beside their weights; and what a key gets that floods every replica.
"""

import argparse
from collections import defaultdict
from statistics import median

from coordinator.accounts.quota import Quota
from coordinator.admission.rate_limits import RateLimited
from coordinator.dispatch.effects import Deliver, Effect, Failed, Finished
from coordinator.scheduler.fairness import cost
from tools.bench.cluster_fairness.world import LIMITS, Shape, World
from tools.bench.comparison import Row, as_json, row, table

REPLICAS = 3
SMALL_EVERY_S, TIMES = 1 / 3, 50
AT_ONCE = 90  # requests of each account that has a weight
RPM, FLOODED_S = 60, 600.0
SMALL, GREEDY = Shape(1000, 40, 40), Shape(100, 20, 100)
WEIGHTED = {1: Shape(600, 20, 80), 2: Shape(100, 40, 160), 4: Shape(300, 30, 120)}  # by the account's weight

# ---- the wait of a small account -------------------------------------------------------------------------------------


def come(world: World, account: str, shape: Shape, mean_s: float, until: float) -> list[float]:
    """Requests at random times, `mean_s` apart on average. Returns the waits for first tokens, as they become known."""
    waits: list[float] = []

    def one() -> None:
        began, first = world.now, [True]

        def heard(effect: Effect) -> None:
            if isinstance(effect, Deliver) and first:
                waits.append(world.now - began)
                first.clear()

        world.ask(account, 1.0, shape, heard)
        again()

    def again() -> None:
        at = world.now + world.dice.expovariate(1 / mean_s)
        if at < until:
            world.timeline.at(at, one)

    again()
    return waits


def wait_s(replicas: int, seconds: float, seed: int) -> float:
    """The small account's median wait beside the greedy one."""
    world = World(replicas, seed)
    until = world.now + seconds
    waits = come(world, "small", SMALL, SMALL_EVERY_S, until)
    come(world, "greedy", GREEDY, SMALL_EVERY_S / TIMES, until)
    world.timeline.run(until + LIMITS.queue_wait_s)
    return median(waits)


# ---- shares ----------------------------------------------------------------------------------------------------------


def shares(replicas: int, seconds: float, seed: int) -> dict[int, float]:
    """What share accounts that always ask for more are served, by their weight; counted from `seconds` on, twice as
    long."""
    world = World(replicas, seed)
    begin = world.now + seconds
    served: dict[int, float] = defaultdict(float)

    def keep_asking(weight: int) -> None:
        shape, first = WEIGHTED[weight], [True]

        def heard(effect: Effect) -> None:
            if isinstance(effect, Deliver):
                counts = world.now >= begin
                served[weight] += counts * cost(shape.prompt if first else 0, len(effect.delta.tokens))
                first.clear()
            elif isinstance(effect, Finished):
                keep_asking(weight)
            elif isinstance(effect, Failed):
                raise SystemExit(f"bench: a request failed: {effect.error.message}")

        world.ask(f"weight{weight}", weight, shape, heard)

    for weight in WEIGHTED:
        for _ in range(AT_ONCE):
            keep_asking(weight)
    world.timeline.run(begin + 2 * seconds)
    return {weight: served[weight] / sum(served.values()) for weight in WEIGHTED}


# ---- a key that floods every replica ---------------------------------------------------------------------------------


def flood(replicas: int) -> tuple[int, float]:
    """How many requests of a key with RPM a minute are admitted at once, and then a minute: it always asks all."""
    world = World(replicas, 0)
    chain, admitted = (("key", Quota(RPM, 0, 0)),), list[float]()
    began = world.now
    while world.now < began + FLOODED_S:
        for site in world.sites:
            try:
                while True:
                    site.rates.request(chain, world.now)
                    admitted.append(world.now)
            except RateLimited:
                pass
        world.timeline.run(world.now + 0.1)
    burst = sum(at == began for at in admitted)
    return burst, (len(admitted) - RPM) / (FLOODED_S / 60)


# ---- all of it -------------------------------------------------------------------------------------------------------


def measure(runs: int, seconds: float) -> list[Row]:
    three, one = ([wait_s(replicas, seconds, seed) for seed in range(runs)] for replicas in (REPLICAS, 1))
    rows = [row("median wait of a small account; peer: one process", "s", three, one)]
    got = [shares(REPLICAS, seconds, seed) for seed in range(runs)]
    of = sum(WEIGHTED)
    for weight in WEIGHTED:
        each = [shared[weight] for shared in got]
        rows.append(row(f"share of weight {weight} of {of}; peer: by weight", "share", each, [weight / of] * runs))
    (burst, a_minute), (alone, alone_a_minute) = flood(REPLICAS), flood(1)
    rows.append(row("a flooding key: requests at once; peer: one process", "requests", [burst], [alone]))
    rows.append(row("the same: beyond one minute's worth; peer: one process", "a minute", [a_minute], [alone_a_minute]))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser("scripts/bench cluster-fairness", description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=120.0, help="of virtual time; for shares three times as long")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows = measure(asked.runs, asked.seconds)
    print(as_json(rows) if asked.json else table(rows))


if __name__ == "__main__":
    main()
