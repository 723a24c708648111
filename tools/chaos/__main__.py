"""`scripts/chaos`: real processes, and what they show when things go wrong or much comes at once.

    kill      workers are killed -9, one every few seconds, while clients read
    cut       the only worker's line is dead for 5 s, again and again
    roll      SIGTERM to one worker after another, each replaced by a new one
    cancel    clients leave: how long their slots stay taken
    overload  five times as many requests as can be served, and a client that reads nothing
    swarm     a thousand workers and streams; the coordinator is killed and comes back
    liars     a worker of each kind of lie beside an honest one, or four of twelve: what becomes of a hundred jobs, and
              when the liar rests
    cluster   three coordinators, NATS, PostgreSQL and a balancer: each part killed, frozen or replaced in turn

Leaves with 1 if an answer was lost, wrong, or a request was not told when to come back, or a liar did more harm than it
may.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from tools.chaos import cancel, faults, liars, overload, swarm
from tools.chaos.cluster.run import MEASURED
from tools.chaos.cluster.run import run as run_cluster
from tools.liars import COMPANIES, KINDS

MODEL_FILE = Path(__file__).parents[1] / "tiny_models" / "tiny-qwen3-chat.gguf"
BAD = ("failed", "wrong_texts", "generated_twice", "refused_without_retry_after", "missed")


def main() -> int:
    asked = arguments()
    with tempfile.TemporaryDirectory(prefix="supernet-chaos-") as folder:
        rows = asyncio.run(measure(asked, Path(folder)))
    print(json.dumps(rows) if asked.json else "\n".join(f"{name:32} {value}" for name, value in rows.items()))
    return 1 if any(rows.get(name) for name in BAD) else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("kill", "cut", "roll", "cancel", "overload", "swarm", "liars", "cluster"))
    jobs = "kill, cut, roll: streams at least (800); cluster: for each fault (800); liars: of each kind (100)"
    parser.add_argument("--jobs", type=int, help=jobs)
    parser.add_argument("--faults", type=int, help="kill, cut, roll: how many (50); cluster: of each kind (10)")
    parser.add_argument("--only", default=",".join(MEASURED), help=f"cluster: which ({','.join(MEASURED)})")
    parser.add_argument("--real", action="store_true", help="kill, cut, roll: a small model on the real engine")
    parser.add_argument("--rounds", type=int, default=50, help="cancel: leavers of each kind (50)")
    parser.add_argument("--seconds", type=float, default=60, help="overload, swarm: how long (60)")
    parser.add_argument("--workers", type=int, default=1000, help="swarm: how many (1000)")
    parser.add_argument("--streams", type=int, default=1000, help="swarm: how many at once (1000)")
    parser.add_argument("--pace-s", type=float, default=1.0, help="swarm: seconds between two tokens of a stream (1)")
    parser.add_argument("--kinds", default=",".join(KINDS), help=f"liars: which ({','.join(KINDS)})")
    parser.add_argument(
        "--company",
        choices=("one", *COMPANIES),
        default="one",
        help="liars: one beside an honest one, or four of twelve",
    )
    parser.add_argument(
        "--every-s", type=float, default=1.0, help="liars, four of twelve: seconds between two jobs (1)"
    )
    parser.add_argument("--json", action="store_true", help="the result as one line of JSON")
    return parser.parse_args()


async def measure(asked: argparse.Namespace, folder: Path) -> dict[str, object]:
    match asked.what:
        case "cancel":
            return await cancel.run(folder, MODEL_FILE, asked.rounds)
        case "overload":
            return await overload.run(folder, asked.seconds)
        case "liars":
            kinds = tuple(asked.kinds.split(","))
            return await liars.run(folder, MODEL_FILE, asked.jobs or 100, kinds, asked.company, asked.every_s)
        case "swarm":
            return await swarm.run(folder, asked.workers, asked.streams, asked.seconds, asked.pace_s)
        case "cluster":
            return await run_cluster(folder, asked.only.split(","), asked.jobs or 800, asked.faults or 10)
    report = await faults.run(
        asked.what, asked.jobs or 800, asked.faults or 50, folder, MODEL_FILE if asked.real else None
    )
    return report.rows()


if __name__ == "__main__":
    sys.exit(main())
