"""--plan without a model: the table, its order, and what a coordinator may say of demand."""

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.worker.cli.test_actions import ignore
from tests.worker.daemon.fake_coordinator import CATALOG
from tests.worker.planning.test_plan import machine
from worker.cli import actions, checks, fits
from worker.cli.checks import Answer
from worker.cli.fits import demand
from worker.config import Config
from worker.exits import EXIT_OK
from worker.planning import fitting, model_setup

FAST, SMALL, LARGE = "qwen3.5-9b-gguf-q4km", "qwen3.5-0.8b-gguf-q4km", "qwen3.5-35b-a3b-gguf-q4km"


@pytest.fixture
def config(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The catalog that comes with the program, on a card of 12 GiB."""
    monkeypatch.setattr(fitting, "look", lambda config: (machine(12, ram_gib=32), ()))
    return Config(models_dir=tmp_path / "models", state_dir=tmp_path / "state")


def says(monkeypatch: pytest.MonkeyPatch, answer: Answer) -> list[tuple[str, dict[str, str]]]:
    asked: list[tuple[str, dict[str, str]]] = []

    def get(url: str, headers: dict[str, str]) -> Answer:
        asked.append((url, headers))
        return answer

    monkeypatch.setattr(checks, "http_get", get)
    return asked


def wanted(**models: dict[str, Any]) -> Answer:
    none = {"waiting": 0, "no_worker_24h": 0, "turned_away_24h": 0}
    rows = [{"id": name.replace("_", "-"), "demand": {**none, **row}} for name, row in models.items()]
    return Answer(200, json.dumps({"data": rows}))


def printed(config: Config, capsys: pytest.CaptureFixture[str]) -> str:
    assert actions.plan(config, nullcontext(ignore), False) == EXIT_OK
    return capsys.readouterr().out


def test_the_best_come_first_and_each_says_how_it_would_run(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    said = printed(config, capsys)
    lines = {line.split()[0]: line for line in said.splitlines() if line}
    order = [name for name in lines if name in (FAST, SMALL, LARGE, "flux1-schnell-fp8")]
    assert order == [FAST, SMALL, LARGE, "flux1-schnell-fp8"]
    assert "on the GPU" in lines[FAST] and "~4 x 32,768" in lines[FAST] and "6.1 GiB" in lines[FAST]
    assert "partly" in lines[LARGE] and "0.3 in, 0.9 out" in lines[LARGE]
    assert "  no  " in lines["flux1-schnell-fp8"] and "at least" in lines["flux1-schnell-fp8"]
    assert "12 GB: 12.0 of 12.0 GiB free" in said and "~ about: reckoned" in said
    assert "no coordinator is named" in said and "serves qwen3.6-35b-a3b-gguf-iq4xs" in said
    assert "waiting" not in said.splitlines()[3]


@pytest.mark.parametrize("asked", [True, False], ids=["demand", "no-demand"])
def test_on_a_terminal_of_80_columns_no_line_is_longer(
    config: Config, monkeypatch: pytest.MonkeyPatch, asked: bool
) -> None:
    busy = {SMALL: {"waiting": 123456, "no_worker_24h": 1234567}}
    says(monkeypatch, wanted(**busy) if asked else Answer(401, "Unauthorized"))
    config = replace(config, coordinator="wss://home.example", key="sk-x")
    found, now = fitting.fittings(config), demand(config)
    rows = list(found.models)
    lines = fits.text(found, rows, now, 80).splitlines()
    assert [line for line in lines if len(line) > 80] == []
    at = lines.index(next(line for line in lines if line.startswith(SMALL)))
    assert lines[at + 1].startswith("    ") and "0.02 in" in lines[at + 1], "a row takes two lines"
    assert not asked or lines[at + 1].split()[-2:] == ["123,456", "1,234,567"]
    wide = fits.text(found, rows, now, 200)
    assert len([line for line in wide.splitlines() if line.startswith("    ")]) == 0
    assert (
        {word for line in lines for word in line.split()}
        == set(wide.split())
        == set(fits.text(found, rows, now).split())
    )


def test_the_price_of_a_pipeline_says_of_what(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    lines = {line.split()[0]: line for line in printed(config, capsys).splitlines() if line}
    assert "0.003 a picture" in lines["flux1-schnell-fp8"]
    assert " a second" in lines["ace_step_1.5_turbo"] and " a second" in lines["wan_v2.2-5b_ti2v"]
    assert "of film of a megapixel" in lines["The"]


def test_a_file_of_its_owners_is_not_to_be_downloaded(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = CATALOG.replace("    repository: someone/tiny-GGUF\n", "").replace(
        "name: tiny.gguf", f"name: tiny.gguf, size_bytes: 5, sha256: {'ab' * 32}"
    )
    (tmp_path / "models.yaml").write_text(named)
    config = replace(config, catalog=tmp_path / "models.yaml")
    (line,) = [line for line in printed(config, capsys).splitlines() if line.startswith("tiny")]
    assert "  --model-file  " in line


def test_what_is_wanted_comes_before_what_is_not(
    config: Config, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {SMALL: {"waiting": 3, "no_worker_24h": 1200, "turned_away_24h": 34}, LARGE: {"waiting": 99}}
    asked = says(monkeypatch, wanted(**rows))
    config = replace(config, coordinator="wss://home", key="sk-x")
    said = printed(config, capsys)
    lines = [line for line in said.splitlines() if line.startswith("qwen")]
    assert lines[0].split()[0] == SMALL and lines[0].split()[-2:] == ["3", "1,234"]
    assert lines[1].split()[0] == FAST, "99 wait for what fits in part only"
    assert asked == [("https://home/v1/network/models", {"Authorization": "Bearer sk-x"})]
    assert actions.plan(config, nullcontext(ignore), True) == EXIT_OK
    told = json.loads(capsys.readouterr().out)
    (first, *_) = told["models"]
    assert (first["id"], first["demand"]) == (SMALL, {"waiting": 3, "refused": 1234})
    assert (first["fit"]["place"], first["estimated"], first["kind"]) == ("gpu", True, "chat")
    assert told["demand_unknown"] is None and told["machine"]["gpus"][0]["memory_bytes"] == 12 * 2**30
    assert {row["kind"] for row in told["models"]} == {"chat", "media"}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer(0, "nobody listens"), "nobody listens"),
        (Answer(401, "Unauthorized"), "its key is not taken"),
        (Answer(200, "<html>"), "nothing of it that this version understands"),
        (Answer(200, "[" * 100_000), "nothing of it"),
        (Answer(200, '{"data": [{"id": "x"}]}'), "nothing of it"),
        (Answer(200, '{"data": [{"id": "x", "demand": {"waiting": NaN}}]}'), "nothing of it"),
    ],
)
def test_a_coordinator_that_says_nothing_costs_one_line(
    config: Config,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    answer: Answer,
    why: str,
) -> None:
    says(monkeypatch, answer)
    said = printed(replace(config, coordinator="ws://home"), capsys)
    assert "How wanted each is, is not known: ws://home" in said and why in said


def test_a_coordinator_that_lies_writes_nothing_on_the_terminal(
    config: Config, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lie = {SMALL: {"waiting": 10**40, "turned_away_24h": -5}, "\x1b[2Jmine": {"waiting": 1}}
    says(monkeypatch, wanted(**lie))
    config = replace(config, coordinator="ws://home")
    found = demand(config).models or {}
    assert found[SMALL] == (10**9, 0)
    assert "\x1b" not in printed(config, capsys)
    says(monkeypatch, Answer(0, "\x1b[2Jgone"))
    assert "\x1b" not in printed(config, capsys)


def test_a_model_or_a_pipeline_that_was_named_is_planned_as_ever(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no(config: Config, as_json: bool) -> int:
        raise AssertionError("no table")

    monkeypatch.setattr(fits, "show", no)
    monkeypatch.setattr(model_setup, "preview", lambda *_: (_ for _ in ()).throw(KeyError("planned")))
    with pytest.raises(KeyError, match="planned"):
        actions.plan(replace(config, model=SMALL), nullcontext(ignore), True)
    with pytest.raises(AssertionError, match="no table"):
        actions.plan(config, nullcontext(ignore), True)
