"""`scripts/compat [CLIENT ...]`: install the clients, let each do what its users do, and write docs/compatibility.*

Each client talks through a relay, which notes what it sends, to a coordinator and a worker of their own processes. The
worker follows a script (tests/e2e/conversation.py) in the XML format, so every step of an agent is the same each time.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scripts.clients import report
from scripts.clients.install import CLIENTS, Client, Installed, folder, install
from scripts.clients.relay import Relay
from tests.e2e import conversation
from tests.e2e.network import MODEL, Network

RUN_S = 600
CONTEXT = 2**18  # a scripted token is a byte, and an agent's tools come to 50 KB


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/compat", description=__doc__.partition("\n")[0])
    parser.add_argument("clients", nargs="*", metavar="CLIENT", help=", ".join(client.name for client in CLIENTS))
    wanted = parser.parse_args().clients
    if unknown := set(wanted) - {client.name for client in CLIENTS}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    found = report.load()
    with tempfile.TemporaryDirectory(prefix="compat") as name:
        network, relay = _network(Path(name))
        try:
            for client in CLIENTS:
                if not wanted or client.name in wanted:
                    print(f"== {client.name}", flush=True)
                    found[client.name] = _try(client, install(client), relay, network.key)
                    report.save(found)
        finally:
            relay.shutdown()
            network.close()
    return 0 if all(each["ok"] is not False for run in found.values() for each in run["outcomes"]) else 1


def _network(folder: Path) -> tuple[Network, Relay]:
    network = Network(folder, folder / "no model", context=CONTEXT, format="qwen-xml")
    (folder / "script.json").write_text(conversation.script_of_agents("qwen-xml"))
    network.start_coordinator()
    network.start_worker("--scripted", str(folder / "script.json"), "--context", str(CONTEXT))
    relay = Relay(network.url)
    threading.Thread(target=relay.serve_forever, daemon=True).start()
    return network, relay


def _try(client: Client, installed: Installed, relay: Relay, key: str) -> dict[str, Any]:
    """Run the client's program and gather what it tells and what it sent."""
    relay.forget()
    env = {name: value for name, value in os.environ.items() if not name.startswith(("SUPERNET_", "OPENAI_"))}
    env |= installed.environment
    env |= {"CLIENT_URL": f"{relay.url}/v1", "CLIENT_KEY": key, "CLIENT_MODEL": MODEL}
    env |= {"CLIENT_SAID": json.dumps(conversation.said())}
    log = folder() / f"{client.name}.log"
    with log.open("w") as errors:
        ran = subprocess.run(
            installed.command, env=env, stdout=subprocess.PIPE, stderr=errors, timeout=RUN_S, check=False, text=True
        )
    outcomes = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith('{"feature"')]
    if ran.returncode != 0 or not outcomes:
        outcomes.append({"feature": "run", "ok": False, "remark": f"exit code {ran.returncode}: see {log.name}"})
    for each in outcomes:
        print(f"  {report.MARKS[each['ok']]:7} {each['feature']} {each['remark']}")
    return {
        "versions": installed.versions,
        "about": client.about,
        "date": datetime.now(UTC).date().isoformat(),
        "outcomes": outcomes,
        "requests": dict(sorted(relay.requests.items())),
        "fields": {path: sorted(names) for path, names in sorted(relay.fields.items())},
        "headers": sorted(relay.headers),
        "refused": relay.refused,
    }


if __name__ == "__main__":
    sys.exit(main())
