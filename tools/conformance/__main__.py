"""scripts/conformance [-- COMMAND ...]: tests a worker of any make against the protocol of docs/protocol.md.

It listens as a coordinator and waits for the worker to dial. COMMAND starts the worker, with {url} and {key} replaced
(they stand in SUPERNET_COORDINATOR and SUPERNET_KEY too); without one, start it by hand. Its model must be able to give
2,000 tokens. Status 0: all checks passed; 1: some did not; 2: the call was wrong.
"""

import argparse
import asyncio
import json
import os
import shutil
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass

from tools.children import stop
from tools.conformance.checks import CHECKS
from tools.conformance.coordinator import KEY, Coordinator, Violation, listening


@dataclass(frozen=True)
class Outcome:
    """`problem` is empty if the check passed."""

    check: str
    passed: bool
    problem: str
    about: str


async def run(kit: Coordinator, names: Sequence[str]) -> list[Outcome]:
    """One after the other; after a violation the line is cut, so that the next check begins with a new one."""
    outcomes = []
    for name in names:
        about = " ".join((CHECKS[name].__doc__ or "").split())
        try:
            await CHECKS[name](kit)
        except Violation as violation:
            outcomes.append(Outcome(name, False, str(violation), about))
            kit.attempts.clear()
            await kit.drop()
        else:
            outcomes.append(Outcome(name, True, "", about))
        _say(outcomes[-1])
    return outcomes


def _say(outcome: Outcome) -> None:
    verdict = "pass" if outcome.passed else "FAIL"
    print(f"{verdict}  {outcome.check:18} {outcome.problem or outcome.about}", file=sys.stderr)


@asynccontextmanager
async def worker(command: Sequence[str], url: str) -> AsyncIterator[Process | None]:
    """The worker under test as a child, ended with the block; nothing for an empty command."""
    if not command:
        yield None
        return
    filled = [word.replace("{url}", url).replace("{key}", KEY) for word in command]
    environment = os.environ | {"SUPERNET_COORDINATOR": url, "SUPERNET_KEY": KEY}
    process = await asyncio.create_subprocess_exec(*filled, env=environment)
    try:
        yield process
    finally:
        await stop(process)


async def test(command: Sequence[str], names: Sequence[str], port: int) -> list[Outcome]:
    async with listening(port) as kit:
        print(f"listening on {kit.url} for a worker with the key {KEY}", file=sys.stderr)
        async with worker(command, kit.url):
            return await run(kit, names)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/conformance", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0, help="to listen on (default: a free one)")
    parser.add_argument("--check", action="append", choices=CHECKS, help="only this; can be repeated")
    parser.add_argument("--json", action="store_true", help="one line of JSON a check on stdout")
    parser.add_argument("command", nargs="*", help="starts the worker; {url} and {key} are replaced")
    given = parser.parse_args(argv)
    if given.command and shutil.which(given.command[0]) is None:
        parser.error(f"there is no command {given.command[0]}")
    outcomes = asyncio.run(test(given.command, given.check or list(CHECKS), given.port))
    if given.json:
        print("\n".join(json.dumps(asdict(outcome)) for outcome in outcomes))
    failed = sum(not outcome.passed for outcome in outcomes)
    print(f"{len(outcomes) - failed} passed, {failed} failed", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
