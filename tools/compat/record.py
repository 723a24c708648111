"""`python -m tools.compat.record NAME VERSION LICENCE ABOUT -- COMMAND...`: keep what other people's programs ask.

The command runs against a coordinator and a scripted worker of their own, behind a relay, and finds them in its
environment, in the variables that SDKs and their test suites read. What is refused is kept too, and the exit status
counts for nothing: a suite asks for much that is not served here. Where a suite mocks the network, pytest's plugin
programs/keep_sent.py tells what was sent. In the place of a command, `cassettes FOLDER PATH` reads what a suite of
others has recorded with VCR while it asked the real service; PATH is that of requests whose address was struck out.
"""

import gzip
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from tools.compat import conversation, recorded
from tools.compat.install import PROGRAMS
from tools.compat.program_run import FOREIGN, RUN_S
from tools.compat.relay import Relay
from tools.compat.runs import scripted
from tools.local_network import MODEL


def main() -> int:
    if len(sys.argv) < 7 or sys.argv[5] != "--":
        print(__doc__, file=sys.stderr)
        return 2
    source, command = recorded.Source(*sys.argv[1:5]), sys.argv[6:]
    sent = list(cassettes(Path(command[1]), command[2]) if command[0] == "cassettes" else _run(command))
    requests = [(path, body) for at, body in sent for path in recorded.PATHS if at.endswith(path.removeprefix("/v1"))]
    kept = recorded.keep(source, requests)
    print(f"{source.name}: {len(sent)} bodies, {len(requests)} of them requests of these APIs, {kept} different")
    return 0


def _run(command: list[str]) -> list[tuple[str, Any]]:
    """Every body with its path."""
    with scripted() as network, tempfile.TemporaryDirectory() as folder:
        relay = Relay(network.url)
        threading.Thread(target=relay.serve_forever, daemon=True).start()
        kept = Path(folder) / "sent"
        try:
            subprocess.run(command, env=_environment(relay.url, network.key, kept), timeout=RUN_S, check=False)
        except subprocess.TimeoutExpired:
            print(f"  ended after {RUN_S} s: what came until then is kept", file=sys.stderr)
        relay.shutdown()
        lines = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    for refused in relay.refused:
        print(f"  {refused}", file=sys.stderr)
    return relay.bodies + [(line["path"], line["body"]) for line in lines]


def _environment(url: str, key: str, sent: Path) -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    env |= {"CLIENT_URL": f"{url}/v1", "CLIENT_KEY": key, "CLIENT_MODEL": MODEL, "CLIENT_SENT": str(sent)}
    env |= {"CLIENT_SAID": json.dumps(conversation.said()), "PYTHONPATH": str(PROGRAMS)}
    env |= {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_BASE": f"{url}/v1", "OPENAI_API_KEY": key}
    env |= {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": key}
    return env | {"TEST_API_BASE_URL": f"{url}/v1" if "openai" in sys.argv[1] else url}


def cassettes(folder: Path, struck_out: str) -> Iterator[tuple[str, Any]]:
    for file in sorted(folder.rglob("*.yaml*")):
        text = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        tape = yaml.load(text, _Plain)
        for entry in tape.get("requests") or [one["request"] for one in tape.get("interactions", ())]:
            body = entry.get("body") or b""
            body = body.get("string", b"") if isinstance(body, dict) and "string" in body else body
            try:
                sent = body if isinstance(body, dict) else json.loads(body)
            except ValueError:
                continue  # no JSON, or compressed
            yield urlsplit(entry["uri"]).path if "/" in entry["uri"] else _path(sent, struck_out), sent


def _path(sent: Any, messages: str) -> str:
    """Where a body went whose address was struck out. A list of texts went to be made into vectors."""
    if "input" in sent:
        return "/v1/embeddings" if "encoding_format" in sent else "/v1/responses"
    return messages


class _Plain(yaml.SafeLoader):
    """Tags of Python's objects, which cassettes have around headers, count for nothing."""


_Plain.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, tag, node: None)

if __name__ == "__main__":
    sys.exit(main())
