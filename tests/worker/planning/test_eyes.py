"""The projector on its way into the plan: a hub on loopback, the tiny hybrid and its eyes, and this machine's CPU."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from program.fits import EYES_COMPUTE_BYTES
from program.settings import ConfigError
from tests.fakes.huggingface_hub import COMMIT, LoopbackHub, Reply
from tests.worker.daemon.fake_coordinator import CATALOG, of_its_own
from tests.worker.planning.test_model_setup import on
from worker.config import Config
from worker.engine.devices import Build, Device
from worker.planning import model_setup
from worker.planning.eyes import check
from worker.planning.model_setup import Assembly
from worker.weights.files import Progress

GIB = 2**30
REPOSITORY = "someone/tiny-GGUF"
SEEING = CATALOG.replace("    context: 512\n", "    projector: {name: eyes.gguf}\n    context: 512\n")


@pytest.fixture
def hub(tiny_qwen35: Path, tiny_eyes: Path) -> Iterator[LoopbackHub]:
    files = {(REPOSITORY, "tiny.gguf"): tiny_qwen35.read_bytes(), (REPOSITORY, "eyes.gguf"): tiny_eyes.read_bytes()}
    with LoopbackHub(files) as running:
        yield running


@pytest.fixture
def config(tmp_path: Path, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    (tmp_path / "models.yaml").write_text(SEEING)
    folders = {"models_dir": tmp_path / "models", "state_dir": tmp_path}
    sizes = {"slots": 2, "context": 256, "threads": 1}
    return Config(catalog=tmp_path / "models.yaml", hub=hub.endpoint, vision="on", **folders, **sizes)  # type: ignore[arg-type]


@pytest.fixture
def own(config: Config, tiny_qwen35: Path, tiny_eyes: Path) -> Config:
    """Both files are the owner's."""
    assert config.catalog is not None
    config.catalog.write_text(of_its_own(tiny_qwen35, tiny_eyes))
    return replace(config, model="tiny", model_file=tiny_qwen35, projector_file=tiny_eyes)


def assembled(config: Config, seen: list[Progress] | None = None, **changes: Any) -> Assembly:
    report = (lambda _: None) if seen is None else seen.append
    return model_setup.assemble(replace(config, **changes), report)


def asked(hub: LoopbackHub, file: str) -> int:
    return sum(path.endswith(file) for _, path, _ in hub.requests)


def no_vision(made: Assembly) -> str:
    """The problem that it has, while it serves."""
    (problem,) = made.problems
    assert problem.code == "no_vision" and problem.remedy and made.projector is None
    assert made.plan.engine.projector is None and made.plan.engine.slots == 2
    assert made.plan.blind and made.plan.blind in made.plan.explain()
    return problem.message


def test_the_projector_is_fetched_with_the_model_checked_and_planned(
    config: Config, hub: LoopbackHub, tiny_eyes: Path
) -> None:
    seen: list[Progress] = []
    made = assembled(config, seen)
    assert made.projector is not None and made.problems == ()
    assert made.plan.engine.projector == str(made.projector.path) and made.projector.commit == made.weights.commit
    assert made.projector.path.read_bytes() == tiny_eyes.read_bytes()
    assert {("eyes.gguf", "downloading"), ("eyes.gguf", "checking")} <= {(one.file, one.phase) for one in seen}
    (line,) = (line for line in made.plan.lines if line.what == "projector")
    assert (line.place, line.bytes) == ("ram", tiny_eyes.stat().st_size + EYES_COMPUTE_BYTES)
    assert "sees pictures" in made.plan.explain() and made.plan.to_dict()["vision"]
    hub.down = True
    assert assembled(config).plan.engine.projector == made.plan.engine.projector, "the second start needs no hub"


def test_a_damaged_projector_is_fetched_again_and_a_broken_download_taken_up(config: Config, hub: LoopbackHub) -> None:
    first = assembled(config).projector
    assert first is not None
    first.path.write_bytes(b"GGUF" + bytes(100))
    hub.requests.clear()
    hub.cut_after, hub.cuts = 5000, 1
    assert assembled(config).projector == first
    assert len(hub.downloads) == 2


@pytest.mark.parametrize(("vision", "says"), [("off", ""), ("auto", "a CPU is slow to see")])
def test_where_it_is_not_used_it_is_neither_fetched_nor_asked_for(
    config: Config, hub: LoopbackHub, vision: str, says: str
) -> None:
    made = assembled(config, vision=vision)
    assert made.plan.engine.projector is None and made.problems == () and made.projector is None
    assert asked(hub, "eyes.gguf") == 0
    assert says in made.plan.blind and bool(made.plan.blind) == bool(says)


