"""One run of a program of a client's, between it and the network a relay that notes what it sends."""

import json
import os
import subprocess
import threading
from typing import Any

from tools.compat import recorded, report
from tools.compat.install import Client, Installed, Program, folder
from tools.compat.relay import Relay
from tools.compat.socket_relay import SocketRelay
from tools.local_network import MODEL, Network

RUN_S = 1800
FOREIGN = ("SUPERNET_", "OPENAI_", "ANTHROPIC_", "CLAUDE")  # what a user may have set for the clients themselves


def run(
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
        server.server_close()
    outcomes = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith('{"feature"')]
    if ran.returncode != 0 or not outcomes:
        outcomes.append({"feature": "run", "ok": False, "remark": f"exit code {ran.returncode}: see {log}"})
    for each in outcomes:
        print(f"  {report.MARKS[each['ok']]:7} {each['feature']} {each['remark']}", flush=True)
    told = {
        "outcomes": outcomes,
        "requests": dict(sorted(relay.requests.items())),
        "fields": {path: sorted(names) for path, names in sorted(relay.fields.items())},
        "headers": sorted(relay.headers),
        "refused": relay.refused,
    }
    return told, relay.bodies + [(recorded.JOBS, job) for job in sockets.jobs]
