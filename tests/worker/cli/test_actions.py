"""What --plan and --benchmark print. --check is in test_diagnose.py."""

import json
import struct
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from program import gguf_reader
from tests.fakes.huggingface_hub import LoopbackHub
from tests.program.test_gguf import ARRAY, TEXT, gguf_file, pair, text
from tests.worker.cli.test_diagnose import config as config  # the fixture
from tests.worker.daemon.fake_coordinator import with_file
from worker.cli import actions
from worker.config import Config
from worker.exits import EXIT_OK
from worker.planning import model_setup
from worker.weights.files import Progress

TINY = ("someone/tiny-GGUF", "tiny.gguf")


def ignore(_: Progress) -> None:
    """Shown elsewhere."""


def test_a_benchmark_is_shown_kept_and_compared_with_the_one_before(
    config: Config, tiny_qwen3: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = with_file(config, tiny_qwen3, slots=1, context=512)
    assert actions.measure(measured, nullcontext(ignore), False) == EXIT_OK
    first = capsys.readouterr().out
    assert "decode tokens/s" in first and "before" not in first
    assert actions.measure(replace(measured, context=256), nullcontext(ignore), False) == EXIT_OK
    second = capsys.readouterr().out
    assert " before " in second and "since then context 512 -> 256" in second
    assert actions.measure(measured, nullcontext(ignore), True) == EXIT_OK
    value = json.loads(capsys.readouterr().out)
    loads = [(gain["guessing"]["load"], gain["without_tps"] > 0) for gain in value["drafts"]]
    assert loads == [("copying", True), ("prose", True)] and "answers    streams   with guesses" in first
    assert value["model"] == "tiny" and value["before"]["curve"][0]["streams"] == value["curve"][0]["streams"] == 1


def test_a_plan_is_printed(config: Config, tiny_qwen3: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert actions.plan(with_file(config, tiny_qwen3), nullcontext(ignore), True) == EXIT_OK
    assert json.loads(capsys.readouterr().out)["engine"]["slots"] == 2


def test_a_plan_without_the_hub_says_what_the_machine_has(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(model_setup.Unready) as caught:
        actions.plan(replace(config, model="tiny", hub="http://127.0.0.1:9"), nullcontext(ignore), False)
    assert caught.value.issue.code == "hub_unreachable"
    said = capsys.readouterr().out
    assert "GiB free" in said and "CPU cores" in said
    with pytest.raises(model_setup.Unready):
        actions.plan(replace(config, model="tiny", hub="http://127.0.0.1:9"), nullcontext(ignore), True)
    assert capsys.readouterr().out == ""  # no JSON, and nothing in its place


def test_a_plan_of_a_model_that_is_not_here_takes_the_head_of_its_file(
    config: Config, tiny_qwen3: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_setup, "BEGINNING_BYTES", 1024)
    seen: list[Progress] = []

    def plan(config: Config) -> dict[str, object]:
        assert actions.plan(config, nullcontext(seen.append), True) == EXIT_OK
        value: dict[str, object] = json.loads(capsys.readouterr().out)
        return value

    here = plan(with_file(config, tiny_qwen3))
    seen.clear()
    with LoopbackHub({TINY: tiny_qwen3.read_bytes()}) as hub:
        away = plan(replace(config, model="tiny", hub=hub.endpoint, models_dir=config.models_dir / "away"))
    notes = away["notes"]
    assert isinstance(notes, list) and "not here yet: 0.0 GiB are to be downloaded" in notes.pop()
    assert away["memory"] == here["memory"] and notes == here["notes"]
    asked = [f"bytes=0-{1024 * 4**times - 1}" for times in range(len(hub.downloads))]
    assert len(asked) > 1 and hub.downloads == asked, "more and more, until the header is whole"
    assert seen[-1].done_bytes == seen[-1].total_bytes < tiny_qwen3.stat().st_size
    assert not (config.models_dir / "away").exists(), "nothing is kept, and no commit pinned"


def test_a_hub_that_ignores_ranges_is_not_listened_to_for_longer_than_the_head(
    config: Config, tiny_qwen3: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = tiny_qwen3.read_bytes() + bytes(64 * 2**20)
    with LoopbackHub({TINY: content}, ignore_range=True, hold_after=30 * 2**20) as hub:
        assert actions.plan(replace(config, model="tiny", hub=hub.endpoint), nullcontext(ignore), False) == EXIT_OK
    assert "not here yet: 0.1 GiB" in capsys.readouterr().out


def test_no_more_is_fetched_than_a_header_may_be_long(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_setup, "BEGINNING_BYTES", 1000)
    monkeypatch.setattr(gguf_reader, "MAX_HEADER", 5000)
    words = pair("tokens", ARRAY, struct.pack("<IQ", TEXT, 1000) + text("x" * 100) * 1000)
    with (
        LoopbackHub({TINY: gguf_file([words])}) as hub,
        pytest.raises(model_setup.Unready, match="longer than it may be"),
    ):
        actions.plan(replace(config, model="tiny", hub=hub.endpoint), nullcontext(ignore), False)
    assert hub.downloads == ["bytes=0-999", "bytes=0-3999", "bytes=0-4999"]


@pytest.mark.parametrize(("content", "problem"), [(b"GGUF", "cut short"), (b"<html>" * 1000, "not a GGUF")])
def test_a_file_on_the_hub_that_is_no_model_is_told(config: Config, content: bytes, problem: str) -> None:
    with (
        LoopbackHub({TINY: content}) as hub,
        pytest.raises(model_setup.Unready, match=problem) as caught,
    ):
        actions.plan(replace(config, model="tiny", hub=hub.endpoint), nullcontext(ignore), False)
    assert caught.value.issue.code == "damaged_file" and len(hub.downloads) == 1