def test_on_a_gpu_it_is_used_without_being_asked_for(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    card = Device("Vulkan0", "Vulkan", "AMD Radeon", "gpu", 20 * GIB, 24 * GIB, "0000:03:00.0")
    on(monkeypatch, Build(devices=(card,), backends=("vulkan",)))
    made = assembled(config, vision="auto")
    assert made.plan.engine.projector is not None and made.plan.engine.gpu_layers == -1
    assert [line.place for line in made.plan.lines if line.what == "projector"] == ["gpu"]
    small = replace(card, free_bytes=2 * GIB, total_bytes=2 * GIB)
    on(monkeypatch, Build(devices=(small,), backends=("vulkan",)))
    monkeypatch.setattr("worker.planning.footprint.EYES_COMPUTE_BYTES", 2 * GIB)
    tight = assembled(config, vision="auto")
    assert "less of the model would fit on the GPU" in no_vision(tight) and tight.plan.engine.gpu_layers == -1


def test_before_it_is_fetched_the_plan_knows_its_size_and_whose_it_is(
    config: Config, hub: LoopbackHub, tiny_qwen3: Path
) -> None:
    plan = model_setup.preview(config, lambda _: None)
    assert plan.engine.projector is not None and "the model is not here yet" in plan.notes[-1]
    assembled(config, vision="off")
    plan = model_setup.preview(config, lambda _: None)
    assert plan.engine.projector is not None and "the model's projector is not here yet" in plan.notes[-1]
    assert not Path(plan.engine.projector).exists()
    hub.files[(REPOSITORY, "eyes.gguf")] = tiny_qwen3.read_bytes()
    plan = model_setup.preview(config, lambda _: None)
    assert plan.engine.projector is None and "it is no projector" in plan.blind


@pytest.mark.parametrize("wrong", ["another model's", "cut short", "gone"])
def test_a_projector_that_is_none_on_the_hub_costs_pictures_alone(
    config: Config, hub: LoopbackHub, tiny_eyes: Path, wrong: str
) -> None:
    content = tiny_eyes.read_bytes()
    name = (REPOSITORY, "eyes.gguf")
    match wrong:
        case "another model's":
            key = b"clip.vision.projection_dim"
            at = content.index(key) + len(key) + 4
            hub.files[name] = content[:at] + (5120).to_bytes(4, "little") + content[at + 4 :]
        case "cut short":
            hub.files[name] = content[: len(content) // 2]
        case _:
            del hub.files[name]
    words = {"another model's": "vectors of 5120 numbers", "cut short": "cut short or damaged", "gone": "eyes.gguf of"}
    assert words[wrong] in no_vision(assembled(config))


def test_a_hub_that_is_gone_before_the_projector_has_come_costs_pictures_alone(
    config: Config, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    assembled(config, vision="off")
    hub.down = True
    monkeypatch.setattr("worker.weights.download.TRANSFER_TRIES", 0)
    assert "the projector of tiny" in no_vision(assembled(config))


def test_the_owners_own_are_held_against_the_catalog(own: Config, tmp_path: Path, tiny_eyes: Path) -> None:
    made = assembled(own)
    assert made.plan.engine.projector == str(tiny_eyes) and made.problems == ()
    other = tmp_path / "eyes.gguf"
    other.write_bytes(tiny_eyes.read_bytes() + bytes(32))
    message = no_vision(assembled(own, projector_file=other))
    assert "is not the projector of tiny" in message and "sha256 of eyes.gguf is" in message
    (problem,) = assembled(own, projector_file=other).problems
    assert "fetch" not in problem.remedy, "nothing is fetched for a model of the owner's"
    other.write_bytes(tiny_eyes.read_bytes()[:-5000])
    assert "cut short or damaged" in no_vision(assembled(own, projector_file=other))
    assert "No such file" in no_vision(assembled(own, projector_file=tmp_path / "none.gguf"))


def test_a_file_that_nobody_can_confirm_is_not_taken_for_the_projector(
    config: Config, hub: LoopbackHub, tmp_path: Path, tiny_eyes: Path
) -> None:
    assembled(config, vision="off")
    mine = tmp_path / "eyes.gguf"
    shutil.copy(tiny_eyes, mine)
    hub.down = True
    assert "cannot be confirmed" in no_vision(assembled(config, projector_file=mine))
    hub.down = False
    assert assembled(config, projector_file=mine).problems == ()
    hub.down = True
    assert assembled(config, projector_file=mine).problems == (), "what the hub said once is kept"


def test_a_hash_that_was_said_wrong_once_does_not_condemn_the_owners_projector_for_good(
    config: Config, hub: LoopbackHub, tmp_path: Path, tiny_eyes: Path
) -> None:
    """A model's file was asked for anew, its projector was not: it saw nothing until somebody deleted what was kept."""
    assembled(config, vision="off")
    shutil.copy(tiny_eyes, mine := tmp_path / "eyes.gguf")
    said = {"X-Linked-Size": str(mine.stat().st_size), "ETag": f'"{"0" * 64}"', "X-Repo-Commit": COMMIT}
    hub.instead = lambda asked: Reply(200, said)
    assert "instead of 00000" in no_vision(assembled(config, projector_file=mine))
    hub.instead = None
    assert assembled(config, projector_file=mine).problems == ()


def test_a_model_file_without_its_projector_takes_text_and_says_how_it_would_see(own: Config) -> None:
    made = assembled(own, projector_file=None, vision="auto")
    assert made.plan.engine.projector is None and made.problems == () and "--projector-file" in made.plan.blind


def test_a_template_that_writes_no_place_for_a_picture_cannot_be_shown_one(
    own: Config, tmp_path: Path, tiny_qwen3: Path, tiny_eyes: Path
) -> None:
    assert own.catalog is not None
    own.catalog.write_text(of_its_own(tiny_qwen3, tiny_eyes))
    assert "writes no <|image_pad|>" in no_vision(assembled(own, model_file=tiny_qwen3))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"projector_file": None}, "--vision on: name the projector too"),
        ({"vision": "off"}, "with --vision off it is of no use"),
    ],
)
def test_settings_that_contradict_each_other_are_told(own: Config, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        assembled(own, **changes)


@pytest.mark.parametrize(("vision", "file"), [("on", None), ("auto", Path("eyes.gguf"))])
def test_a_model_without_a_projector_in_the_catalog_cannot_be_asked_to_see(
    config: Config, vision: Any, file: Path | None
) -> None:
    assert config.catalog is not None
    config.catalog.write_text(CATALOG)
    with pytest.raises(ConfigError, match="tiny has no projector in the catalog"):
        check(replace(config, vision=vision, projector_file=file), model_setup.entry(config))
