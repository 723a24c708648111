"""The unchanged openai client where something is drawn: the program that scripts/compat runs, on real processes."""

from pathlib import Path

import pytest

from tools.compat import program_run
from tools.compat.install import CLIENTS, folder, install
from tools.compat.runs import RUNS


def test_every_way_to_have_something_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chats whole, streamed and with the helpers of the client, responses, pictures, edits and films."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (client,) = (one for one in CLIENTS if one.name == "openai-python")
    (way,) = (one for one in RUNS if one.kind == "drawing")
    assert client.draws is not None
    installed = install(client)
    folder().mkdir(parents=True)
    with way.network() as network:
        told, _ = program_run.run(client, installed, client.draws, network, way.said)
    outcomes = {each["feature"]: each["remark"] for each in told["outcomes"] if not each["ok"]}
    assert outcomes == {}
    assert len(told["outcomes"]) > 10
    assert told["requests"]["POST /v1/chat/completions"] > 5
