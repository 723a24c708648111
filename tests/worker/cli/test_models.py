"""worker/cli/models.py: the models on the disk as their owner reads them, and --models-remove."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.worker.weights.a_store import entry, hold, hold_eyes
from tests.worker.weights.test_uses import another_worker
from worker.cli import main
from worker.cli.models import under_cap
from worker.config import Config
from worker.weights.inventory import look

GIB = 2**30
ONE = entry("one", projector="mmproj.gguf")
OTHER = entry("one", "one-q8.gguf", projector="mmproj.gguf")  # another file of the same repository
TWO = entry("two")
PIPELINE = entry("z", "model_index.json", "w.safetensors", pipeline=True)
MEDIA = """
media:
  - {id: z, name: Z, tools: [generate_image], pipeline: ZImagePipeline, repository: someone/z, size_bytes: 2147483648,
     allow: [model_index.json, w.safetensors], memory_bytes: 1, price: 1, licence: MIT,
     defaults: {width: 64, height: 64, steps: 4}, limits: {pixels: 4096}}
"""


def model(id: str, repository: str, file: str, more: str = "") -> str:
    return (
        f"  - {{id: {id}, name: {id}, format: qwen-json, repository: {repository}, files: [{{name: {file}{more}}}],"
        " context: 4096, max_output: 100, price: {prompt: 1, completion: 1}, licence: MIT"
    )


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models folder, and settings that lead to it."""
    eyes = ", projector: {name: mmproj.gguf}}"
    rows = [
        model("one", "someone/one", "one.gguf") + eyes,
        model("one-q8", "someone/one", "one-q8.gguf") + eyes,
        model("two", "someone/two", "two.gguf", ", size_bytes: 1073741824") + "}",
    ]
    (tmp_path / "models.yaml").write_text("default: one\nmodels:\n" + "\n".join(rows) + MEDIA)
    monkeypatch.setenv("SUPERNET_CATALOG", str(tmp_path / "models.yaml"))
    monkeypatch.setenv("SUPERNET_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("SUPERNET_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "models"


def ask(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main.main(list(argv))
    said = capsys.readouterr()
    return code, said.out, said.err


def rows(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in json.loads(ask(capsys, "--models", "--json")[1])["rows"]}


def test_an_empty_disk_says_what_there_would_be(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ask(capsys, "--models")
    assert code == 0 and not store.exists(), "looking makes nothing"
    lines = out.splitlines()
    assert "0.0 GiB; " in lines[0] and "of the disk are free" in lines[0] and lines[1] == "not here"
    assert lines[2].split() == "one how much to download the hub knows".split()
    assert lines[4].split() == "two 1.0 GiB to download".split() and lines[5].split()[:3] == ["z", "2.0", "GiB"]


def test_the_sizes_of_the_catalog_say_what_there_would_be_to_download(
    store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SUPERNET_CATALOG")
    shown = json.loads(ask(capsys, "--models", "--json")[1])["not_here"]
    assert shown["qwen3.6-35b-a3b-gguf-iq4xs"] == 17_730_000_000 + 903_000_000, "its projector too"
    assert None not in shown.values()


def test_each_model_has_a_line_with_its_size_its_use_and_what_is_the_matter(
    store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPERNET_MODELS_CAP_GIB", "40")
    hold(store, ONE, GIB // 4, used_at=1e9)
    hold_eyes(store, ONE, GIB // 4)
    hold(store, PIPELINE, GIB // 2, arrived=GIB // 4)
    hold(store, entry("gone"), 100)
    (store / hold(store, entry("orphan"), 100)).unlink()
    with another_worker(store, "z"):
        code, out, _ = ask(capsys, "--models")
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert code == 0 and "of at most 40.0 GiB" in out.splitlines()[0]
    assert "0.5 GiB" in lines["one"] and "last used on 09 Sep 2001" in lines["one"] and "settings say" in lines["one"]
    assert "unfinished: 1.0 GiB" in lines["z"] and "used by" not in lines["z"], (
        "the other one uses a model of that name"
    )
    assert "no longer wanted" in lines["leftovers"] and "someone/gone: gone.gguf" in out
    assert out.splitlines()[-1] == "supernet-worker --models-remove ID removes one"


def test_json_says_the_same(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hold(store, ONE, 100, used_at=5.0)
    with another_worker(store, "one"):
        found = rows(capsys)["one"]
    assert (found["bytes"], found["used_at"], found["chosen"], found["commit"]) == (100, 5.0, True, "c" * 40)
    assert found["used_by"] == ["the other worker"]
    told = json.loads(ask(capsys, "--models", "--json")[1])
    assert told["not_here"] == {"one-q8": None, "two": GIB, "z": 2 * GIB} and told["folder"] == str(store)
    assert told["free_bytes"] > 0 and told["cap_bytes"] is None


def test_a_model_goes_with_its_projector(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hold(store, ONE, GIB // 4)
    hold_eyes(store, ONE, GIB // 4)
    code, out, _ = ask(capsys, "--models-remove", "one")
    assert code == 0 and "removed one: 0.5 GiB are free again" in out and "next start fetches it again" in out
    assert look(store).every == ()


def test_a_projector_that_another_model_here_has_too_stays(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hold(store, ONE, 100)
    eyes = hold_eyes(store, ONE, 50)
    hold(store, OTHER, 100)
    found = rows(capsys)
    assert {found[id]["shared_bytes"] for id in ("one", "one-q8")} == {50} and len(found) == 2
    assert ask(capsys, "--models-remove", "one")[0] == 0
    assert eyes in {item.pin for item in look(store).items}
    assert ask(capsys, "--models-remove", "one-q8")[0] == 0 and look(store).every == ()


def test_a_projector_that_is_left_alone_belongs_to_one_row(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hold(store, ONE, 100)
    hold_eyes(store, ONE, 50)
    (store / ONE.own_pins(store)[0]).unlink()
    (store / f"{look(store).leftovers[0].title}").unlink()
    assert ask(capsys, "--models", "--json")[0] == 0
    left = rows(capsys)
    assert sum(row["bytes"] for row in left.values()) == 50
    assert ask(capsys, "--models-remove", next(iter(left)))[0] == 0 and look(store).every == ()


def test_what_the_catalog_does_not_name_goes_by_its_number(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hold(store, entry("gone"), 100)
    (id,) = rows(capsys)
    assert ask(capsys, "--models-remove", id, "--json")[0] == 0 and look(store).every == ()


def test_leftovers_go_together(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (store / hold(store, TWO, 100)).unlink()
    hold(store, ONE, 100)
    code, out, _ = ask(capsys, "--models-remove", "leftovers", "--json")
    told = json.loads(out)
    assert code == 0 and (told["bytes"], told["freed_bytes"]) == (100, 100) and {*rows(capsys)} == {"one"}


@pytest.mark.parametrize("id", ["two", "nonsense", "../models", ""])
def test_what_is_not_here_cannot_be_removed(store: Path, capsys: pytest.CaptureFixture[str], id: str) -> None:
    assert "has no models" in ask(capsys, "--models-remove", id)[2]
    hold(store, ONE, 100)
    code, out, err = ask(capsys, "--models-remove", id)
    assert code == 1 and not out and "there are one" in err and {*rows(capsys)} == {"one"}


def test_what_a_worker_uses_stays_and_it_is_said_whose(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hold(store, TWO, 100)
    with another_worker(store, "two"):
        code, _, err = ask(capsys, "--models-remove", "two")
    assert code == 1 and "used by the other worker" in err and "->" in err and {*rows(capsys)} == {"two"}


def test_a_file_with_two_names_is_told_honestly(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hold(store, TWO, GIB // 4)
    os.link(look(store).items[0].pieces[0].path, tmp_path / "mine.gguf")
    assert "another name on the disk too" in ask(capsys, "--models")[1]
    code, out, _ = ask(capsys, "--models-remove", "two")
    assert code == 0 and "0.0 GiB are free again" in out and "0.2 GiB stay on the disk" in out


def test_another_users_folder_is_not_for_everybody(
    store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(store, TWO, 100)

    def refused(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("worker.weights.uses.os.open", refused)
    for argv in (["--models"], ["--models-remove", "two"]):
        code, _, err = ask(capsys, *argv)
        assert code == 78 and "with sudo" in err


def test_check_says_whether_the_cap_is_enough(store: Path, tmp_path: Path) -> None:
    catalog = tmp_path / "models.yaml"

    def told(cap: float | None, needed: int) -> str:
        config = Config(
            models_dir=store, state_dir=tmp_path, catalog=catalog, model="two", models_cap_gib=cap, media="z"
        )
        found = under_cap(config, needed)
        return found if isinstance(found, str) else f"{found.code}: {found.message}" if found else ""

    assert told(None, GIB) == ""
    assert told(1.0, GIB).endswith("may take 1.0 GiB, and 1.0 are needed")
    assert told(0.9, GIB).startswith("models_cap: ")
    hold(store, TWO, GIB // 4)
    hold(store, ONE, GIB // 4)
    assert told(0.5, GIB // 4).endswith("and 0.5 are needed"), "what is here counts, what nobody uses does not"
    with another_worker(store, "one"):
        assert told(0.5, GIB // 4).startswith("models_cap: ")
        assert told(0.8, GIB // 4).endswith("beside 0.2 that other workers use")
