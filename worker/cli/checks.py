"""`--check`: is everything here that serving needs? A list of findings, each with what to do about it.

Every finding comes from a probe that is handed in, so that the list itself is the same on every machine.
"""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from program.printable import printable
from program.versions import newer
from wire.messages import WORKER_PATH, Issue
from worker.daemon import reach
from worker.daemon.reason import Reason
from worker.issues import issue
from worker.machine.description import Machine

GIB = 2**30
TIMEOUT_S = 10.0
MAX_ANSWER_BYTES, WORDS = 1 * 2**20, 300
TESTED = frozenset({"CUDA", "Vulkan"})  # backends of ggml that a test of ours has run on; not ROCm (HIP), Metal, SYCL


@dataclass(frozen=True)
class Finding:
    """One line of --check.

    `ok` False: serving will not work; None: it will, but see the message. `code`: the problem's row of issues.py.
    """

    name: str
    ok: bool | None
    message: str
    remedy: str = ""
    code: str = ""


@dataclass(frozen=True)
class Answer:
    """The answer to an HTTP request. `status` 0: none came, and `text` says why. `remedy`: what to do, if known."""

    status: int
    text: str = ""
    remedy: str = ""


Get = Callable[[str, dict[str, str]], Answer]


@dataclass(frozen=True)
class Target:
    """What is checked. `coordinator` is an http(s) address; `missing`: the model or its projector has to be fetched,
    `needed_bytes` of it, 0 if nobody can say. `serving`: the daemon runs, and holds memory itself. `serves_text`: all
    but the projector is here, and without that text is served."""

    coordinator: str | None
    key: str | None
    missing: bool
    folder: Path
    needed_bytes: int
    serving: bool = False
    serves_text: bool = False


@dataclass(frozen=True)
class Probes:
    """How to find out. `free_disk` takes a folder that may not exist yet; `gpu_problems`: why llama.cpp cannot use the
    GPUs of the machine; `engine`: why it computes wrong or slowly; `cap`: whether the models fit under their owner's,
    None where there is none; `hub`: will it give the files; `model`: what is wrong with the files that are here, or how
    they do not fit, None where no chat is wanted; `vision`: whether it will see pictures, None of a model that cannot;
    `media`: as `model`, of a pipeline; `daemon`: problems that the running daemon has, or why it is not known."""

    machine: Callable[[], Machine]
    gpu_problems: Callable[[Machine], tuple[Issue, ...]]
    engine: Callable[[Machine], Issue | None]
    free_disk: Callable[[Path], int]
    cap: Callable[[], Issue | str | None]
    hub: Callable[[], Issue | str]
    model: Callable[[], Issue | str | None]
    vision: Callable[[], Issue | str | None]
    media: Callable[[], Issue | str | None]
    daemon: Callable[[], tuple[Issue, ...] | str]
    get: Get
    version: Callable[[], str] = lambda: metadata.version("supernet")


def check(target: Target, probes: Probes) -> list[Finding]:
    """Look at everything that serving needs, and return a finding for each."""
    machine = probes.machine()
    problems = {problem.code: problem for problem in probes.gpu_problems(machine)}
    return [
        _driver(machine, problems.pop("driver_too_old", None) or problems.pop("driver_missing", None)),
        *(_bad("gpu", problem) for problem in problems.values()),
        *_gpu(machine, bool(problems), target.serving),
        _engine(probes.engine(machine)),
        _memory(machine, target.serving),
        _disk(target, probes.free_disk),
        *_wanted("models cap", probes.cap()),
        _hub(target, probes.hub),
        *_wanted("model", probes.model()),
        *_wanted("vision", probes.vision()),
        *_wanted("media", probes.media()),
        _coordinator(target, probes.get),
        *_version(target, probes),
        _key(target, probes.get),
        *_daemon(probes.daemon()),
    ]


def _bad(name: str, problem: Issue) -> Finding:
    """Return the finding of a problem, as bad as its severity."""
    return Finding(name, False if problem.severity == "error" else None, problem.message, problem.remedy, problem.code)


