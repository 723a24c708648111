"""worker/weights/download.py against a hub on the loopback interface, with the real huggingface_hub and real
processes."""

import hashlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.huggingface_hub import COMMIT, Asked, LoopbackHub, Reply
from wire.catalog import ModelSpec
from worker.weights.download import DAMAGED_PAUSE_S, HuggingFace, Progress, WeightsError, beginnings, ensure, local
from worker.weights.projector import entry

REPOSITORY = "someone/tiny-GGUF"
MIB = 2**20
SMALL = b"GGUF" + random.Random(1).randbytes(3 * MIB)
LARGE = b"GGUF" + random.Random(2).randbytes(25 * MIB)
PROJECTOR = b"GGUF" + random.Random(3).randbytes(1000)


def spec_of(*names: str, **extra: Any) -> ModelSpec:
    return ModelSpec.model_validate(
        {
            "id": "tiny",
            "name": "Tiny",
            "format": "qwen-json",
            "repository": REPOSITORY,
            "files": [{"name": name} for name in names or ("tiny.gguf",)],
            "context": 4096,
            "max_output": 100,
            "price": {"prompt": 1, "completion": 1},
            "licence": "MIT",
            **extra,
        }
    )


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def span(content: bytes, start: int = 0) -> str:
    """The Range that asks for the rest of it."""
    return f"bytes={start}-{len(content) - 1}"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    files = {
        (REPOSITORY, "tiny.gguf"): SMALL,
        (REPOSITORY, "large.gguf"): LARGE,
        (REPOSITORY, "mmproj.gguf"): PROJECTOR,
    }
    with LoopbackHub(files) as running:
        yield running


def fetch(hub: LoopbackHub, folder: Path, spec: ModelSpec | None = None, seen: list[Progress] | None = None) -> Any:
    report = seen.append if seen is not None else lambda _: None
    return ensure(spec or spec_of(), folder, report, HuggingFace(endpoint=hub.endpoint, pause_s=0))


def claims(content: bytes, size: int, name: str = "tiny.gguf") -> Callable[[Asked], Reply | None]:
    """The hub says that a file has another size than it has; all else is right."""
    said = {"X-Linked-Size": str(size), "ETag": f'"{sha(content)}"', "X-Repo-Commit": COMMIT}
    return lambda asked: Reply(200, said) if asked.method == "HEAD" and asked.path.endswith(name) else None


def refusal(hub: LoopbackHub, folder: Path, spec: ModelSpec | None = None) -> WeightsError:
    with pytest.raises(WeightsError) as caught:
        fetch(hub, folder, spec)
    assert caught.value.remedy
    return caught.value


def test_a_file_is_fetched_checked_and_named_by_its_hash(hub: LoopbackHub, tmp_path: Path) -> None:
    seen: list[Progress] = []
    weights = fetch(hub, tmp_path, seen=seen)
    assert weights.path == tmp_path / f"{sha(SMALL)}.gguf"
    assert weights.path.read_bytes() == SMALL
    assert (weights.sha256, weights.commit) == ((sha(SMALL),), COMMIT)
    assert {progress.phase for progress in seen} == {"downloading", "checking"}
    assert seen[-1].done_bytes == seen[-1].total_bytes == len(SMALL)


def test_only_the_named_files_are_fetched_and_at_one_commit(hub: LoopbackHub, tmp_path: Path) -> None:
    spec = spec_of(projector={"name": "mmproj.gguf"})
    weights = fetch(hub, tmp_path, spec)
    assert {path.rsplit("/", 1)[-1] for _, path, _ in hub.requests} == {"tiny.gguf"}, "who does not see needs no eyes"
    eyes = fetch(hub, tmp_path, entry(spec, weights.commit))
    assert eyes.path.read_bytes() == PROJECTOR
    assert {path.rsplit("/", 1)[-1] for _, path, _ in hub.requests} == {"tiny.gguf", "mmproj.gguf"}
    assert all(f"/resolve/{COMMIT}/" in path for method, path, _ in hub.requests if method == "GET")


def test_the_second_start_needs_no_network_and_hashes_nothing(hub: LoopbackHub, tmp_path: Path) -> None:
    first = fetch(hub, tmp_path)
    asked = len(hub.requests)
    hub.down = True
    seen: list[Progress] = []
    assert fetch(hub, tmp_path, seen=seen) == first
    assert len(hub.requests) == asked
    assert seen == []


