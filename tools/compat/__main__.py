"""`scripts/compat [CLIENT ...]`: install the clients, let each do what its users do, and write docs/compatibility.*

Each client talks, through a relay that notes what it sends, to a coordinator and a worker of their own processes: to
a worker that follows a script in the XML format, so that every step of an agent is the same each time, and to small
trained models, where those can do what the client needs. Those that have things drawn do it both ways too
(tools/compat/runs.py has all four).
"""

import argparse
import sys
from datetime import UTC, datetime
from typing import Any

from tools.compat import recorded, report
from tools.compat.install import CLIENTS, Client, Installed, install
from tools.compat.program_run import run
from tools.compat.runs import RUNS


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/compat", description=__doc__.partition("\n")[0])
    parser.add_argument("clients", nargs="*", metavar="CLIENT", help=", ".join(client.name for client in CLIENTS))
    parser.add_argument("--page", action="store_true", help="only write the page again, out of the last runs")
    args = parser.parse_args()
    wanted = args.clients
    if args.page:
        report.save(report.load())
        return 0
    if unknown := set(wanted) - {client.name for client in CLIENTS}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    chosen = [client for client in CLIENTS if not wanted or client.name in wanted]
    installed = {client: install(client) for client in chosen}
    found = report.load()
    for client in chosen:
        today = datetime.now(UTC).date().isoformat()
        versions = installed[client].versions
        found[client.name] = {"about": client.about, "versions": versions, "date": today, "runs": {}}
    sent: dict[Client, list[tuple[str, Any]]] = {client: [] for client in chosen}
    for way in RUNS:
        programs = {client: program for client in chosen if (program := way.program(client)) is not None}
        if not programs:
            continue
        with way.network() as network:
            for client, program in programs.items():
                found[client.name]["runs"][way.kind], bodies = run(
                    client, installed[client], program, network, way.said
                )
                sent[client] += bodies if way.kept else []
    for client in chosen:
        _keep(client, installed[client], sent[client])
    report.save(found)
    return 1 if report.failures(found) else 0


def _keep(client: Client, installed: Installed, bodies: list[tuple[str, Any]]) -> None:
    version = next(iter(installed.versions.values()))
    source = recorded.Source(client.name, version, installed.licence, f"{client.about}, run by scripts/compat")
    recorded.keep(source, [(path, body) for path, body in bodies if path in recorded.PATHS])
    if jobs := [one for one in bodies if one[0] == recorded.JOBS]:
        recorded.keep(source, jobs, recorded.RECORDED_JOBS)


if __name__ == "__main__":
    sys.exit(main())
