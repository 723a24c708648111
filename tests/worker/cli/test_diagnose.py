"""--check on the real machine, with real files. Each problem of test_every_issue.py passes through here too."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.huggingface_hub import LoopbackHub, Reply
from tests.worker.daemon.fake_coordinator import CATALOG, with_file
from tests.worker.planning.test_eyes import REPOSITORY, SEEING
from tests.worker.test_every_issue import ask_once
from tests.worker.weights.test_download import SMALL
from worker.bindings import probe
from worker.cli import diagnose
from worker.cli.checks import Finding
from worker.config import Config
from worker.planning.model_setup import chosen
from worker.weights import download


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setattr(probe, "ask", ask_once)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    (tmp_path / "models.yaml").write_text(CATALOG)
    folders: dict[str, Any] = {"models_dir": tmp_path / "models", "state_dir": tmp_path / "state"}
    return Config(catalog=tmp_path / "models.yaml", slots=2, context=256, **folders)


def found(config: Config) -> dict[str, Finding]:
    return {finding.name: finding for finding in diagnose.findings(config)}


def test_a_local_file_needs_no_hub_and_is_planned(config: Config, tiny_qwen3: Path) -> None:
    findings = found(with_file(config, tiny_qwen3))
    assert findings["hub"].ok and findings["disk"].ok
    assert findings["model"].ok and "2 jobs at once, 256 tokens" in findings["model"].message
    assert findings["coordinator"].ok is False and findings["coordinator"].remedy
    assert findings["daemon"].message == "not running"


def test_a_model_that_is_not_here_yet_is_looked_for_on_the_hub(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    with LoopbackHub({("someone/tiny-GGUF", "tiny.gguf"): SMALL}) as hub:
        findings = found(replace(config, hub=hub.endpoint))
        assert findings["hub"].ok and findings["model"].ok and "not here yet" in findings["model"].message
        monkeypatch.setenv("HF_TOKEN", "hf_x")
        found(replace(config, hub=hub.endpoint))
        assert hub.tokens == [None, "Bearer hf_x"]


def test_without_the_hub_the_catalogs_sizes_say_what_there_is_to_download(config: Config) -> None:
    assert config.catalog is not None
    config.catalog.write_text(CATALOG + "    sizes: {files: 3000000000, token: 4096}\n")
    with LoopbackHub({}, instead=lambda asked: Reply(500)) as hub:
        findings = found(replace(config, hub=hub.endpoint))
    assert findings["hub"].ok is False and "2.8 GiB to download" in findings["disk"].message
    assert "2.8 GiB" in findings["model"].message


@pytest.mark.parametrize(
    ("status", "code"), [(403, "hub_refuses"), (404, "not_found"), (429, "hub_rate_limited"), (500, "hub_unreachable")]
)
def test_a_hub_that_will_not_give_the_model_is_told_as_the_download_tells_it(
    config: Config, status: int, code: str
) -> None:
    with LoopbackHub({}, instead=lambda asked: Reply(status)) as hub:
        finding = found(replace(config, hub=hub.endpoint))["hub"]
    assert (finding.ok, finding.code) == (False, code) and finding.remedy


def test_a_token_that_the_hub_refuses_is_a_note_where_the_model_is_public(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    with LoopbackHub({("someone/tiny-GGUF", "tiny.gguf"): SMALL}) as hub:
        hub.instead = lambda asked: Reply(401) if asked.token else None
        finding = found(replace(config, hub=hub.endpoint))["hub"]
    assert (finding.ok, finding.code) == (None, "hub_token_refused")


def test_a_fetched_file_that_was_damaged_since_is_found_and_left_alone(config: Config) -> None:
    with LoopbackHub({("someone/tiny-GGUF", "tiny.gguf"): SMALL}) as hub:
        spec = chosen(config)
        path = download.ensure(
            spec, config.models_dir, lambda _: None, download.HuggingFace(endpoint=hub.endpoint)
        ).path
    path.write_bytes(SMALL[:-1] + b"!")
    findings = found(config)
    assert (findings["model"].ok, findings["model"].code) == (False, "damaged_file") and findings["hub"].ok
    assert path.exists()


def test_a_wish_that_cannot_be_is_told(config: Config, tiny_qwen3: Path) -> None:
    assert found(with_file(config, tiny_qwen3, context=100_000))["model"].code == "impossible_wish"


def test_a_model_larger_than_all_memory_is_told_before_it_is_fetched(config: Config) -> None:
    assert config.catalog is not None
    big = CATALOG.replace("{name: tiny.gguf}", "{name: tiny.gguf, size_bytes: 99000000000000}")
    config.catalog.write_text(big)
    with LoopbackHub({("someone/tiny-GGUF", "tiny.gguf"): SMALL}) as hub:
        findings = found(replace(config, hub=hub.endpoint))
    assert findings["model"].code == "not_enough_memory" and findings["disk"].code == "disk_full"


def test_a_projector_of_the_owners_is_looked_at_before_the_model_is_here(config: Config, tiny_eyes: Path) -> None:
    (config.models_dir.parent / "models.yaml").write_text(SEEING)
    half = config.models_dir.parent / "half.gguf"
    half.write_bytes(tiny_eyes.read_bytes()[:-1000])
    files = {(REPOSITORY, "tiny.gguf"): SMALL, (REPOSITORY, "eyes.gguf"): tiny_eyes.read_bytes()}
    with LoopbackHub(files) as hub:
        seeing = replace(config, hub=hub.endpoint, vision="on")
        fetched, own, cut, gone = (
            found(replace(seeing, projector_file=file)) for file in (None, tiny_eyes, half, half.with_name("gone"))
        )
    assert "fetched" in fetched["vision"].message
    assert own["vision"].ok and str(tiny_eyes) in own["vision"].message and "fetched" not in own["vision"].message
    assert own["model"].ok and own["hub"].ok
    for wrong, why in ((cut, "half.gguf cannot be read"), (gone, "No such file")):
        assert wrong["vision"].code == "no_vision" and why in wrong["vision"].message and wrong["model"].ok


def test_the_disk_has_to_hold_the_model_and_may_lack_room_for_its_projector(
    config: Config, tiny_qwen35: Path, tiny_eyes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (config.models_dir.parent / "models.yaml").write_text(SEEING)
    files = {(REPOSITORY, "tiny.gguf"): tiny_qwen35.read_bytes(), (REPOSITORY, "eyes.gguf"): tiny_eyes.read_bytes()}
    monkeypatch.setattr(diagnose, "_free_disk", lambda folder: 1)
    with LoopbackHub(files) as hub:
        seeing = replace(config, hub=hub.endpoint, vision="on")
        assert found(seeing)["disk"].ok is False
        download.ensure(chosen(seeing), config.models_dir, lambda _: None, download.HuggingFace(endpoint=hub.endpoint))
        findings = found(seeing)
    assert findings["disk"].ok is None and "no pictures" in findings["disk"].message and findings["model"].ok
