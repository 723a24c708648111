"""`scripts/compat [CLIENT ...]`: install the clients, let each do what its users do, and write docs/compatibility.*

Each client talks, through a relay that notes what it sends, to a coordinator and a worker of their own processes: to
a worker that follows a script in the XML format, so that every step of an agent is the same each time, and to small
trained models, where those can do what the client needs. Those that have things drawn do it both ways too
(tools/compat/runs.py has all four).
"""

import argparse
import json
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime
from typing import Any

from tools.compat import recorded, report
from tools.compat.install import CLIENTS, Client, Installed, Program, folder, install
from tools.compat.relay import Relay
from tools.compat.runs import RUNS
from tools.compat.socket_relay import SocketRelay
from tools.local_network import MODEL, Network

RUN_S = 1800
FOREIGN = ("SUPERNET_", "OPENAI_", "ANTHROPIC_", "CLAUDE")  # what a user may have set for the clients themselves


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
                run, bodies = _try(client, installed[client], program, network, way.said)
                found[client.name]["runs"][way.kind] = run
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


def _try(
    client: Client, installed: Installed, program: Program, network: Network, said: dict[str, Any]
) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    """Run a program of the client's and gather what it tells, and what it sent: fields and bodies."""
    print(f"== {client.name} {installed.versions}: {program[0]}", flush=True)
    relay = Relay(network.url)
    sockets = SocketRelay(network.url)
    for server in (relay, sockets):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    env = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    env |= installed.environment
    env |= {"CLIENT_URL": f"{relay.url}/v1", "CLIENT_KEY": network.key, "CLIENT_MODEL": MODEL}
    env |= {"CLIENT_SAID": json.dumps(said), "CLIENT_SOCKET": sockets.url}
    log = folder() / f"{client.name}.log"
    with log.open("w") as errors:
        ran = subprocess.run(
            installed.command(program),
            env=env,
            stdout=subprocess.PIPE,
            stderr=errors,
            timeout=RUN_S,
            check=False,
            text=True,
        )
    for server in (relay, sockets):
        server.shutdown()
    outcomes = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith('{"feature"')]
    if ran.returncode != 0 or not outcomes:
        outcomes.append({"feature": "run", "ok": False, "remark": f"exit code {ran.returncode}: see {log}"})
    for each in outcomes:
        print(f"  {report.MARKS[each['ok']]:7} {each['feature']} {each['remark']}", flush=True)
    run = {
        "outcomes": outcomes,
        "requests": dict(sorted(relay.requests.items())),
        "fields": {path: sorted(names) for path, names in sorted(relay.fields.items())},
        "headers": sorted(relay.headers),
        "refused": relay.refused,
    }
    return run, relay.bodies + [(recorded.JOBS, job) for job in sockets.jobs]


if __name__ == "__main__":
    sys.exit(main())
