"""docs/compatibility.md out of the last runs (docs/compatibility.json) and the survey of request fields."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from coordinator.sogni.paths import NOT_OFFERED
from tools.compat import recorded
from tools.compat.fields import APIS, Api, survey
from tools.compat.install import NOT_RUN
from tools.compat.verdicts import judge

DOCS = Path(__file__).parents[2] / "docs"
DATA, PAGE = DOCS / "compatibility.json", DOCS / "compatibility.md"
MARKS = {True: "yes", False: "FAILED", None: "-"}  # None: the client has no such thing
RUNS = {
    "scripted": "With a worker that follows a script, in the XML format of Qwen3.5: thoughts, calls one after another, "
    "three calls at once.",
    "trained": "With a real model of 1.3 M weights that was trained to call functions, in the JSON format of Qwen3: "
    "one call, two calls at once.",
    "drawing": "With a worker that follows a script and makes small files: what the tools of the network make in chats "
    "and responses, and what its endpoints for pictures and films do. Each link was followed, and its file looked at.",
    "drawing trained": "With a real model that was trained to ask for pictures, and a real pipeline of diffusers that "
    "was trained to draw them.",
}
TO_THE_SCRIPT = ("scripted", "drawing")

Runs = dict[str, dict[str, Any]]

INTRO = """\
# Compatibility

Made by `scripts/compat`; do not edit. It installs the newest release of each client, lets it do what its users do
against a coordinator and a worker in processes of their own, and notes what came of it and what it sent. Nothing is
listed that did not run. `yes`: the client did it and the outcome was checked. `-`: the client has no such thing. Empty:
not tried.
"""


def load() -> Runs:
    runs: Runs = json.loads(DATA.read_text()) if DATA.exists() else {}
    return runs


def save(runs: Runs) -> None:
    DOCS.mkdir(exist_ok=True)
    DATA.write_text(json.dumps(runs, indent=1, ensure_ascii=False) + "\n")
    PAGE.write_text(page(runs))


def failures(runs: Runs) -> list[str]:
    """What did not work, as `client, run: feature`."""
    return [
        f"{name}, {kind}: {each['feature']}"
        for name, client in runs.items()
        for kind, run in client["runs"].items()
        for each in run["outcomes"]
        if each["ok"] is False
    ]


def page(runs: Runs) -> str:
    parts = [INTRO, _clients(runs)]
    for kind, about in RUNS.items():
        parts.append(f"## What the answers' features come to: {kind}\n\n{about}\n\n{_features(runs, kind)}")
    for api in APIS:
        parts.append(f"## Request fields of POST {api.path}\n\n{FIELDS}\n\n{_fields(runs, api)}")
    parts.append(f"## Sogni's own SDKs\n\n{SOGNI}\n\n{_not_offered()}")
    parts.append(f"## Recorded requests\n\n{RECORDED}\n\n{_sources()}")
    return "\n".join(parts)


FIELDS = """\
Read off the code that reads requests: a field is honoured when a body with it makes another job than the body without,
and more than a label of it. A field that is not here is refused by name with 400. `sent by`: the clients above that
sent it."""


SOGNI = """\
What works of them is in the tables above: hosted chat over HTTP, and over their socket signing in by key, models, chats
whole and streamed with tools and pictures, estimate, balance, cancel. Their paths below are answered with `not_offered`
and these words; media projects over the socket (`jobRequest`) as those over HTTP."""

RECORDED = """\
Requests of these programs, kept without their words in tests/tools/recorded_requests.jsonl: of those that the clients
above sent, and of what the test suites of SDKs and frameworks send or have recorded before the real services, each that
has a field or a choice that none before it of the same source has. A test reads them with the code that reads requests.
`whole`: nothing of them is refused. What suites ask on purpose, without a message or with a value that is none, counts
as refused too."""


def _not_offered() -> str:
    return _table(("path begins with", "what is said"), ((f"`{start}`", words) for start, words in NOT_OFFERED.items()))


def _sources() -> str:
    sources, requests = recorded.load()
    apis = {api.path: api for api in APIS}
    rows = []
    for name, source in sorted(sources.items()):
        verdicts = [judge(apis[one.path], one.body) for one in requests if one.source == name]
        whole = sum(not verdict.refused for verdict in verdicts)
        refused = sorted({field for verdict in verdicts for field, _ in verdict.refused})
        shown = ", ".join(f"`{field}`" for field in refused)
        rows.append((name, source.version, source.licence, source.about, str(len(verdicts)), str(whole), shown))
    total = ("together", "", "", "", *(str(sum(int(row[at]) for row in rows)) for at in (4, 5)), "")
    return _table(("source", "version", "licence", "what it is", "requests", "whole", "refused"), [*rows, total])


def _clients(runs: Runs) -> str:
    rows = []
    for name, client in runs.items():
        versions = ", ".join(f"{package} {version}" for package, version in client["versions"].items())
        asked = sum((Counter(client["runs"].get(kind, {}).get("requests")) for kind in TO_THE_SCRIPT), Counter[str]())
        requests = ", ".join(f"{count} x {request}" for request, count in sorted(asked.items()))
        rows.append((name, client["about"], versions, client["date"], requests))
    table = _table(("client", "what it is", "version", "run on", "requests to the script"), rows)
    without = "".join(f"\nNot run: {name}, because {why}.\n" for name, why in NOT_RUN.items())
    return f"## Clients\n\n{table}{without}"


def _features(runs: Runs, kind: str) -> str:
    clients = {name: client["runs"][kind]["outcomes"] for name, client in runs.items() if kind in client["runs"]}
    features = dict.fromkeys(each["feature"] for outcomes in clients.values() for each in outcomes)
    rows = []
    for feature in features:
        marks = {
            name: each["ok"] for name, outcomes in clients.items() for each in outcomes if each["feature"] == feature
        }
        rows.append((feature, *(MARKS[marks[name]] if name in marks else "" for name in clients)))
    return _table(("feature", *clients), rows)


def _fields(runs: Runs, api: Api) -> str:
    rows = []
    for row in survey(api):
        senders = [
            name
            for name, client in runs.items()
            if any(row.field in run["fields"].get(api.path, ()) for run in client["runs"].values())
        ]
        rows.append((f"`{row.field}`", row.outcome, row.remark, ", ".join(senders)))
    return _table(("field", "here", "remark", "sent by"), rows)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = tuple(head)
    lines = [head, ("---",) * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