def test_a_newer_revision_on_the_hub_does_not_change_what_was_pinned(hub: LoopbackHub, tmp_path: Path) -> None:
    first = fetch(hub, tmp_path)
    hub.commit, hub.files[(REPOSITORY, "tiny.gguf")] = "d" * 40, b"GGUFnew"
    assert fetch(hub, tmp_path) == first


def test_a_broken_connection_is_taken_up_where_it_broke(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.cut_after, hub.cuts = 11 * MIB, 1
    weights = fetch(hub, tmp_path, spec_of("large.gguf"))
    assert weights.path.read_bytes() == LARGE
    assert hub.downloads == [span(LARGE), span(LARGE, 11 * MIB)]


def test_a_killed_download_goes_on_where_it_was_at_the_next_start(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.hold_after = 22 * MIB
    process = start_process(hub, tmp_path, "large.gguf")
    wait_for_line(process, str(20 * MIB))
    process.kill()
    process.communicate()
    hub.release.set()
    assert fetch(hub, tmp_path, spec_of("large.gguf")).path.read_bytes() == LARGE
    first, second = hub.downloads
    assert first == span(LARGE) and int(str(second)[6:].partition("-")[0]) >= 19 * MIB
    assert list(tmp_path.glob("*.part")) == []


def test_a_hub_that_ignores_ranges_still_gives_a_whole_file(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.ignore_range, hub.cut_after, hub.cuts = True, 11 * MIB, 1
    assert fetch(hub, tmp_path, spec_of("large.gguf")).path.read_bytes() == LARGE


def test_a_hub_that_does_not_say_how_long_the_whole_is_is_taken_at_its_range(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.hide_size = True
    (tmp_path / f"{sha(SMALL)}.part").write_bytes(SMALL[:MIB])
    assert fetch(hub, tmp_path).path.read_bytes() == SMALL
    assert hub.downloads == [span(SMALL, MIB)]


def test_of_the_beginnings_one_is_in_memory_at_a_time(hub: LoopbackHub, tmp_path: Path) -> None:
    names = ("big-00001-of-00002.gguf", "big-00002-of-00002.gguf")
    hub.files |= {(REPOSITORY, names[0]): SMALL, (REPOSITORY, names[1]): LARGE}
    spec = spec_of(*names)
    (tmp_path / f"{sha(LARGE)}.part").write_bytes(LARGE[:MIB])
    path, whole, missing, parts = beginnings(spec, tmp_path, lambda _: None, 1000, HuggingFace(endpoint=hub.endpoint))
    assert path.name == names[0] and not path.exists()
    assert whole == len(SMALL) + len(LARGE)
    assert missing == whole - MIB, "what has arrived is not fetched again"
    for number, (content, (head, size)) in enumerate(zip((SMALL, LARGE), parts, strict=True), 1):
        assert (head.read(), size) == (content[:1000], len(content))
        assert hub.downloads == ["bytes=0-999"] * number


def test_a_beginning_that_is_short_is_the_hub_s_fault_not_the_file_s(hub: LoopbackHub, tmp_path: Path) -> None:
    half = Reply(206, {"Content-Range": f"bytes 0-999/{len(SMALL)}", "Content-Length": ""}, SMALL[:500])
    hub.instead = lambda asked: half if asked.method == "GET" else None
    parts = beginnings(spec_of(), tmp_path, lambda _: None, 1000, HuggingFace(endpoint=hub.endpoint))[3]
    with pytest.raises(WeightsError, match="answer is short") as caught:
        next(parts)
    assert caught.value.code == "hub_unreachable"


def test_two_workers_at_once_fetch_the_file_once(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.hold_after = 12 * MIB
    first = start_process(hub, tmp_path, "large.gguf")
    assert hub.holding.wait(60)
    second = start_process(hub, tmp_path, "large.gguf")
    wait_for_line(second, "waiting")
    hub.release.set()
    for process in (first, second):
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert output.splitlines()[-1] == str(tmp_path / f"{sha(LARGE)}.gguf")
    assert len(hub.downloads) == 1


def test_a_worker_that_waits_too_long_says_so(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.hold_after = 12 * MIB
    first = start_process(hub, tmp_path, "large.gguf")
    assert hub.holding.wait(60)
    with pytest.raises(WeightsError) as caught:
        ensure(spec_of("large.gguf"), tmp_path, lambda _: None, HuggingFace(endpoint=hub.endpoint, patience_s=0.1))
    assert caught.value.code == "locked"
    first.kill()
    first.communicate()


def test_a_damaged_download_is_thrown_away_and_fetched_again(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.wrong = 1
    assert fetch(hub, tmp_path).path.read_bytes() == SMALL
    assert hub.downloads == [span(SMALL), span(SMALL)]


def test_a_file_that_arrives_damaged_twice_is_refused_by_name(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.wrong = 2
    problem = refusal(hub, tmp_path)
    assert problem.code == "damaged_file" and "tiny.gguf" in problem.message
    assert list(tmp_path.glob("*.gguf")) == []


def test_a_file_that_arrived_damaged_twice_is_not_fetched_again_and_again(hub: LoopbackHub, tmp_path: Path) -> None:
    """A service tries again after seconds, and a model has 20 GB."""
    hub.wrong = 2
    refusal(hub, tmp_path)
    again = refusal(hub, tmp_path)
    note = tmp_path / f"{sha(SMALL)}.damaged"
    assert again.code == "damaged_file" and str(note) in again.remedy and len(hub.downloads) == 2
    old = time.time() - DAMAGED_PAUSE_S - 1
    os.utime(note, (old, old))
    assert fetch(hub, tmp_path).path.read_bytes() == SMALL
    assert not note.exists()


def test_a_file_that_changed_on_the_disk_is_noticed_and_fetched_again(hub: LoopbackHub, tmp_path: Path) -> None:
    path = fetch(hub, tmp_path).path
    path.write_bytes(b"GGUF" + bytes(len(SMALL) - 4))
    assert fetch(hub, tmp_path).path.read_bytes() == SMALL
    path.write_bytes(SMALL[:-1])
    assert fetch(hub, tmp_path).path.read_bytes() == SMALL
    assert len(hub.downloads) == 3


def test_a_left_over_that_is_longer_than_the_file_is_started_afresh(hub: LoopbackHub, tmp_path: Path) -> None:
    (tmp_path / f"{sha(SMALL)}.part").write_bytes(SMALL + b"more")
    assert fetch(hub, tmp_path).path.read_bytes() == SMALL


@pytest.mark.parametrize("size", [1000, 2 * len(SMALL), 2**60])
def test_a_size_that_was_said_wrong_once_binds_no_later_start_and_throws_nothing_away(
    hub: LoopbackHub, tmp_path: Path, size: int
) -> None:
    """Before, it was pinned: each later start said that the file had changed; a small one cost what had arrived."""
    part = tmp_path / f"{sha(SMALL)}.part"
    part.write_bytes(SMALL[:MIB])
    hub.instead = claims(SMALL, size)
    refusal(hub, tmp_path)
    assert part.read_bytes() == SMALL[:MIB]
    hub.instead = None
    assert fetch(hub, tmp_path).path.read_bytes() == SMALL
    assert hub.downloads[-1] == span(SMALL, MIB)


def test_of_a_model_that_is_here_in_part_the_rest_is_asked_anew_at_its_commit(hub: LoopbackHub, tmp_path: Path) -> None:
    names = ("big-00001-of-00002.gguf", "big-00002-of-00002.gguf")
    hub.files |= {(REPOSITORY, names[0]): SMALL, (REPOSITORY, names[1]): PROJECTOR}
    hub.instead = claims(PROJECTOR, 100, names[1])
    assert "big-00002" in refusal(hub, tmp_path, spec_of(*names)).message
    hub.instead, asked = None, len(hub.requests)
    weights = fetch(hub, tmp_path, spec_of(*names))
    assert [part.read_bytes() for part in weights.parts] == [SMALL, PROJECTOR]
    assert {path for _, path, _ in hub.requests[asked:]} == {f"/{REPOSITORY}/resolve/{COMMIT}/{names[1]}"}


def test_what_the_catalog_says_wins_over_the_hub(hub: LoopbackHub, tmp_path: Path) -> None:
    for file in ({"name": "tiny.gguf", "sha256": "0" * 64}, {"name": "tiny.gguf", "size_bytes": 5}):
        problem = refusal(hub, tmp_path, spec_of(files=[file]))
        assert problem.code == "damaged_file" and "catalog" in problem.message
    assert hub.downloads == []
    right = spec_of(files=[{"name": "tiny.gguf", "sha256": sha(SMALL), "size_bytes": len(SMALL)}])
    assert fetch(hub, tmp_path, right).sha256 == (sha(SMALL),)


def test_a_pinned_revision_must_be_what_the_hub_answers_for(hub: LoopbackHub, tmp_path: Path) -> None:
    assert fetch(hub, tmp_path / "a", spec_of(revision=COMMIT)).commit == COMMIT
    assert refusal(hub, tmp_path / "b", spec_of(revision="e" * 40)).code == "not_found"


def test_a_mirror_without_commit_or_hash_is_not_believed(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.etag_is_sha256 = False
    assert refusal(hub, tmp_path).code == "unverifiable_file"
    hub.etag_is_sha256, hub.commit = True, None
    assert refusal(hub, tmp_path).code == "unverifiable_file"


def test_storage_without_https_is_not_used(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.redirect_to = "http://storage.invalid"
    problem = refusal(hub, tmp_path)
    assert problem.code == "unverifiable_file" and "without https" in problem.message


def test_the_token_goes_to_the_hub(hub: LoopbackHub, tmp_path: Path) -> None:
    ensure(spec_of(), tmp_path, lambda _: None, HuggingFace(endpoint=hub.endpoint, token="hf_secret"))
    assert set(hub.tokens) == {"Bearer hf_secret"}


def test_a_gated_repository_is_told_with_what_to_do(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.gated = True
    problem = refusal(hub, tmp_path)
    assert problem.code == "gated_repository" and "HF_TOKEN" in problem.remedy


@pytest.mark.parametrize("spec", [spec_of("absent.gguf"), spec_of(repository="no/body"), spec_of(revision="v2")])
def test_what_is_not_on_the_hub_is_told(hub: LoopbackHub, tmp_path: Path, spec: ModelSpec) -> None:
    assert refusal(hub, tmp_path, spec).code == "not_found"


def test_a_hub_that_cannot_be_reached_is_told(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.down = True
    assert refusal(hub, tmp_path).code == "hub_unreachable"
    with pytest.raises(WeightsError) as caught:
        ensure(spec_of(), tmp_path, lambda _: None, HuggingFace(endpoint="http://127.0.0.1:9", pause_s=0))
    assert caught.value.code == "hub_unreachable"


def test_the_disk_is_measured_before_anything_is_fetched(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.instead = claims(SMALL, 2**60)
    problem = refusal(hub, tmp_path)
    assert problem.code == "disk_full" and "GiB" in problem.message
    assert hub.downloads == []


def test_a_folder_that_cannot_be_used_is_told(hub: LoopbackHub, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "models"
    assert "cannot use" in refusal(hub, folder).message
    with pytest.raises(WeightsError, match="cannot use"):
        beginnings(spec_of(), folder, lambda _: None, 1000, HuggingFace(endpoint=hub.endpoint))


def test_the_parts_of_a_split_model_keep_their_names_in_a_folder_of_their_own(hub: LoopbackHub, tmp_path: Path) -> None:
    names = ["q4/big-00001-of-00002.gguf", "q4/big-00002-of-00002.gguf"]
    hub.files |= {(REPOSITORY, names[0]): SMALL, (REPOSITORY, names[1]): PROJECTOR}
    weights = fetch(hub, tmp_path, spec_of(*names))
    assert [part.name for part in weights.parts] == ["big-00001-of-00002.gguf", "big-00002-of-00002.gguf"]
    assert weights.path == weights.parts[0] and weights.path.parent.parent == tmp_path
    assert [part.read_bytes() for part in weights.parts] == [SMALL, PROJECTOR]
    assert weights.sha256 == (sha(SMALL), sha(PROJECTOR))
    assert {part.name for part in local(weights.path, tmp_path, lambda _: None).parts} == {
        p.name for p in weights.parts
    }


def start_process(hub: LoopbackHub, folder: Path, name: str) -> subprocess.Popen[str]:
    code = (
        "import sys; from pathlib import Path\n"
        "from worker.weights.download import DAMAGED_PAUSE_S, HuggingFace, ensure\n"
        "from wire.catalog import ModelSpec\n"
        "spec = ModelSpec.model_validate_json(sys.argv[1])\n"
        "report = lambda p: print(p.phase, p.done_bytes, flush=True)\n"
        "print(ensure(spec, Path(sys.argv[2]), report, HuggingFace(endpoint=sys.argv[3])).path)\n"
    )
    arguments = [sys.executable, "-c", code, spec_of(name).model_dump_json(), str(folder), hub.endpoint]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_line(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(f"the process ended without {text!r}: {process.communicate()[1]}")
