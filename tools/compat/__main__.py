"""`scripts/compat [CLIENT ...]`: install the clients, let each do what its users do, and write docs/compatibility.*

Each client talks, through a relay that notes what it sends, to a coordinator and a worker of their own processes: once
to a worker that follows a script in the XML format (tools/compat/conversation.py), so that every step of an agent is
the same each time, and once to the small trained model, where that can do what the client needs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tools.compat import conversation, recorded, report
from tools.compat.install import CLIENTS, Client, Installed, folder, install
from tools.compat.relay import Relay
from tools.compat.socket_relay import SocketRelay
from tools.local_network import MODEL, Network
from tools.seeing_network import SeeingNetwork

RUN_S = 600
FOREIGN = ("SUPERNET_", "OPENAI_", "ANTHROPIC_", "CLAUDE")  # what a user may have set for the clients themselves
CONTEXT = 2**18  # a scripted token is a byte, and an agent's tools come to 50 KB
TRAINED = Path(__file__).parents[2] / "tools" / "tiny_models" / "tiny-qwen3-chat.gguf"


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
    with scripted() as network:
        for client in chosen:
            run, bodies = _try(client, installed[client], network, conversation.said())
            found[client.name]["runs"]["scripted"] = run
            sent = [(path, body) for path, body in bodies if path in recorded.PATHS]
            recorded.keep(_source(client, installed[client]), sent)
            if jobs := [one for one in bodies if one[0] == recorded.JOBS]:
                recorded.keep(_source(client, installed[client]), jobs, recorded.RECORDED_JOBS)
    with _trained() as network:
        for client in chosen:
            if client.trained:
                run, _ = _try(client, installed[client], network, conversation.said_to_the_trained_model())
                found[client.name]["runs"]["trained"] = run
    report.save(found)
    return 1 if report.failures(found) else 0


@contextmanager
def scripted() -> Iterator[Network]:
    with tempfile.TemporaryDirectory(prefix="compat") as name:
        script = Path(name) / "script.json"
        script.write_text(conversation.script_of_agents("qwen-xml"))
        network = SeeingNetwork(Path(name), Path(name) / "no model", context=CONTEXT, format="qwen-xml")
        yield from _served(network, "--scripted", str(script), "--scripted-vision", "--context", str(CONTEXT))


@contextmanager
def _trained() -> Iterator[Network]:
    with tempfile.TemporaryDirectory(prefix="compat") as name:
        yield from _served(Network(Path(name), TRAINED))


def _served(network: Network, *options: str) -> Iterator[Network]:
    try:
        network.start_coordinator()
        network.start_worker(*options)
        yield network
    finally:
        network.close()


def _source(client: Client, installed: Installed) -> recorded.Source:
    version = next(iter(installed.versions.values()))
    return recorded.Source(client.name, version, installed.licence, f"{client.about}, run by scripts/compat")


def _try(
    client: Client, installed: Installed, network: Network, said: dict[str, Any]
) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    """Run the client's program and gather what it tells and what it sent: the requests' fields, and their bodies."""
    print(f"== {client.name} {installed.versions}", flush=True)
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
            installed.command, env=env, stdout=subprocess.PIPE, stderr=errors, timeout=RUN_S, check=False, text=True
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