def _driver(machine: Machine, problem: Issue | None) -> Finding:
    if problem is not None:
        return _bad("driver", problem)
    drivers = dict.fromkeys(card.driver for card in machine.cards if card.driver)
    if drivers:
        return Finding("driver", True, f"NVIDIA driver {', '.join(drivers)}")
    if machine.devices:
        backends = dict.fromkeys(gpu.backend for gpu in machine.devices)
        untested = "" if TESTED.issuperset(backends) else ", but this program has never been tested with it"
        return Finding("driver", True, f"{', '.join(backends)} works{untested}")
    note = "; ".join(machine.notes) or "no NVIDIA GPU was found"
    return _bad("driver", issue("driver_missing", f"{note}; the CPU works, slowly"))


def _gpu(machine: Machine, troubled: bool, serving: bool) -> list[Finding]:
    """Return the GPUs that llama.cpp computes on, or that there is none."""
    gpus = machine.hardware.gpus
    if not gpus:
        return [] if troubled else [Finding("gpu", None, f"none; {machine.physical_cores} CPU cores instead")]
    text = ", ".join(
        f"{gpu.name} ({device.address}) with {gpu.free_bytes / GIB:.1f} of {gpu.memory_bytes / GIB:.1f} GiB free"
        for gpu, device in zip(gpus, machine.devices, strict=True)
    )
    if not serving and any(gpu.free_bytes < gpu.memory_bytes // 2 for gpu in gpus):
        return [_bad("gpu", issue("gpu_in_use", f"{text}: more than half of it is in use"))]
    return [Finding("gpu", True, text)]


def _engine(problem: Issue | None) -> Finding:
    if problem is not None:
        return _bad("engine", problem)
    return Finding("engine", True, "llama.cpp comes to the right numbers on this machine")


def _memory(machine: Machine, serving: bool) -> Finding:
    text = f"{machine.available_bytes / GIB:.1f} of {machine.hardware.memory_bytes / GIB:.1f} GiB free"
    if machine.available_bytes < 2 * GIB and not serving:
        return _bad("memory", issue("not_enough_memory", f"{text}; the worker itself needs 2", "Close other programs."))
    return Finding("memory", True, text)


def _disk(target: Target, free_disk: Callable[[Path], int]) -> Finding:
    free = free_disk(target.folder)
    known = target.needed_bytes or not target.missing
    needed = f"{target.needed_bytes / GIB:.1f} GiB to download" if known else "and how much to download is not known"
    text = f"{free / GIB:.1f} GiB free in {target.folder}, {needed}"
    spare = GIB // 2 if target.missing else 0  # a model that is here needs no room, but for a few lines of state
    if free <= target.needed_bytes + spare:
        full = issue("disk_full", text)
        if target.serves_text and free:
            note = {"severity": "warning", "message": f"{text}: no pictures without its projector"}
            full = full.model_copy(update=note)
        return _bad("disk", full)
    return Finding("disk", True, text)


def _hub(target: Target, probe: Callable[[], Issue | str]) -> Finding:
    if not target.missing:
        return Finding("hub", True, "not needed: the model is here")
    return _found("hub", probe())


def _wanted(name: str, found: Issue | str | None) -> list[Finding]:
    return [] if found is None else [_found(name, found)]


def _found(name: str, found: Issue | str) -> Finding:
    return Finding(name, True, found) if isinstance(found, str) else _bad(name, found)


def _coordinator(target: Target, get: Get) -> Finding:
    if target.coordinator is None:
        remedy = "Name one with --coordinator wss://host."
        return _bad("coordinator", issue("coordinator_unreachable", "none was named", remedy))
    answer = get(f"{target.coordinator}/health", {})
    if answer.status == 200:
        return Finding("coordinator", True, f"{target.coordinator} answers")
    what = answer.text if answer.status == 0 or answer.remedy else f"HTTP {answer.status}"
    message = f"{target.coordinator}/health: {what}"
    return _bad("coordinator", issue("coordinator_unreachable", message, answer.remedy))


def _version(target: Target, probes: Probes) -> list[Finding]:
    """Whether the coordinator gives out a newer version. Nothing where it gives none, or an older one cannot say."""
    try:
        newest = json.loads(probes.get(f"{target.coordinator}/downloads", {}).text)["version"]
    except (ValueError, LookupError, TypeError):
        return []
    if not isinstance(newest, str):
        return []
    here = probes.version()
    if not newer(newest, here):
        return [Finding("version", True, f"{here}; the coordinator gives out {newest[:WORDS]}")]
    get = f"curl -fsSLO {target.coordinator}/downloads/install.sh && sudo sh install.sh {target.coordinator}"
    return [Finding("version", None, f"a newer version is out: {newest}, and this is {here}", f"{get} upgrades it.")]


def _key(target: Target, get: Get) -> Finding:
    if target.coordinator is None or not target.key:
        return _bad("key", issue("key_missing", "no account key was given"))
    bearer = {"Authorization": f"Bearer {target.key}"}
    answer = get(f"{target.coordinator}{WORKER_PATH}", bearer)
    if answer.status == 404:  # an older coordinator, which has no answer there for whoever opens no socket
        answer = get(f"{target.coordinator}/v1/models", bearer)
    match answer.status:
        case 200 | 426:  # Upgrade Required: whether the key may run a worker was looked at before
            return Finding("key", True, "the coordinator accepts the key")
        case 401:
            return _bad("key", issue("key_refused", "the coordinator refuses the key (HTTP 401)"))
        case 403:
            message = "the key is good, but not for a worker (HTTP 403)"
            return _bad("key", issue("key_refused", message, "Take a key with the scope worker."))
        case 0:
            return Finding("key", False, f"it could not be tried: {answer.text}", "Solve the finding above first.")
        case status:
            return Finding("key", False, f"it could not be tried: HTTP {status}", "Try again later.")


def _daemon(problems: tuple[Issue, ...] | str) -> list[Finding]:
    if isinstance(problems, str):
        return [Finding("daemon", None, problems)]
    return [_bad("daemon", problem) for problem in problems] or [Finding("daemon", True, "running, without problems")]


def passed(findings: list[Finding]) -> bool:
    return all(finding.ok is not False for finding in findings)


def show(findings: list[Finding], form: Literal["text", "json"]) -> str:
    """The findings as text for a terminal, or as JSON."""
    if form == "json":
        return json.dumps({"ok": passed(findings), "findings": [asdict(finding) for finding in findings]}, indent=2)
    rows = []
    for finding in findings:
        mark = {True: "ok", False: "FAIL", None: "note"}[finding.ok]
        code = f"{finding.code}: " if finding.code else ""
        rows.append(f"{mark:5} {finding.name:12} {code}{finding.message}")
        rows += [f"{'':18} -> {finding.remedy}"] if finding.remedy else []
    return "\n".join(map(printable, rows))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer; following it would show the key to another host."""

    def redirect_request(self, *args: object, **kwargs: object) -> None:
        return None


def http_get(url: str, headers: dict[str, str]) -> Answer:
    """GET with a timeout and a bound on the answer; never raises for what a network can do."""
    if not url.startswith(("http://", "https://")):  # urllib would open files and ftp too
        return Answer(0, f"{url} is not an http address")
    try:
        return _answer(url, headers)
    except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
        inner = error.reason if isinstance(error, urllib.error.URLError) else error
        why = reach.reason(inner, url) if isinstance(inner, BaseException) else Reason(str(inner))
        return Answer(0, why.in_full, why.remedy)
    except http.client.BadStatusLine:
        why = reach.no_http(url)
        return Answer(0, why.in_full, why.remedy)
    except (OSError, ValueError, http.client.HTTPException) as error:
        # An address that is none, a key with a line break.
        return Answer(0, str(error) or type(error).__name__)


def _answer(url: str, headers: dict[str, str]) -> Answer:
    direct = [urllib.request.ProxyHandler({})] if reach.loopback(url) else []
    opener = urllib.request.build_opener(_NoRedirect, *direct)
    request = urllib.request.Request(url, headers={"User-Agent": "supernet-worker", **headers})
    try:
        with opener.open(request, timeout=TIMEOUT_S) as response:
            return Answer(response.status, response.read(MAX_ANSWER_BYTES).decode("utf-8", "replace"))
    except urllib.error.HTTPError as error:
        with error:
            said = error.read(MAX_ANSWER_BYTES).decode("utf-8", "replace")
        why = reach.refusal(url, error.code, said, error.headers.get("Location"))
        reason = printable(str(error.reason))[:WORDS]
        return Answer(error.code, why.in_full, why.remedy) if why else Answer(error.code, reason)
