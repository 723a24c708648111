"""worker/cli/checks.py: every finding, from probes that are handed in, and the real HTTP probe against a real
server."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from wire.messages import Issue
from wire.offers import Gpu, Hardware
from worker.cli.checks import Answer, Finding, Probes, Target, check, http_get, passed, show
from worker.engine.devices import Device
from worker.issues import issue
from worker.machine.description import Card, Machine

GIB = 2**30
CARD = Gpu(name="RTX 4090", memory_bytes=24 * GIB, free_bytes=23 * GIB, driver="580.65")
TARGET = Target("https://coordinator.test", "sk-key", True, Path("/models"), 18 * GIB)


def machine_with(*gpus: Gpu, available: int = 32 * GIB, notes: tuple[str, ...] = ()) -> Machine:
    devices = tuple(Device(f"CUDA{n}", "CUDA", gpu.name, "gpu") for n, gpu in enumerate(gpus))
    cards = tuple(Card(f"0000:0{n}:00.0", gpu.name, driver=gpu.driver) for n, gpu in enumerate(gpus) if gpu.driver)
    hardware = Hardware(cpu_cores=8, memory_bytes=64 * GIB, gpus=gpus)
    return Machine(hardware, available, 8, notes, devices, cards)


def findings(
    target: Target = TARGET,
    machine: Machine | None = None,
    gpu_problems: tuple[Issue, ...] = (),
    free: int = 100 * GIB,
    answers: dict[str, Answer] | None = None,
    cap: Issue | str | None = None,
    hub: Issue | str = "can be fetched",
    model: Issue | str | None = "fits",
    vision: Issue | str | None = None,
    media: Issue | str | None = None,
    engine: Issue | None = None,
    daemon: tuple[Issue, ...] | str = (),
    version: str = "0.1.0",
) -> dict[str, Finding]:
    def get(url: str, headers: dict[str, str]) -> Answer:
        if url.endswith(("/v1/worker", "/v1/models")):
            assert headers == {"Authorization": "Bearer sk-key"}
        else:
            assert headers == {}
        return (answers or {}).get(url, Answer(200))

    probes = Probes(
        machine=lambda: machine or machine_with(CARD),
        gpu_problems=lambda machine: gpu_problems,
        engine=lambda machine: engine,
        free_disk=lambda folder: free,
        cap=lambda: cap,
        hub=lambda: hub,
        model=lambda: model,
        vision=lambda: vision,
        media=lambda: media,
        daemon=lambda: daemon,
        get=get,
        version=lambda: version,
    )
    return {finding.name: finding for finding in check(target, probes)}


def test_when_all_is_well_everything_is_ok() -> None:
    found = findings()
    assert list(found) == ["driver", "gpu", "engine", "memory", "disk", "hub", "model", "coordinator", "key", "daemon"]
    assert all(finding.ok is True for finding in found.values())
    assert "580.65" in found["driver"].message and "23.0 of 24.0 GiB free" in found["gpu"].message


def test_without_a_gpu_it_goes_on_with_a_note() -> None:
    found = findings(machine=machine_with(notes=("Driver Not Loaded",)))
    assert found["driver"].ok is None and "Driver Not Loaded" in found["driver"].message and found["driver"].remedy
    assert passed(list(found.values()))


@pytest.mark.parametrize("backend", ["ROCm", "MTL"])
def test_a_backend_that_was_never_tested_is_called_so(backend: str) -> None:
    gpu = Gpu(name="a card", memory_bytes=24 * GIB, free_bytes=23 * GIB)
    machine = replace(machine_with(gpu), devices=(Device(f"{backend}0", backend, gpu.name, "gpu"),))
    found = findings(machine=machine)["driver"]
    assert found.ok is True and f"{backend} works, but this program has never been tested with it" in found.message
    assert "never" not in findings(machine=machine_with(gpu))["driver"].message


def test_a_gpu_of_any_backend_is_told_with_its_name_in_ggml() -> None:
    found = findings(machine=machine_with(Gpu(name="RX 7900", memory_bytes=24 * GIB, free_bytes=23 * GIB)))
    assert found["driver"].ok is True
    assert found["gpu"].message == "RX 7900 (CUDA0) with 23.0 of 24.0 GiB free"


def test_a_gpu_that_cannot_be_reached_fails_with_what_the_driver_said() -> None:
    problem = issue("gpu_unreachable", "RTX 4090: llama.cpp finds no such GPU now: unknown error")
    found = findings(machine=machine_with(), gpu_problems=(problem,))
    assert (found["gpu"].ok, found["gpu"].code) == (False, "gpu_unreachable")
    assert "unknown error" in found["gpu"].message and "nvidia-smi" in found["gpu"].remedy


def test_a_gpu_that_llama_cpp_cannot_use_is_a_failure() -> None:
    problem = issue("gpu_unused", "RTX 4090: built without GPU support")
    found = findings(machine=machine_with(), gpu_problems=(problem,))
    assert found["gpu"].ok is False and "CUDA" in found["gpu"].remedy
    assert not passed(list(found.values()))


def test_a_llama_cpp_that_computes_wrong_is_a_failure_and_a_slow_one_a_note() -> None:
    wrong = findings(engine=issue("engine_cannot_compute", "it died of SIGILL"))["engine"]
    assert (wrong.ok, wrong.code) == (False, "engine_cannot_compute") and "scripts/setup" in wrong.remedy
    slow = findings(engine=issue("engine_slowed", "it died of SIGILL"))["engine"]
    assert (slow.ok, slow.code) == (None, "engine_slowed")


def test_a_driver_that_is_too_old_is_a_failure() -> None:
    found = findings(gpu_problems=(issue("driver_too_old", "R470 cannot run CUDA 12"),))["driver"]
    assert (found.ok, found.code) == (False, "driver_too_old")


def test_a_gpu_that_others_use_is_a_note() -> None:
    busy = CARD.model_copy(update={"free_bytes": 5 * GIB})
    assert findings(machine=machine_with(busy))["gpu"].ok is None


def test_what_the_running_daemon_itself_takes_is_no_problem() -> None:
    full = machine_with(CARD.model_copy(update={"free_bytes": GIB}), available=GIB)
    found = findings(replace(TARGET, serving=True), machine=full)
    assert found["gpu"].ok and found["memory"].ok


def test_too_little_memory_or_disk_is_a_failure() -> None:
    assert findings(machine=machine_with(CARD, available=GIB))["memory"].ok is False
    short = findings(free=10 * GIB)["disk"]
    assert short.ok is False and "10.0 GiB free in /models, 18.0 GiB to download" in short.message
    unknown = findings(replace(TARGET, needed_bytes=0), free=10 * GIB)["disk"]
    assert unknown.ok and "not known" in unknown.message


def test_a_cap_is_only_spoken_of_where_there_is_one() -> None:
    assert "models cap" not in findings()
    assert findings(cap="20 of 40 GiB")["models cap"].ok
    small = findings(cap=issue("models_cap", "30 of 20 GiB"))["models cap"]
    assert small.ok is False and small.code == "models_cap" and "--models-cap-gib" in small.remedy


def test_a_disk_without_room_for_the_projector_alone_costs_pictures_and_is_no_failure() -> None:
    """The worker serves text then; a script that waits for --check to pass would never have started it."""
    here = replace(TARGET, needed_bytes=GIB, serves_text=True)
    short = findings(here, free=GIB)["disk"]
    assert short.ok is None and short.code == "disk_full" and "no pictures" in short.message and short.remedy
    assert findings(here, free=2 * GIB)["disk"].ok
    assert findings(here, free=0)["disk"].ok is False


def test_a_model_that_is_here_needs_no_room_on_the_disk() -> None:
    here = replace(TARGET, needed_bytes=0, missing=False)
    assert findings(here, free=GIB // 10)["disk"].ok
    assert findings(here, free=0)["disk"].ok is False


def test_a_hub_that_does_not_give_the_model_fails_only_when_it_is_needed() -> None:
    problem = issue("hub_unreachable", "no route")
    found = findings(hub=problem)["hub"]
    assert (found.ok, found.code, found.remedy) == (False, "hub_unreachable", problem.remedy)
    here = replace(TARGET, needed_bytes=0, missing=False)
    assert findings(here, hub=problem)["hub"].ok is True


def test_a_model_that_is_damaged_or_does_not_fit_is_a_failure() -> None:
    for code in ("damaged_file", "not_enough_memory"):
        found = findings(model=issue(code, "why"))["model"]
        assert (found.ok, found.code) == (False, code)


def test_what_troubles_the_running_daemon_is_told_too() -> None:
    assert findings(daemon="not running")["daemon"].ok is None
    assert findings(daemon=())["daemon"].ok is True
    assert findings(daemon=(issue("engine_broken", "it aborts"),))["daemon"].ok is False
    assert findings(daemon=(issue("paused", "by its owner"),))["daemon"].ok is None


def test_a_coordinator_that_does_not_answer_is_a_failure_with_its_reason() -> None:
    answers = {"https://coordinator.test/health": Answer(0, "Connection refused")}
    found = findings(answers=answers)["coordinator"]
    assert found.ok is False and "Connection refused" in found.message
    answers = {"https://coordinator.test/health": Answer(502)}
    assert "HTTP 502" in findings(answers=answers)["coordinator"].message


@pytest.mark.parametrize(
    ("status", "says"), [(401, "refuses"), (403, "not for a worker"), (500, "HTTP 500"), (0, "tried")]
)
def test_a_key_that_is_not_accepted_is_a_failure(status: int, says: str) -> None:
    found = findings(answers={"https://coordinator.test/v1/worker": Answer(status, "down")})["key"]
    assert found.ok is False and says in found.message and found.remedy
    assert "sk-key" not in found.message


@pytest.mark.parametrize(("worker", "models", "fine"), [(426, 403, True), (404, 200, True), (404, 401, False)])
def test_the_key_is_asked_for_at_the_door_of_workers(worker: int, models: int, fine: bool) -> None:
    """A key for workers alone lists no models; and an older coordinator has no such door."""
    at = "https://coordinator.test/v1/"
    found = findings(answers={f"{at}worker": Answer(worker), f"{at}models": Answer(models)})["key"]
    assert found.ok is fine


def test_what_was_not_given_is_asked_for() -> None:
    found = findings(Target(None, None, False, Path("/models"), 0))
    assert found["coordinator"].ok is False and "--coordinator" in found["coordinator"].remedy
    assert found["key"].ok is False and "--key-file" in found["key"].remedy


@pytest.mark.parametrize(("here", "fine"), [("0.1.0", None), ("0.2.0", True), ("0.3.0", True)])
def test_a_newer_version_that_is_given_out_is_a_note_with_the_command(here: str, fine: bool | None) -> None:
    answer = Answer(200, '{"version": "0.2.0"}')
    found = findings(answers={f"{TARGET.coordinator}/downloads": answer}, version=here)["version"]
    assert found.ok is fine and "0.2.0" in found.message and here in found.message
    assert (f"{TARGET.coordinator}/downloads/install.sh" in found.remedy) is (fine is None)


@pytest.mark.parametrize("text", ['{"version": null}', "", "[]", "null", "{}", '{"version": "no number"}'])
def test_a_coordinator_that_gives_none_out_says_nothing_of_versions(text: str) -> None:
    found = findings(answers={f"{TARGET.coordinator}/downloads": Answer(200, text)})
    assert "version" not in found or (found["version"].ok and "no number" in found["version"].message)
    assert "version" not in findings(answers={f"{TARGET.coordinator}/downloads": Answer(404)})


def test_findings_are_shown_as_text_and_as_json() -> None:
    found = list(findings(free=0).values())
    text = show(found, "text")
    assert "FAIL  disk         disk_full: " in text and "-> Free some space" in text and "ok    key" in text
    value = json.loads(show(found, "json"))
    assert value["ok"] is False
    assert value["findings"][4]["name"] == "disk" and value["findings"][4]["remedy"]


def test_a_coordinators_words_give_a_terminal_no_command_and_forge_no_line() -> None:
    answer = Answer(200, json.dumps({"version": "\x1b[2J\nok    key          fine"}))
    text = show(list(findings(answers={f"{TARGET.coordinator}/downloads": answer}).values()), "text")
    assert "gives out  [2J ok    key" in text


@pytest.fixture
def server() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers["Authorization"] == "Bearer good"
            status = {"/v1/models": 200 if known else 401, "/elsewhere": 302}.get(self.path, 404)
            self.send_response(status, "\x1b[2J" + "long" * 200 if status == 404 else None)
            self.send_header("Location", "/v1/models")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{running.server_address[1]}"
    running.shutdown()
    running.server_close()
    thread.join(10)


def test_the_real_probe_tells_every_kind_of_answer(server: str) -> None:
    assert http_get(f"{server}/v1/models", {"Authorization": "Bearer good"}) == Answer(200, "{}")
    assert http_get(f"{server}/v1/models", {"Authorization": "Bearer bad"}).status == 401
    assert http_get(f"{server}/elsewhere", {"Authorization": "Bearer good"}).status == 302
    assert http_get("http://127.0.0.1:9/health", {}).status == 0
    assert http_get(f"{server}/escape", {}) == Answer(404, (" [2J" + "long" * 200)[:300])


@pytest.mark.parametrize("url", ["nonsense", "http://", "http://127.0.0.1:port/", "file:///etc/passwd", "http://a b/"])
def test_an_address_that_is_none_is_an_answer_too(url: str) -> None:
    answer = http_get(url, {})
    assert answer.status == 0 and answer.text


def test_a_key_with_a_line_break_is_an_answer_too(server: str) -> None:
    assert http_get(server, {"Authorization": "Bearer a\r\nb: c"}).status == 0


def test_what_is_known_of_the_eyes_is_a_finding_and_of_a_model_without_any_there_is_none() -> None:
    assert "vision" not in findings()
    assert findings(vision="it is to see pictures")["vision"].ok
    blind = findings(vision=issue("no_vision", "no memory"))["vision"]
    assert (blind.ok, blind.code) == (None, "no_vision") and blind.remedy


def test_a_pipeline_is_a_finding_of_its_own_and_a_chat_is_none_where_none_is_wanted() -> None:
    assert "media" not in findings()
    found = findings(model=None, media=issue("media_not_installed", "there is no torch"))
    assert "model" not in found and found["media"].ok is False and "supernet[media]" in found["media"].remedy
