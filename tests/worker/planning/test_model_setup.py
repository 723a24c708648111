"""From configuration to plan, with a real file and this machine's hardware."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from program.settings import ConfigError
from tests.fakes.huggingface_hub import COMMIT, LoopbackHub, Reply
from tests.worker.daemon.fake_coordinator import CATALOG, of_its_own
from wire.errors import SupernetError
from worker.bindings import probe
from worker.config import Config
from worker.engine.devices import Build, Device
from worker.machine import hardware
from worker.machine.description import Card
from worker.planning import model_setup
from worker.planning.model_setup import Unready
from worker.weights.files import Progress


def ignore(_: Progress) -> None:
    """Progress is shown elsewhere."""


@pytest.fixture
def config(tmp_path: Path, tiny_qwen3: Path) -> Config:
    (tmp_path / "models.yaml").write_text(of_its_own(tiny_qwen3))
    return Config(
        model="tiny",
        model_file=tiny_qwen3,
        catalog=tmp_path / "models.yaml",
        models_dir=tmp_path / "models",
        state_dir=tmp_path,
        slots=2,
        context=256,
        threads=1,
    )


def test_a_file_of_this_machine_is_planned_as_the_owner_wishes(config: Config, tiny_qwen3: Path) -> None:
    made = model_setup.assemble(config, ignore)
    engine = made.plan.engine
    assert (engine.path, engine.slots, engine.context, engine.threads) == (str(tiny_qwen3), 2, 256, 1)
    offer = made.offer((), None)
    assert (offer.id, offer.context, offer.slots) == ("tiny", 256, 2)
    assert offer.sha256 == made.weights.sha256[0] and len(offer.sha256) == 64


def test_an_unknown_model_is_named(config: Config) -> None:
    with pytest.raises(SupernetError, match="gpt-9"):
        model_setup.chosen(Config(model="gpt-9", catalog=config.catalog))


def test_what_cannot_be_served_now_is_a_typed_problem(config: Config, tmp_path: Path) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"GGUF" + b"\xff" * 64)
    with pytest.raises(Unready) as damaged:
        model_setup.assemble(replace(config, model_file=tmp_path / "bad.gguf"), ignore)
    assert damaged.value.issue.code == "damaged_file"
    with pytest.raises(Unready) as missing:
        model_setup.assemble(replace(config, model_file=tmp_path / "none.gguf"), ignore)
    assert missing.value.issue.code == "not_found" and "none.gguf" in missing.value.issue.message


NVIDIA = Card("0000:01:00.0", "RTX 4090", driver="580.65", capability=(8, 9))


DETECT = hardware.detect


def on(monkeypatch: pytest.MonkeyPatch, build: Build, *cards: Card) -> None:
    """A made-up machine; its main memory is this one's."""
    monkeypatch.setattr(hardware, "detect", lambda build: replace(DETECT(build), cards=cards))
    monkeypatch.setattr(probe, "ask", lambda: build)


