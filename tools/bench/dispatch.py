"""What dispatch costs with many workers: a request, a heartbeat while jobs wait, and a second in which nothing happens.

    scripts/bench dispatch [--workers N ...] [--rounds N] [--json]

The real Dispatch with made-up workers of one model, each of its own owner and speed: no socket, no engine. Processor
time of this process, the median of the rounds with the least and the most.
"""

import argparse
import json
import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median

from coordinator.dispatch.dispatch import Dispatch
from coordinator.dispatch.effects import Effect, Placed
from coordinator.scheduler.state import JobSpec, Limits, Peer
from wire.chat import ChatRequest, Message
from wire.messages import Capacity, Hello
from wire.offers import ModelOffer, ModelState, SpeedPoint

MODEL = "m"
WORKERS = (100, 1000, 5000, 10000)
REQUESTS, HEARTBEATS, WAITING = 64, 200, 200
QUESTION = "Say in one sentence what a coordinator does, and who is served by it." * 4


@dataclass(frozen=True)
class Figure:
    """`unit`: of the three."""

    workers: int
    case: str
    unit: str
    median: float
    least: float
    most: float


def fleet(dispatch: Dispatch, workers: int, free: int, draw: random.Random) -> list[str]:
    """Let workers join, each with 4 slots of which so many are free. Returns their sessions."""
    sessions = []
    for n in range(workers):
        session, tps = f"s{n}", draw.lognormvariate(4.0, 0.6)
        reads = tps * draw.lognormvariate(3.0, 0.3)
        speed = tuple(
            SpeedPoint(streams=k, decode_tps=tps * k**0.6, prefill_tps=reads, ttft_ms=50 + 512e3 / reads * k**0.4)
            for k in (1, 2, 4)
        )
        offer = ModelOffer(id=MODEL, context=draw.choice((32768, 65536)), slots=4, speed=speed)
        dispatch.worker_joined(Hello(worker=f"w{n}", instance="i", models=(offer,)), Peer(session, f"a{n}", "k"), 0.0)
        dispatch.received(session, capacity(free), 0.0)
        sessions.append(session)
    return sessions


def capacity(free: int) -> Capacity:
    return Capacity(models=(ModelState(id=MODEL, status="ready", slots=4, free=free),))


def spec(name: str, account: str) -> JobSpec:
    request = ChatRequest(messages=(Message(role="user", content=f"{name} {QUESTION}"),), max_tokens=256)
    return JobSpec(name, account, MODEL, request, seed=1)


def request_s(workers: int, draw: random.Random) -> float:
    """Seconds for one request, from submit to Start, with free slots everywhere."""
    dispatch = Dispatch()
    fleet(dispatch, workers, 4, draw)
    specs = [spec(f"j{n}.0", f"client{n}") for n in range(min(REQUESTS, workers))]
    effects: list[list[Effect]] = []
    took = _seconds(lambda: effects.extend(dispatch.submit(each, 1.0) for each in specs))
    assert all(any(isinstance(one, Placed) for one in each) for each in effects)
    return took / len(specs)


def heartbeat_s(workers: int, draw: random.Random) -> float:
    """Seconds for one Capacity that says nothing new, while jobs wait because every slot is taken."""
    dispatch = Dispatch(Limits(queue=2 * WAITING, queue_per_account=2 * WAITING))
    sessions = fleet(dispatch, workers, 0, draw)
    for n in range(WAITING):
        dispatch.submit(spec(f"j{n}.0", "client"), 1.0)
    beat, asked = capacity(0), [draw.choice(sessions) for _ in range(HEARTBEATS)]

    def beats() -> None:
        for session in asked:
            dispatch.received(session, beat, 2.0)

    return _seconds(beats) / HEARTBEATS


def idle_s(workers: int, draw: random.Random) -> float:
    """Seconds that a second of ticks takes when nothing happens."""
    dispatch = Dispatch()
    fleet(dispatch, workers, 4, draw)
    return _seconds(lambda: [dispatch.tick(1.0 + n / 4) for n in range(4)])


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


CASES: dict[str, tuple[Callable[[int, random.Random], float], float, str]] = {
    "submit and place": (request_s, 1e3, "ms a request"),
    "heartbeat, 200 jobs wait": (heartbeat_s, 1e6, "µs a frame"),
    "idle": (idle_s, 100, "% of a core"),
}


def measure(workers: int, rounds: int) -> list[Figure]:
    figures = []
    for case, (run, scale, unit) in CASES.items():
        each = sorted(run(workers, random.Random(seed)) * scale for seed in range(rounds))
        figures.append(Figure(workers, case, unit, median(each), each[0], each[-1]))
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench dispatch", description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, nargs="+", default=WORKERS, metavar="N", help="sizes of the fleet")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="of each case, from another seed each")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    figures = [figure for workers in args.workers for figure in measure(workers, args.rounds)]
    if args.json:
        print(json.dumps([asdict(figure) for figure in figures], indent=2))
        return
    print("| workers | case | median | least to most | unit |\n| --- | --- | --- | --- | --- |")
    for one in figures:
        print(f"| {one.workers:,} | {one.case} | {one.median:.3g} | {one.least:.3g} to {one.most:.3g} | {one.unit} |")


if __name__ == "__main__":
    main()
