"""coordinator/prompt_count/fetch.py against a hub on the loopback interface, as the process that it is."""

import subprocess
import sys
from pathlib import Path

import pytest

from coordinator.prompt_count import fetch
from coordinator.prompt_count.environment import environment
from tests.fakes.huggingface_hub import LoopbackHub

CONTENT = b"GGUF" + bytes(range(256)) * 200
FILES = {("x/tiny", "tiny.gguf"): CONTENT}


def fetched(
    hub: LoopbackHub, place: Path, file: str = "tiny.gguf", token: str = ""
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "coordinator.prompt_count.fetch", "x/tiny", "main", file, str(place)]
    hubs = {"HF_ENDPOINT": hub.endpoint} | ({"HF_TOKEN": token} if token else {})
    return subprocess.run(command, env=environment() | hubs, capture_output=True, text=True, timeout=60)


def test_the_beginning_of_the_file_is_asked_for_and_kept(tmp_path: Path) -> None:
    place = tmp_path / "vocabularies" / "tiny.gguf"
    with LoopbackHub(FILES) as hub:
        assert fetched(hub, place).returncode == 0
        assert hub.downloads[-1:] == [f"bytes=0-{fetch.BEGINNING_BYTES - 1}"]
    assert place.read_bytes() == CONTENT
    assert list(place.parent.iterdir()) == [place]


@pytest.mark.parametrize("trouble", ["down", "gated", "missing", "cut"])
def test_trouble_is_told_in_a_line_and_nothing_is_kept(tmp_path: Path, trouble: str) -> None:
    with LoopbackHub(FILES) as hub:
        hub.down, hub.gated = trouble == "down", trouble == "gated"
        hub.cut_after, hub.cuts = (1000, 9) if trouble == "cut" else (None, 0)
        found = fetched(hub, tmp_path / "tiny.gguf", "none.gguf" if trouble == "missing" else "tiny.gguf")
    assert found.returncode == 1
    assert found.stderr.strip() and "Traceback" not in found.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_token_is_shown_to_the_hub_and_to_nobody_else(tmp_path: Path) -> None:
    with LoopbackHub(FILES) as hub:
        assert fetched(hub, tmp_path / "tiny.gguf", token="hf_secret").returncode == 0
        assert hub.tokens[-2:] == ["Bearer hf_secret"] * 2
    with LoopbackHub(FILES) as storage, LoopbackHub(FILES, redirect_to=storage.endpoint) as hub:
        found = fetched(hub, tmp_path / "again.gguf", token="hf_secret")
        assert found.returncode == 1 and "without https" in found.stderr
        assert storage.tokens == []


def test_no_more_is_taken_than_was_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "BEGINNING_BYTES", 1000)
    with LoopbackHub(FILES, ignore_range=True) as hub:
        endpoint = hub.endpoint
        monkeypatch.setattr(
            fetch, "hf_hub_url", lambda name, file, revision="main": f"{endpoint}/{name}/resolve/main/{file}"
        )
        fetch.fetch("x/tiny", "main", "tiny.gguf", tmp_path / "tiny.gguf")
    assert (tmp_path / "tiny.gguf").read_bytes() == CONTENT[:1000]