def test_a_gpu_that_is_gone_is_waited_for_and_not_replaced_by_the_cpu(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = Build(backends=("cuda",), cuda=12, said="ggml_cuda_init: failed to initialize CUDA: unknown error")
    on(monkeypatch, build, NVIDIA)
    for look in (model_setup.assemble, model_setup.preview):
        with pytest.raises(Unready, match=r"RTX 4090: .*unknown error") as gone:
            look(config, ignore)
        assert gone.value.issue.code == "gpu_unreachable"
    assert (
        model_setup.assemble(replace(config, visible_gpus=""), ignore).plan.engine.gpu_layers == 0
    )  # the owner's word


def test_with_a_build_that_knows_no_gpu_the_cpu_serves_and_the_problem_is_told(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(monkeypatch, Build(), NVIDIA)
    made = model_setup.assemble(config, ignore)
    assert made.plan.engine.gpu_layers == 0 and [problem.code for problem in made.problems] == ["gpu_unused"]


def test_what_a_gpu_lacks_is_said_before_the_model_is_fetched(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, Build(problem="llama.cpp cannot be loaded: it died of SIGSEGV"))
    assert config.catalog is not None
    config.catalog.write_text(CATALOG)
    with pytest.raises(Unready, match="SIGSEGV") as broken:  # the hub of this address would be unreachable
        model_setup.assemble(replace(config, model_file=None, hub="http://127.0.0.1:9"), ignore)
    assert broken.value.issue.code == "library_broken"


def test_a_gpu_that_others_have_filled_is_waited_for(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU would serve on after the game is over."""
    gib = 2**30
    full = Device("CUDA0", "CUDA", "RTX 4090", "gpu", gib // 2, 24 * gib, "0000:01:00.0")
    on(monkeypatch, Build(devices=(full,), backends=("cuda",), cuda=12), NVIDIA)
    with pytest.raises(Unready, match=r"RTX 4090: 0\.5 of 24\.0 GiB free") as busy:
        model_setup.assemble(config, ignore)
    assert busy.value.issue.code == "not_enough_memory" and "CUDA_VISIBLE_DEVICES=" in busy.value.issue.remedy
    small = replace(full, free_bytes=gib // 2, total_bytes=gib // 2)  # this one is never enough
    on(monkeypatch, Build(devices=(small,), backends=("cuda",), cuda=12), NVIDIA)
    assert model_setup.assemble(config, ignore).plan.engine.devices == ()


def test_layers_go_to_the_devices_that_ggml_lists_whatever_their_backend(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    gib = 2**30
    radeon = Device("Vulkan0", "Vulkan", "AMD Radeon RX 7900", "gpu", 20 * gib, 24 * gib, "0000:03:00.0")
    on(monkeypatch, Build(devices=(radeon,), backends=("vulkan",)))
    made = model_setup.assemble(config, ignore)
    assert made.plan.engine.gpu_layers == -1 and made.plan.engine.devices == ("Vulkan0@0000:03:00.0",)
    hidden = model_setup.assemble(replace(config, visible_gpus=""), ignore)  # Vulkan does not obey it by itself
    assert hidden.plan.engine.devices == () and hidden.problems == ()
    assert "GPUs: AMD Radeon RX 7900 (Vulkan0@0000:03:00.0);" in made.plan.explain()
    assert [(gpu.name, gpu.backend) for gpu in made.machine.hardware.gpus] == [("AMD Radeon RX 7900", "Vulkan")]


def test_a_file_without_a_model_s_name_is_served_under_none(config: Config) -> None:
    """It was registered as the catalog's default, at its price."""
    with pytest.raises(ConfigError, match="--model; the catalog has tiny"):
        model_setup.assemble(replace(config, model=None), ignore)


def test_a_file_of_its_owner_s_must_be_named(config: Config) -> None:
    for ask in (model_setup.assemble, model_setup.preview):
        with pytest.raises(ConfigError, match="tiny is a file of its owner's"):
            ask(replace(config, model_file=None), ignore)


def test_another_file_is_refused_with_what_is_different(config: Config, tiny_qwen35: Path) -> None:
    for ask in (model_setup.assemble, model_setup.preview):
        with pytest.raises(Unready) as caught:
            ask(replace(config, model_file=tiny_qwen35), ignore)
        problem = caught.value.issue
        assert problem.code == "not_the_model" and caught.value.mistaken
        assert "sha256 of tiny-qwen35.gguf" in problem.message and "entry of its own" in problem.remedy


@pytest.fixture
def headline(config: Config, tmp_path: Path) -> Config:
    """The default model of the network, which no test has."""
    return replace(config, catalog=None, model="qwen3.6-35b-a3b-gguf-iq4xs", hub="http://127.0.0.1:9")


def test_a_tiny_model_is_not_the_headline_model_whatever_it_is_called(
    headline: Config, tmp_path: Path, tiny_qwen3: Path
) -> None:
    file = tmp_path / "Qwen3.6-35B-A3B-UD-IQ4_XS.gguf"
    shutil.copy(tiny_qwen3, file)
    with pytest.raises(Unready) as caught:
        model_setup.assemble(replace(headline, model_file=file), ignore)
    assert caught.value.issue.code == "not_the_model"
    assert "architecture qwen3 instead of qwen35moe" in caught.value.issue.message


def test_a_file_of_the_owner_s_is_held_against_the_hub_and_then_against_what_it_said(
    config: Config, tmp_path: Path, tiny_qwen3: Path
) -> None:
    assert config.catalog is not None
    config.catalog.write_text(CATALOG)
    content = tiny_qwen3.read_bytes()
    with LoopbackHub({("someone/tiny-GGUF", "tiny.gguf"): content}) as hub:
        asking = replace(config, hub=hub.endpoint)
        assert model_setup.assemble(asking, ignore).problems == (), "the hash is right, whatever the file is called"
        asked = len(hub.requests)
        hub.down = True
        assert model_setup.assemble(asking, ignore).problems == () and len(hub.requests) == asked
        other = tmp_path / "tiny.gguf"
        other.write_bytes(content + bytes(32))
        with pytest.raises(Unready, match=r"sha256 of tiny\.gguf is"):
            model_setup.assemble(replace(asking, model_file=other), ignore)
        assert hub.downloads == []


def test_a_hash_that_was_said_wrong_once_does_not_condemn_the_owner_s_file_for_good(
    config: Config, tiny_qwen3: Path
) -> None:
    assert config.catalog is not None
    config.catalog.write_text(CATALOG)
    content = tiny_qwen3.read_bytes()
    with LoopbackHub({("someone/tiny-GGUF", "tiny.gguf"): content}) as hub:
        said = {"X-Linked-Size": str(len(content)), "ETag": f'"{"0" * 64}"', "X-Repo-Commit": COMMIT}
        hub.instead = lambda asked: Reply(200, said)
        asking = replace(config, hub=hub.endpoint)
        with pytest.raises(Unready, match="instead of 00000"):
            model_setup.assemble(asking, ignore)
        hub.instead = None
        assert model_setup.assemble(asking, ignore).problems == ()


def test_without_a_hub_name_and_shape_must_do_and_it_is_told(config: Config, tmp_path: Path, tiny_qwen3: Path) -> None:
    assert config.catalog is not None
    config.catalog.write_text(CATALOG)
    away = replace(config, hub="http://127.0.0.1:9")
    with pytest.raises(Unready, match=r"it is called tiny-qwen3.gguf instead of tiny.gguf"):
        model_setup.assemble(away, ignore)
    shutil.copy(tiny_qwen3, tmp_path / "tiny.gguf")
    made = model_setup.assemble(replace(away, model_file=tmp_path / "tiny.gguf"), ignore)
    assert [problem.code for problem in made.problems] == ["unconfirmed_file"]


def test_what_the_hub_gives_is_held_against_the_shape_too(config: Config, tiny_qwen3: Path) -> None:
    assert config.catalog is not None
    shape = "    shape: {architecture: qwen3, layers: 5}\n"
    config.catalog.write_text(CATALOG.replace("    context: 512\n", f"{shape}    context: 512\n"))
    with LoopbackHub({("someone/tiny-GGUF", "tiny.gguf"): tiny_qwen3.read_bytes()}) as hub:
        fetched = replace(config, model_file=None, hub=hub.endpoint)
        for ask in (model_setup.preview, model_setup.assemble):
            with pytest.raises(Unready, match="layers instead of 5") as caught:
                ask(fetched, ignore)
            assert not caught.value.mistaken and "`shape`" in caught.value.issue.remedy
