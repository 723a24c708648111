"""What the pages name is there: files and headings that are linked, files and modules that are mentioned, the commands
and flags of both programs and of scripts/, endpoints, models, benchmarks."""

import argparse
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from coordinator.cli import arguments
from program.catalog import load_catalog
from worker.cli import main

ROOT = Path(__file__).parents[2]
TOP = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "scripts/README.md", "supernet/toy/README.md")
PAGES = sorted([*TOP, *(str(page.relative_to(ROOT)) for page in (ROOT / "docs").rglob("*.md"))])
OF_TODAY = [page for page in PAGES if page != "CHANGELOG.md"]  # which names what is gone, too
FENCE = re.compile(r"^```.*?^```$", re.M | re.S)
FILES = re.compile(r"(?<![\w./~-])((?:\w[\w.-]*/)+[\w-]+\.(?:py|js|md|ya?ml|toml|txt|json|cfg|conf))\b")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
coordinators, workers = cache(arguments.parser), cache(main.parser)
OURS = ("coordinator", "worker", "wire", "program", "tools", "tests", "docs", "scripts", "supernet")
OTHERS = {
    "--collect-only",
    "--no-ui",
    "--shutdown",
    "--signal",
    "--spec-type",
    "--summary",
}  # of other people's programs


def text(page: str) -> str:
    return (ROOT / page).read_text()


@cache
def anchors(page: str) -> frozenset[str]:
    """As GitHub makes them of headings: a second one of a name gets a number."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#{1,6} +(.*?) *$", FENCE.sub("", text(page)), re.M):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
        if found[slug]:
            found[f"{slug}-{found[slug]}"] = 0
    return frozenset(found)


def links(page: str) -> Iterator[tuple[str, str]]:
    """(file from the root, anchor) of each link that stays in the checkout."""
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", FENCE.sub("", text(page)))):
        if "://" not in target and not target.startswith("mailto:"):
            file, _, anchor = target.partition("#")
            place = (ROOT / page).parent / file if file else ROOT / page
            yield str(place.resolve().relative_to(ROOT)), anchor


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading_of_it(page: str) -> None:
    broken = [
        f"{file}#{anchor}"
        for file, anchor in links(page)
        if not (ROOT / file).exists() or (anchor and anchor not in anchors(file))
    ]
    assert broken == []


@pytest.mark.parametrize("page", PAGES)
def test_every_file_of_the_checkout_that_is_named_is_there(page: str) -> None:
    named = {file for file in FILES.findall(text(page)) if file.split("/")[0] in OURS}
    named |= set(re.findall(r"(?<![\w./-])scripts/\w+(?:\.\w+)?", text(page)))
    for module in re.findall(r"python -m ((?:tools|tests|worker|coordinator)[\w.]*)", text(page)):
        name = module.rstrip(".").replace(".", "/")
        named.add(f"{name}/__main__.py" if (ROOT / name).is_dir() else f"{name}.py")
    assert sorted(file for file in named if not (ROOT / file).exists()) == []


# ---- commands and flags ----------------------------------------------------------------------------------------------


def commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The commands below a parser: name -> its parser. Empty, where it has none."""
    rows = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return {name: below for action in rows for name, below in action.choices.items()}


def flags(parser: argparse.ArgumentParser) -> set[str]:
    return set(parser._option_string_actions)


@cache
def written(script: str) -> frozenset[str]:
    """The flags that stand in a script and in what it may call, and those that it hands on."""
    files = [ROOT / "scripts" / script, *(ROOT / "tools").rglob("*.py")]
    if script == "install.sh":
        files = [*(ROOT / "tools" / "release").rglob("*"), ROOT / "scripts" / "install_service"]
    found = {flag for file in files if file.is_file() for flag in FLAG.findall(file.read_text(errors="replace"))}
    return frozenset(found | {"-k", "-x"} | (flags(workers()) if script == "bench" else set()))


