"""The law of the folders, read off the syntax trees: who may import whom, who owns which library, what stays pure.

A change that needs a rule changed changes it here, in the open, with the reason beside it.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from itertools import product
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SIDES = ("wire", "program", "worker", "coordinator")
MAY_IMPORT = {
    "wire": {"wire"},
    "program": {"program", "wire"},
    "worker": {"worker", "program", "wire"},
    "coordinator": {"coordinator", "program", "wire"},
}

# A foreign library -> the only folders or files that may import it. One that is not here has no owner yet: give it one.
OWNERS = {
    "pydantic": ["wire", "worker", "coordinator"],  # the codec of the wire: frames and plain values that anybody names
    "pydantic_core": ["coordinator/openai", "worker/chat"],
    "yaml": ["wire/catalog.py"],
    "numpy": ["worker/bindings", "worker/engine/child"],
    "llama_cpp": ["worker/bindings"],
    "llguidance": ["worker/bindings"],
    "jinja2": ["worker/chat/template.py"],
    "websockets": ["worker/daemon/link.py"],
    "pynvml": ["worker/machine/nvml.py"],
    "psutil": ["worker/machine", "worker/subprocesses/parent.py"],  # the machine's figures, and those of a child
    "platformdirs": ["coordinator/store/home.py"],
    "huggingface_hub": ["worker/weights"],
    "filelock": ["worker/weights"],
    "tqdm": ["worker/cli/console.py"],
    "prometheus_client": ["coordinator/telemetry", "worker/telemetry"],  # each side has its own /metrics
    "fastapi": ["coordinator/api", "coordinator/dashboard"],
    "starlette": ["coordinator/api", "coordinator/dashboard"],
    "uvicorn": ["coordinator/server.py"],
    "sqlalchemy": ["coordinator/store", "coordinator/ledger", "coordinator/accounts/rows.py"],
    "alembic": ["coordinator/store"],
    "opentelemetry": ["coordinator/telemetry", "worker/telemetry"],
}

# Decisions without a clock, a socket, an await or a die: time, ids and randomness are arguments. Whole folders first,
# then the pure files of folders that have both.
PURE = [
    "wire",
    "worker/session",
    "worker/chat",
    "coordinator/openai",
    "coordinator/dispatch",
    "coordinator/scheduler",
    "worker/issues.py",
    "worker/subprocesses/codec.py",
    "worker/engine/devices.py",
    "worker/engine/port.py",
    "worker/engine/pipe.py",
    "worker/engine/child/batch.py",
    "worker/engine/child/prefix_cache.py",
    "worker/engine/child/prefix_wait.py",
    "worker/engine/child/step_budget.py",
    "worker/preparer/pipe.py",
    "worker/planning/deal.py",
    "worker/planning/explain.py",
    "worker/planning/footprint.py",
    "worker/planning/layout.py",
    "worker/planning/plan.py",
    "worker/weights/gguf.py",
    "worker/weights/identity.py",
    "worker/machine/availability.py",
    "worker/machine/description.py",
    "worker/machine/gpu_problems.py",
    "worker/machine/owners_use.py",
    "worker/machine/schedule.py",
    "worker/daemon/outage.py",
    "worker/cli/plot.py",
    "worker/telemetry/counters.py",
    "worker/telemetry/status.py",
    "coordinator/request.py",
    "coordinator/admission/client_timeout.py",
    "coordinator/admission/idempotency.py",
    "coordinator/admission/rate_limits.py",
    "coordinator/dashboard/view.py",
    "coordinator/dashboard/watch.py",
    "coordinator/ledger/book.py",
    "coordinator/ledger/orders.py",
    "coordinator/ledger/pricing.py",
]
IMPURE_MODULES = set(
    "asyncio concurrent fcntl http io logging multiprocessing os pathlib queue random secrets select selectors shutil "
    "signal socket sqlite3 ssl subprocess sys tempfile threading time urllib uuid".split()
)
IMPURE_CALLS = {"open", "print", "input", "now", "today", "utcnow", "getenv"}
IMPURE_SYNTAX = (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.AsyncFunctionDef)
ASYNC_SIGNATURES = {"worker/engine/port.py"}  # a Protocol: it says what an engine can be awaited for, and has no body

MOST_LINES = 400  # 300 is the aim
MOST_FUNCTION_LINES = 60  # 40 is the aim

# Source files without a test file of their own, and why.
UNTESTED = {
    "*/__init__.py": "only a docstring",
    "*/__main__.py": "one call; tests/e2e starts it as a process",
    "worker/machine/description.py": "types only",
    "worker/engine/port.py": "types only",
    "worker/exits.py": "four numbers",
    "worker/chat/prepared.py": "types only",
    "worker/session/effects.py": "types only",
    "coordinator/dispatch/effects.py": "types only",
    "coordinator/accounts/scopes.py": "three constants",
    "coordinator/request.py": "types only",
    "coordinator/store/errors.py": "types only",
    "coordinator/ledger/orders.py": "types only",
    "coordinator/store/migrations/*": "tests/coordinator/store/test_migrate.py goes through all steps",
}


@cache
def sources() -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for side in SIDES for path in (ROOT / side).rglob("*.py"))


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
    if folder in ("wire", "program"):
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


@pytest.mark.parametrize("path", sources())
def test_a_file_is_one_thought_and_a_function_fits_a_screen(path: str) -> None:
    assert len((ROOT / path).read_text(encoding="utf-8").splitlines()) <= MOST_LINES
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= MOST_FUNCTION_LINES, f"{path}:{node.lineno}: {node.name} has {length} lines"


@pytest.mark.parametrize("path", [path for path in sources() if path.endswith("/__init__.py")])
def test_a_package_says_in_a_sentence_what_it_is(path: str) -> None:
    body = tree(path).body
    assert len(body) == 1, f"{path} has more than a docstring"
    sentence = ast.get_docstring(tree(path)) or ""
    assert sentence.endswith(".") and len(sentence) <= 160


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


def listing() -> str:
    """The package graph as ARCHITECTURE.md shows it: who imports whom, without the contract."""
    lines = []
    for name in sorted(graph()):
        used = sorted(graph()[name])
        lines.append(f"{name} -> {', '.join(one.split('/', 1)[1] for one in used)}" if used else name)
    return "\n".join(lines)


def test_the_architecture_lists_what_each_package_imports() -> None:
    """`python -m tests.test_architecture` prints the listing that belongs there."""
    assert listing() in (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


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


@pytest.mark.parametrize("document", ["README.md", "ARCHITECTURE.md", "scripts/README.md"])
def test_files_that_the_documents_name_exist(document: str) -> None:
    path = ROOT / document
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    known = [file.relative_to(ROOT).as_posix() for file in ROOT.rglob("*") if ".venv" not in file.parts]
    for name in re.findall(r"`((?:[\w.-]+/)*[\w.{},-]+\.(?:py|yaml|toml|cuda|service)|scripts/[\w-]+)`", text):
        for one in expanded(name):
            assert any(file == one or file.endswith(f"/{one}") for file in known), f"{document} names `{one}`"


if __name__ == "__main__":
    print(listing())
