"""`--check`: is everything here that serving needs? A list of findings, each with what to do about it.

Every finding comes from a probe that is handed in, so that the list itself is the same on every machine.
"""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from worker.machine import Machine

GIB = 2**30
TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 1 * 2**20


@dataclass(frozen=True)
class Finding:
    """`ok` False: serving will not work; None: it will, but see the message."""

    name: str
    ok: bool | None
    message: str
    remedy: str = ""


@dataclass(frozen=True)
class Answer:
    """Of an HTTP request; `status` 0: none came, and `text` says why."""

    status: int
    text: str = ""


Get = Callable[[str, dict[str, str]], Answer]


@dataclass(frozen=True)
class Target:
    """What is checked. `coordinator` and `hub` are http(s) addresses; `needed_bytes` is what is still to download."""

    coordinator: str | None
    key: str | None
    hub: str | None  # None: nothing has to be fetched
    folder: Path
    needed_bytes: int


@dataclass(frozen=True)
class Probes:
    """How to find out. `free_disk` takes a folder that may not exist yet; `gpu_offload`: can llama.cpp use a GPU."""

    machine: Callable[[], Machine]
    gpu_offload: Callable[[], bool]
    free_disk: Callable[[Path], int]
    get: Get


def check(target: Target, probes: Probes) -> list[Finding]:
    machine = probes.machine()
    return [
        _driver(machine),
        _gpu(machine, probes.gpu_offload()),
        _memory(machine),
        _disk(target, probes.free_disk),
        _hub(target, probes.get),
        _coordinator(target, probes.get),
        _key(target, probes.get),
    ]


def _driver(machine: Machine) -> Finding:
    if machine.hardware.gpus:
        return Finding("driver", True, f"NVIDIA driver {machine.hardware.gpus[0].driver}")
    note = "; ".join(machine.notes) or "no NVIDIA GPU was found"
    remedy = "Install the NVIDIA driver, or in a container the NVIDIA Container Toolkit (--gpus all)."
    return Finding("driver", None, f"{note}; the CPU works, slowly", remedy)


def _gpu(machine: Machine, offload: bool) -> Finding:
    gpus = machine.hardware.gpus
    text = ", ".join(
        f"{gpu.name} with {gpu.free_bytes / GIB:.1f} of {gpu.memory_bytes / GIB:.1f} GiB free" for gpu in gpus
    )
    if gpus and not offload:
        remedy = "Install llama-cpp-python built with CUDA (CMAKE_ARGS=-DGGML_CUDA=on, or a CUDA wheel)."
        return Finding("gpu", False, f"{text}, but llama.cpp was built without GPU support", remedy)
    if gpus and any(gpu.free_bytes < gpu.memory_bytes // 2 for gpu in gpus):
        remedy = "Close what else uses the GPU (`nvidia-smi` lists it) to serve more."
        return Finding("gpu", None, f"{text}: more than half of it is in use", remedy)
    return Finding("gpu", True if gpus else None, text or f"none; {machine.physical_cores} CPU cores instead")


def _memory(machine: Machine) -> Finding:
    text = f"{machine.available_bytes / GIB:.1f} of {machine.hardware.memory_bytes / GIB:.1f} GiB free"
    if machine.available_bytes < 2 * GIB:
        return Finding("memory", False, f"{text}; the worker itself needs 2", "Close other programs.")
    return Finding("memory", True, text)


def _disk(target: Target, free_disk: Callable[[Path], int]) -> Finding:
    free = free_disk(target.folder)
    text = f"{free / GIB:.1f} GiB free in {target.folder}, {target.needed_bytes / GIB:.1f} GiB to download"
    if free < target.needed_bytes + GIB // 2:
        return Finding("disk", False, text, "Free some space, or choose another folder with --models-dir.")
    return Finding("disk", True, text)


def _hub(target: Target, get: Get) -> Finding:
    if target.hub is None:
        return Finding("hub", True, "not needed: the model is here")
    answer = get(target.hub, {})
    if answer.status == 0 or answer.status >= 500:
        remedy = "Check the network, a proxy (HTTPS_PROXY) and HF_ENDPOINT."
        return Finding("hub", False, f"{target.hub} does not answer: {answer.text or answer.status}", remedy)
    return Finding("hub", True, f"{target.hub} answers")


def _coordinator(target: Target, get: Get) -> Finding:
    if target.coordinator is None:
        return Finding("coordinator", False, "none was named", "Name one with --coordinator wss://host.")
    answer = get(f"{target.coordinator}/health", {})
    if answer.status == 200:
        return Finding("coordinator", True, f"{target.coordinator} answers")
    what = answer.text if answer.status == 0 else f"HTTP {answer.status}"
    remedy = "Check the address, the network and a proxy or firewall on the way."
    return Finding("coordinator", False, f"{target.coordinator}/health: {what}", remedy)


def _key(target: Target, get: Get) -> Finding:
    if target.coordinator is None or not target.key:
        return Finding("key", False, "no account key was given", "Give it with --key-file or SUPERNET_KEY.")
    answer = get(f"{target.coordinator}/v1/models", {"Authorization": f"Bearer {target.key}"})
    match answer.status:
        case 200:
            return Finding("key", True, "the coordinator accepts the key")
        case 401 | 403:
            remedy = "Copy it again from your account; a revoked key needs a new one."
            return Finding("key", False, f"the coordinator refuses the key (HTTP {answer.status})", remedy)
        case 0:
            return Finding("key", False, f"it could not be tried: {answer.text}", "Solve the finding above first.")
        case status:
            return Finding("key", False, f"it could not be tried: HTTP {status}", "Try again later.")


def passed(findings: list[Finding]) -> bool:
    return all(finding.ok is not False for finding in findings)


def show(findings: list[Finding], form: Literal["text", "json"]) -> str:
    if form == "json":
        return json.dumps({"ok": passed(findings), "findings": [asdict(finding) for finding in findings]}, indent=2)
    rows = []
    for finding in findings:
        mark = {True: "ok", False: "FAIL", None: "note"}[finding.ok]
        rows.append(f"{mark:5} {finding.name:12} {finding.message}")
        rows += [f"{'':18} -> {finding.remedy}"] if finding.remedy else []
    return "\n".join(rows)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer; following it would show the key to another host."""

    def redirect_request(self, *args: object, **kwargs: object) -> None:
        return None


def http_get(url: str, headers: dict[str, str]) -> Answer:
    """GET with a timeout and a bound on the answer; never raises for what a network can do."""
    if not url.startswith(("http://", "https://")):  # urllib would open files and ftp too
        return Answer(0, f"{url} is not an http address")
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "supernet-worker", **headers})
        with opener.open(request, timeout=TIMEOUT_S) as response:
            return Answer(response.status, response.read(MAX_ANSWER_BYTES).decode("utf-8", "replace"))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, str(error.reason))
    except urllib.error.URLError as error:
        return Answer(0, str(error.reason))
    except (OSError, ValueError, http.client.HTTPException) as error:
        # A timeout while reading, an address that is none, a key with a line break.
        return Answer(0, str(error) or type(error).__name__)