def unknown(line: str) -> list[str]:
    """What of a line's words its program does not know: a command, or a flag. Another program may follow."""
    words = re.split(r" #| -- |[|;&<>]|\$\(|\)", line)[0].split()
    program, words = words[0].split("/")[-1].split("@")[0], words[1:]
    if program.startswith("supernet-"):
        parser: argparse.ArgumentParser = coordinators() if program == "supernet-coordinator" else workers()
        while words and (below := commands(parser)) and not words[0].startswith("-"):
            if words[0] not in below:
                return words[:1]
            parser, words = below[words[0]], words[1:]
        known: frozenset[str] | set[str] = flags(parser)
    else:
        known = written(program)
    given = [word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)]
    return [flag for flag in given if flag not in known]


def lines(page: str) -> Iterator[str]:
    """What somebody would type: the commands of the blocks, and those in the text, each in one line."""
    said = text(page)
    for block in re.findall(r"^```bash\n(.*?)^```", said, re.M | re.S):
        yield from block.replace("\\\n", " ").splitlines()
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"(?<=\S)\n(?=\S)", " ", FENCE.sub("", said)))


def typed(page: str) -> Iterator[str]:
    """Those of our own programs; of a command of the coordinator the program's name may be left out."""
    groups = "|".join(name for name, below in commands(coordinators()).items() if commands(below))
    for line in lines(page):
        line = re.sub(r"^(?:sudo (?:-u \w+ )?|sh )+", "", line.strip())
        if re.match(r"(?:\S*/)?supernet-(?:worker|coordinator)(?:@1)? |scripts/\w+(?: |$)|install\.sh ", line):
            yield line
        elif re.match(rf"(?:{groups}) [a-z]+ (?:--|[A-Z]+\b)|serve --", line):
            yield f"supernet-coordinator {line}"


@pytest.mark.parametrize("page", OF_TODAY)
def test_every_command_and_flag_is_one_that_its_program_knows(page: str) -> None:
    assert {line: wrong for line in typed(page) if (wrong := unknown(line))} == {}


def test_a_wrong_command_or_flag_would_be_found() -> None:
    assert unknown("supernet-worker --plan --modle x") == ["--modle"]
    assert unknown("supernet-coordinator key make --name x") == ["make"]
    assert unknown(".venv/bin/supernet-coordinator account list --weight 2  # all") == ["--weight"]
    assert unknown("scripts/install_service --gqu 1") == ["--gqu"]
    assert sum(len(list(typed(page))) for page in OF_TODAY) > 150


@pytest.mark.parametrize("page", OF_TODAY)
def test_every_flag_of_the_text_is_somebodys(page: str) -> None:
    scripts = {"install_service", "setup", "install.sh", *re.findall(r"scripts/(\w+)", text(page))}
    known = flags(workers()) | OTHERS | {flag for script in scripts for flag in written(script)}
    todo: list[argparse.ArgumentParser] = [coordinators()]
    for parser in todo:
        known |= flags(parser)
        todo += commands(parser).values()
    said = {flag for code in re.findall(r"`([^`\n]+)`", FENCE.sub("", text(page))) for flag in FLAG.findall(code)}
    assert sorted(said - known) == []


# ---- what the API, the catalog and the benchmarks have ---------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_every_endpoint_that_is_named_is_one(page: str) -> None:
    paths = json.loads(text("coordinator/api/openapi.json"))["paths"]
    shapes = [(re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), methods) for path, methods in paths.items()]
    asked = re.findall(r"`(GET|POST|PATCH|DELETE) (/[\w/.-]+)", text(page))
    assert [
        f"{method} {path}"
        for method, path in asked
        if not any(shape.fullmatch(path.rstrip(".")) and method.lower() in methods for shape, methods in shapes)
    ] == []


def test_every_model_that_a_command_names_is_in_the_catalog() -> None:
    catalog = load_catalog(None)
    known = {spec.id for spec in catalog.models} | {spec.id for spec in catalog.media}
    known.add("my-model-q4km")  # of an example whose entry stands beside it
    said = {name for page in PAGES for line in typed(page) for name in re.findall(r"--(?:model|media) ([\w.-]+)", line)}
    assert {name for name in said if not name.isupper()} - known == set()


def test_every_benchmark_has_a_row_and_no_other() -> None:
    cases = re.findall(r"^  ([a-z-]+)\) exec", text("scripts/bench"), re.M)
    table = text("scripts/README.md").split("## Benchmarks")[1].split("\n## ")[0]
    assert sorted(re.findall(r"^\| `([a-z-]+)(?:`| --)", table, re.M)) == sorted(cases)
