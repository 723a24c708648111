"""The law of the folders, read off the syntax trees: who may import whom, who owns which library, what stays pure.

A change that needs a rule changed changes it here, in the open, with the reason beside it.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from functools import cache
from itertools import product
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SIDES = ("supernet", "wire", "program", "worker", "coordinator")
MAY_IMPORT = {
    "supernet": {"supernet"},  # commands.py starts a program by its name, once the path leads to it
    "wire": {"wire"},
    "program": {"program", "wire"},
    "worker": {"worker", "program", "wire"},
    "coordinator": {"coordinator", "program", "wire"},
}

# A foreign library -> the only folders or files that may import it. One that is not here has no owner yet: give it one.
OWNERS = {
    "pydantic": ["wire", "worker", "coordinator"],  # the codec of the wire: frames and plain values that anybody names
    "pydantic_core": [
        "coordinator/openai",
        "worker/chat",
        "worker/subprocesses/codec.py",  # where every list of a plain dataclass is made to stop at its first fault
    ],
    "yaml": ["wire/catalog_text.py"],
    "numpy": [
        "worker/bindings",
        "worker/engine/child",
        "worker/media_files",
        "worker/media_engine",
    ],  # the numbers of llama.cpp, and pixels and samples
    "diffusers": ["worker/media_engine/child/pipelines.py"],
    "torch": ["worker/media_engine/child/pipelines.py", "worker/media_engine/child/latents.py"],
    "transformers": [
        "worker/media_engine/child/pipelines.py",
        "worker/media_engine/child/mel.py",
        "worker/media_engine/child/processor.py",
    ],
    "av": ["worker/media_files", "coordinator/artefacts/recordings.py"],
    "llama_cpp": ["worker/bindings"],
    "llguidance": ["worker/bindings"],
    "jsonschema_rs": ["worker/bindings"],
    "jinja2": ["worker/chat/template.py"],
    "PIL": ["worker/pictures/decode.py", "worker/media_files", "coordinator/artefacts/pictures.py"],
    "obstore": ["coordinator/artefacts/s3.py"],
    "websockets": [
        "worker/daemon/bounded_socket.py",
        "worker/daemon/connection.py",
        "worker/daemon/line_errors.py",
        "worker/daemon/uploads.py",  # finds the owner's proxy as the websocket does
        "coordinator/websocket_limits.py",  # uvicorn speaks websocket with it
    ],
    "pynvml": ["worker/machine/nvml.py"],
    "psutil": ["worker/machine", "worker/subprocesses/parent.py"],  # the machine's figures, and those of a child
    "platformdirs": ["coordinator/store/home.py"],
    "huggingface_hub": ["worker/weights", "coordinator/prompt_count/fetch.py"],  # weights; the beginning of a file
    "tokenizers": ["coordinator/prompt_count/vocabulary.py"],
    "filelock": ["worker/weights"],
    "tqdm": ["worker/cli/console.py"],
    "prometheus_client": ["coordinator/telemetry", "worker/telemetry"],  # each side has its own /metrics
    "starlette": ["coordinator/api"],
    "uvicorn": ["coordinator/server.py", "coordinator/http_limits.py", "coordinator/websocket_limits.py"],
    "httptools": ["coordinator/http_limits.py"],  # uvicorn's parser, whose exceptions are caught there
    "python_multipart": ["coordinator/openai/media/form.py"],  # forms of the endpoints that take files
    "sqlalchemy": [
        "coordinator/store",
        "coordinator/ledger",
        "coordinator/accounts/rows.py",
        "coordinator/artefacts/rows.py",
        "coordinator/alerts",
        "coordinator/identity",
        "coordinator/videos/rows.py",
        "coordinator/history/rows.py",
        "coordinator/history/reading.py",
        "coordinator/operating",
    ],
    "psycopg": ["coordinator/store/reading.py"],  # a question is broken off by the driver's own means
    "alembic": ["coordinator/store"],
    "nats": ["coordinator/cluster/bus/nats_bus.py", "coordinator/cluster/bus/nats_line.py"],  # needless for one process
    "nacl": ["coordinator/admission/seals.py"],  # seals the answers that are kept
    "authlib": ["coordinator/identity/oidc.py", "coordinator/identity/id_token.py"],
    "joserfc": ["coordinator/identity/oidc.py", "coordinator/identity/id_token.py"],  # Authlib's own, by its maker
    "httpx2": ["coordinator/identity/fetching.py"],
    "webauthn": ["coordinator/identity/passkeys.py"],
    "nkeys": ["coordinator/cluster/bus/nats_line.py"],
    "opentelemetry": [
        "program/otel.py",
        "coordinator/telemetry",
        "worker/telemetry",
    ],  # where spans go, and what they say
}

# Decisions without a clock, a socket, an await or a die: time, ids and randomness are arguments. Whole folders first,
# then the pure files of folders that have both.
PURE = [
    "wire",
    "worker/session",
    "worker/chat",
    "worker/engine/child/drafts",
    "coordinator/openai",
    "coordinator/anthropic",
    "coordinator/sogni",
    "coordinator/cluster/cell",
    "coordinator/cluster/edge",
    "coordinator/cluster/lanes",
    "coordinator/cluster/peers",
    "coordinator/cluster/protocol",
    "coordinator/cluster/arrivals.py",
    "coordinator/cluster/departure.py",
    "coordinator/cluster/jobs.py",
    "coordinator/cluster/network.py",
    "coordinator/cluster/prospect.py",
    "coordinator/cluster/replica.py",
    "coordinator/cluster/routing.py",
    "coordinator/cluster/uploads.py",
    "coordinator/dispatch",
    "coordinator/media",
    "coordinator/scheduler",
    "program/alert_formats.py",
    "program/alerts.py",
    "program/fits.py",
    "program/signatures.py",
    "program/versions.py",
    "program/printable.py",
    "worker/issues.py",
    "worker/subprocesses/codec.py",
    "worker/engine/devices.py",
    "worker/engine/constraint.py",
    "worker/engine/port.py",
    "worker/engine/pipe.py",
    "worker/engine/child/batch.py",
    "worker/engine/child/picture_layout.py",
    "worker/engine/child/prefix_cache.py",
    "worker/engine/child/prefix_wait.py",
    "worker/engine/child/reasoning_budget.py",
    "worker/engine/child/step_budget.py",
    "worker/media_engine/modes.py",
    "worker/media_engine/pipe.py",
    "worker/media_engine/port.py",
    "worker/media_engine/previews.py",
    "worker/media_engine/child/recipes.py",
    "worker/preparer/pipe.py",
    "worker/pictures/pipe.py",
    "worker/bindings/trail.py",
    "worker/planning/deal.py",
    "worker/planning/draft_gain.py",
    "worker/planning/drafts.py",
    "worker/planning/encodes.py",
    "worker/planning/explain.py",
    "worker/planning/footprint.py",
    "worker/planning/layout.py",
    "worker/planning/media_plan.py",
    "worker/planning/plan.py",
    "program/gguf.py",
    "program/gguf_reader.py",
    "worker/weights/identity.py",
    "worker/weights/projector.py",
    "worker/machine/availability.py",
    "worker/machine/description.py",
    "worker/machine/gpu_problems.py",
    "worker/machine/owners_use.py",
    "worker/machine/schedule.py",
    "worker/daemon/backoff.py",
    "worker/daemon/outage.py",
    "worker/daemon/reason.py",
    "worker/cli/speed_table.py",
    "worker/telemetry/counters.py",
    "worker/telemetry/media_counters.py",
    "worker/telemetry/status.py",
    "coordinator/alerts/judge.py",
    "coordinator/alerts/kinds.py",
    "coordinator/alerts/messages.py",
    "coordinator/alerts/sightings.py",
    "coordinator/alerts/subjects.py",
    "coordinator/attachment.py",
    "coordinator/request.py",
    "coordinator/rounds/costs.py",
    "coordinator/rounds/course.py",
    "coordinator/rounds/events.py",
    "coordinator/rounds/handed.py",
    "coordinator/rounds/offer.py",
    "coordinator/rounds/standing.py",
    "coordinator/rounds/turn.py",
    "coordinator/artefact.py",
    "coordinator/filled.py",
    "coordinator/prompt_count/bound.py",
    "coordinator/prompt_count/likely.py",
    "coordinator/prompt_count/template.py",
    "coordinator/prompt_count/texts.py",
    "coordinator/accounts/quota.py",
    "coordinator/identity/addresses.py",
    "coordinator/identity/signup.py",
    "coordinator/operating/cursor.py",
    "coordinator/identity/tokens.py",
    "coordinator/artefacts/facts.py",
    "coordinator/artefacts/magic.py",
    "coordinator/artefacts/names.py",
    "coordinator/artefacts/strip.py",
    "coordinator/api/client_headers.py",
    "coordinator/admission/dials.py",
    "coordinator/admission/key_use.py",
    "coordinator/admission/rate_limits.py",
    "coordinator/admission/useless_frames.py",
    "program/allowance.py",
    "program/useless_frames.py",
    "program/websocket_bounds.py",
    "coordinator/hub/log_bounds.py",
    "coordinator/dashboard/idle.py",
    "coordinator/dashboard/snapshots.py",
    "coordinator/dashboard/view.py",
    "coordinator/dashboard/watch.py",
    "coordinator/history/figures.py",
    "coordinator/history/minutes.py",
    "coordinator/history/uptime.py",
    "coordinator/history/words.py",
    "coordinator/ledger/book.py",
    "coordinator/ledger/budget.py",
    "coordinator/ledger/claims.py",
    "coordinator/ledger/orders.py",
    "coordinator/ledger/pricing.py",
    "coordinator/ledger/spend.py",
]
IMPURE_MODULES = set(
    "asyncio concurrent fcntl http io logging multiprocessing os pathlib queue random secrets select selectors shutil "
    "signal socket sqlite3 ssl subprocess sys tempfile threading time urllib uuid".split()
)
IMPURE_CALLS = {"open", "print", "input", "now", "today", "utcnow", "getenv"}
IMPURE_SYNTAX = (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.AsyncFunctionDef)
# Protocols: they say what an engine can be awaited for, and have no body.
ASYNC_SIGNATURES = {"worker/engine/port.py", "worker/media_engine/port.py"}

MOST_LINES = 300
MOST_METHODS = 20
MOST_FUNCTION_LINES = 60  # 40 is the aim
# What is longer all the same, and why. A class is named behind its file.
LONGER: dict[str, tuple[int, str]] = {}

# Source files without a test file of their own, and why.
UNTESTED = {
    "*/__init__.py": "only a docstring",
    "*/__main__.py": "one call; tests/e2e starts it as a process",
    "worker/machine/description.py": "types only",
    "worker/engine/constraint.py": "types only",
    "worker/engine/port.py": "types only",
    "worker/preparer/port.py": "types only",
    "worker/media_engine/port.py": "types only",
    "worker/media_engine/child/latents.py": "child/test_pipelines.py asks each family for previews",
    "worker/media_engine/child/processor.py": "child/test_pipelines.py edits pictures with it",
    "worker/bindings/encoder.py": "types only",
    "worker/bindings/feed.py": "types only",
    "worker/exits.py": "four numbers",
    "worker/chat/prepared.py": "types only",
    "worker/session/effects.py": "types only",
    "coordinator/dispatch/effects.py": "types only",
    "coordinator/cluster/protocol/effects.py": "types only",
    "coordinator/cluster/protocol/errands.py": "types only",
    "coordinator/cluster/protocol/unreadable.py": "types only",
    "coordinator/cluster/protocol/news.py": "types only",
    "coordinator/cluster/bus/local_bus.py": "bus/test_port.py holds all adapters to what a bus promises",
    "coordinator/accounts/scopes.py": "three constants",
    "coordinator/attachment.py": "types only",
    "coordinator/api/services.py": "types only",
    "coordinator/request.py": "types only",
    "coordinator/rounds/events.py": "types only",
    "coordinator/rounds/submitted.py": "types only",
    "coordinator/accounts/errors.py": "types only",
    "coordinator/artefacts/errors.py": "types only",
    "coordinator/identity/errors.py": "types only",
    "coordinator/operating/errors.py": "types only",
    "coordinator/artefacts/objects.py": "types only",
    "coordinator/ledger/errors.py": "types only",
    "coordinator/store/errors.py": "types only",
    "coordinator/ledger/orders.py": "types only",
    "coordinator/alerts/subjects.py": "types only",
    "coordinator/store/alert_tables.py": "tests/coordinator/store/test_migrate.py holds it against the steps",
    "coordinator/store/media_tables.py": "tests/coordinator/store/test_migrate.py holds it against the steps",
    "coordinator/store/identity_tables.py": "tests/coordinator/store/test_migrate.py holds it against the steps",
    "coordinator/store/rollup_tables.py": "tests/coordinator/store/test_migrate.py holds it against the steps",
    "coordinator/store/operator_tables.py": "tests/coordinator/store/test_migrate.py holds it against the steps",
    "coordinator/store/history_tables.py": "tests/coordinator/store/test_migrate.py holds it against the steps",
    "coordinator/store/schema.py": "tests/coordinator/store/test_migrate.py holds it against the steps",
    "coordinator/store/migrations/*": "tests/coordinator/store/test_migrate.py goes through all steps",
}


@cache
def sources() -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for side in SIDES for path in (ROOT / side).rglob("*.py"))


@cache
def tools() -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "tools").rglob("*.py"))


def lines(path: str) -> int:
    return len((ROOT / path).read_text(encoding="utf-8").splitlines())


def methods(path: str) -> dict[str, int]:
    """Class -> how many functions it defines."""
    return {
        node.name: sum(isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) for one in node.body)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef)
    }


@cache
def tree(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), path)


@cache
def imports(path: str) -> list[str]:
    """Dotted names of all that the file imports, inside functions too; a relative import has no place here."""
    found: list[str] = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{path}:{node.lineno}: relative import"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def among(path: str, places: list[str]) -> bool:
    """Whether the file is one of the places, or lies in one of them at any depth."""
    return any(path == place or path.startswith(f"{place}/") for place in places)


def file_of(name: str) -> str | None:
    """The source file that a dotted name comes from: wire.codec.encode -> wire/codec.py."""
    steps = name.split(".")
    for length in range(len(steps), 0, -1):
        base = "/".join(steps[:length])
        for candidate in (f"{base}.py", f"{base}/__init__.py"):
            if candidate in sources():
                return candidate
    return None


@cache
def uses(path: str) -> set[str]:
    """Our own files that this one imports."""
    return {used for name in imports(path) if (used := file_of(name)) and used != path}


def package(path: str) -> str:
    """The folder of a file; a file at the root of a side counts as one of its own (worker/config.py: worker/config)."""
    folder = path.rpartition("/")[0]
    if folder in ("supernet", "wire", "program"):
        return folder
    if folder.startswith("coordinator/store"):  # migrations are a part of the store
        return "coordinator/store"
    return folder if "/" in folder else path.removesuffix(".py")


@cache
def graph() -> dict[str, set[str]]:
    """Package -> the packages that it imports; what both sides may know (wire, program) is left out."""
    arrows: dict[str, set[str]] = {package(path): set() for path in sources() if not path.endswith("__init__.py")}
    for path in sources():
        for used in uses(path):
            if package(used) not in (package(path), "wire", "program") and not used.endswith("__init__.py"):
                arrows[package(path)].add(package(used))
    return arrows


def test_there_is_something_to_check() -> None:
    assert {path.split("/")[0] for path in sources()} == set(SIDES)
    assert "wire/messages.py" in uses("wire/codec.py") and file_of("wire.codec.encode") == "wire/codec.py"


@pytest.mark.parametrize("path", sources())
def test_the_contract_knows_neither_side_and_the_sides_know_only_the_contract(path: str) -> None:
    side = path.split("/")[0]
    for name in imports(path):
        top = name.split(".")[0]
        assert top not in (*SIDES, "tests", "tools") or top in MAY_IMPORT[side], f"{path} imports {name}"


@pytest.mark.parametrize("path", sources())
def test_a_foreign_library_is_imported_only_by_its_owner(path: str) -> None:
    for name in imports(path):
        top = name.split(".")[0]
        if top not in sys.stdlib_module_names and top not in SIDES:
            assert top in OWNERS, f"{path} imports {top}, which has no owner in this file"
            assert among(path, OWNERS[top]), f"{path} imports {top}, which belongs to {OWNERS[top]}"


def test_what_a_build_is_proved_with_imports_only_what_its_environment_has() -> None:
    """scripts/llama.sh installs llama.cpp, with the numpy that it needs, and pydantic. The first command of a fresh
    machine once died of a psutil that was there on every machine where somebody had worked before."""
    reached = {"worker/bindings/proof.py", "worker/bindings/proof_child.py"}
    while more := {used for path in reached for used in uses(path)} - reached:
        reached |= more
    foreign = {name.split(".")[0] for path in reached for name in imports(path)} - set(sys.stdlib_module_names)
    assert foreign - set(SIDES) <= {"llama_cpp", "numpy", "pydantic"}


@pytest.mark.parametrize("path", [path for path in sources() if among(path, PURE)])
def test_a_pure_file_touches_no_clock_no_chance_and_no_outside(path: str) -> None:
    for name in imports(path):
        assert name.split(".")[0] not in IMPURE_MODULES, f"{path} is pure and imports {name}"
    for node in ast.walk(tree(path)):
        if isinstance(node, IMPURE_SYNTAX):
            assert path in ASYNC_SIGNATURES, f"{path}:{node.lineno} is pure and waits"
        if isinstance(node, ast.Call):
            function = node.func
            called = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
            assert called not in IMPURE_CALLS, f"{path}:{node.lineno} is pure and calls {called}"


@pytest.mark.parametrize("path", [path for path in sources() if among(path, PURE)])
def test_a_pure_file_leans_only_on_pure_files(path: str) -> None:
    for used in uses(path):
        assert among(used, PURE) or used.endswith("/__init__.py"), f"{path} is pure and imports {used}"


@pytest.mark.parametrize("place", PURE)
def test_a_pure_place_exists(place: str) -> None:
    assert (ROOT / place).exists()


@pytest.mark.parametrize("path", [*sources(), *tools()])
def test_a_file_is_one_thought_and_a_function_fits_a_screen(path: str) -> None:
    assert lines(path) <= LONGER.get(path, (MOST_LINES,))[0]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= MOST_FUNCTION_LINES, f"{path}:{node.lineno}: {node.name} has {length} lines"


@pytest.mark.parametrize("path", [*sources(), *tools()])
def test_a_class_is_one_thing(path: str) -> None:
    for name, count in methods(path).items():
        most = LONGER.get(f"{path}:{name}", (MOST_METHODS,))[0]
        assert count <= most, f"{path}: {name} has {count} methods"


@pytest.mark.parametrize("place", LONGER)
def test_what_has_become_short_is_taken_off_the_list(place: str) -> None:
    path, _, name = place.partition(":")
    assert methods(path)[name] > MOST_METHODS if name else lines(path) > MOST_LINES


def sentence(path: str) -> str:
    """The docstring of a package."""
    return ast.get_docstring(tree(path)) or ""


@pytest.mark.parametrize("path", [path for path in [*sources(), *tools()] if path.endswith("/__init__.py")])
def test_a_package_says_in_a_sentence_what_it_is(path: str) -> None:
    assert len(tree(path).body) == 1, f"{path} has more than a docstring"
    assert re.fullmatch(r"(?s)\S.*(?<!\.)\.", sentence(path)) and len(sentence(path)) <= 120
    assert not re.search(r"\. [A-Z]", sentence(path)), f"{path} has more than one sentence"


# Files whose classes may be called like a frame: effects, commands, messages of a pipe, orders to the ledger.
NAMESAKES = [
    "coordinator/dispatch/effects.py",
    "coordinator/ledger/orders.py",
    "worker/engine/port.py",
    "worker/media_engine/port.py",
    "worker/preparer/pipe.py",
    "worker/session/effects.py",
]


@pytest.mark.parametrize("path", [*sources(), *tools()])
def test_a_file_that_knows_a_frame_and_its_namesake_says_which(path: str) -> None:
    """`wire.Failed` and `Failed`: where both could be meant, frames are named by their module."""
    shared = {name for other in NAMESAKES for name in methods(other)} & set(methods("wire/messages.py"))
    imported = {name for name in shared if f"wire.messages.{name}" in imports(path)}
    assert not imported or not uses(path) & set(NAMESAKES), f"{path}: write wire.X for {sorted(imported)}"


def test_packages_form_no_cycle() -> None:
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join([*trail[trail.index(name) :], name])
        if name not in done:
            for used in sorted(graph().get(name, ())):
                visit(used, (*trail, name))
            done.add(name)

    for name in graph():
        visit(name, ())


def test_files_form_no_cycle() -> None:
    done: set[str] = set()

    def visit(path: str, trail: tuple[str, ...]) -> None:
        assert path not in trail, " -> ".join([*trail[trail.index(path) :], path])
        if path not in done:
            for used in sorted(uses(path)):
                visit(used, (*trail, path))
            done.add(path)

    for path in sources():
        visit(path, ())


def folders() -> str:
    """The packages as a tree, each with its own sentence, as ARCHITECTURE.md shows them."""
    roots = [*sorted({path for path in sources() if path.endswith("/__init__.py")}, key=_place), "tools/__init__.py"]
    lines = []
    for path in [*roots, "tests/__init__.py"]:
        *above, name = path.split("/")[:-1]
        if "migrations" not in (name, *above):  # a part of the store
            lines.append(f"{'  ' * len(above) + name + '/':24}{sentence(path).removesuffix('.')}")
    return "\n".join(lines)


def _place(path: str) -> tuple[int, str]:
    """The sides in the order of SIDES, the folders of each by name."""
    return SIDES.index(path.split("/")[0]), path.removesuffix("__init__.py")


def listing() -> str:
    """The package graph as ARCHITECTURE.md shows it: who imports whom, without the contract."""
    lines = []
    for name in sorted(graph()):
        used = sorted(graph()[name])
        lines.append(f"{name} -> {', '.join(one.split('/', 1)[1] for one in used)}" if used else name)
    return "\n".join(lines)


@pytest.mark.parametrize("shown", [folders, listing])
def test_the_architecture_shows_the_folders_and_what_each_imports(shown: Callable[[], str]) -> None:
    """`python -m tests.test_architecture` prints the tree and the listing that belong there."""
    assert f"```\n{shown()}\n```" in (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", [path for path in sources() if not any(fnmatch(path, name) for name in UNTESTED)])
def test_every_source_file_has_its_test_file(path: str) -> None:
    folder, _, name = path.removesuffix(".py").rpartition("/")
    found = list((ROOT / "tests" / folder).glob(f"test_{name}*.py"))
    assert found, f"tests/{folder}/test_{name}.py is missing"


@pytest.mark.parametrize("pattern", UNTESTED)
def test_an_exception_that_nothing_needs_any_more_is_taken_off_the_list(pattern: str) -> None:
    assert any(fnmatch(path, pattern) for path in sources())


# Split in two, so that this file may be read by its own test.
UNWANTED = ["/" + "work/", "/tmp/" + "lab", "/ro" + "ot/", "/opt/" + "pypi", "/opt/" + "wheels"]
UNWANTED += ["pypi" + ".org", "python" + "hosted.org", "registry.npm" + "js", "deb.debian" + ".org"]


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, timeout=30)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [path for path in listed.stdout.split("\0") if path and (ROOT / path).is_file()]


def test_no_tracked_file_names_a_place_of_one_machine_or_a_registry() -> None:
    pattern = re.compile(r"(?<![\w.~-])(" + "|".join(map(re.escape, UNWANTED)) + ")")
    for path in tracked():
        text = (ROOT / path).read_bytes().decode("utf-8", errors="replace")
        found = pattern.search(text)
        assert not found, f"{path}:{text.count(chr(10), 0, found.start()) + 1}: {found.group()}"


def expanded(name: str) -> Iterator[str]:
    """worker/{session,slots}.py -> both files."""
    parts = [part.split(",") for part in re.split(r"[{}]", name)]
    yield from map("".join, product(*parts))


@pytest.mark.parametrize(
    "document", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/debugging.md", "scripts/README.md"]
)
def test_files_that_the_documents_name_exist(document: str) -> None:
    path = ROOT / document
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    known = [file.relative_to(ROOT).as_posix() for file in ROOT.rglob("*") if ".venv" not in file.parts]
    for name in re.findall(r"`((?:[\w.-]+/)*[\w.{},-]+\.(?:py|yaml|toml|cuda|service)|scripts/[\w-]+)`", text):
        for one in expanded(name):
            assert any(file == one or file.endswith(f"/{one}") for file in known), f"{document} names `{one}`"


if __name__ == "__main__":
    print(folders(), listing(), sep="\n\n")
