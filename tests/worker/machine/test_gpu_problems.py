"""worker/machine/gpu_problems.py: made-up machines, and what their owner is told."""

from dataclasses import replace

import pytest

from wire.offers import Hardware
from worker.engine.devices import Build, Device
from worker.machine.description import Card, Machine
from worker.machine.gpu_problems import WAITS, gpu_problems

SAID = "ggml_cuda_init: failed to initialize CUDA: unknown error"
CARD = Card("0000:01:00.0", "RTX 4090", driver="580.65", capability=(8, 9))
SECOND = Card("0000:02:00.0", "RTX 3060", driver="580.65", capability=(8, 6))
PLUGGED = Card("0000:01:00.0", "NVIDIA card at 0000:01:00.0")  # no driver tells of it
RADEON = Card("0000:03:00.0", "AMD card at 0000:03:00.0", "AMD")
INTEL = Card("0000:00:02.0", "Intel card at 0000:00:02.0", "Intel")
CUDA = Build(backends=("cuda",), cuda=12, said=SAID)


def device(card: Card, number: int = 0, backend: str = "CUDA") -> Device:
    return Device(f"{backend}{number}", backend, card.name, "gpu", 1, 1, card.id)


def test_a_card_that_ggml_lists_and_cannot_open_is_unreachable() -> None:
    said = "ggml_backend_cuda_device_get_memory: cudaMemGetInfo failed (unknown error), returning 0/0"
    mute = replace(device(CARD), free_bytes=0, total_bytes=0)
    build = Build(devices=(mute,), backends=("cuda",), cuda=12, said=said)
    ((code, text),) = problems(build, CARD)
    assert code == "gpu_unreachable" and "RTX 4090" in text and "cudaMemGetInfo failed" in text
    assert problems(build, CARD, used=(mute,)) == []  # NVML told its memory


def problems(
    build: Build, *cards: Card, used: tuple[Device, ...] = (), visible: str | None = None
) -> list[tuple[str, str]]:
    found = gpu_problems(Machine(Hardware(), 1, 1, devices=used, cards=cards), build, visible)
    return [(problem.code, f"{problem.message} -> {problem.remedy}") for problem in found]


def test_where_every_card_is_used_or_there_is_none_all_is_well() -> None:
    listed = Build(devices=(device(CARD),), backends=("cuda",), cuda=12)
    assert problems(listed, CARD, INTEL, used=(device(CARD),)) == []
    nothing = [
        f"failed to initialize CUDA: {why}"
        for why in (
            "no CUDA-capable device is detected",
            "CUDA driver version is insufficient for CUDA runtime version",
        )
    ]
    for said in ("", *nothing):  # the last is what CUDA says without any driver
        assert problems(Build(backends=("cuda",), cuda=12, said=said)) == []
    assert problems(Build()) == []


def test_a_card_that_llama_cpp_was_built_for_and_does_not_find_is_unreachable_with_the_drivers_words() -> None:
    for card in (CARD, PLUGGED):  # also before the driver answers at all: it may be up in a minute
        ((code, text),) = problems(CUDA, card)
        assert code == "gpu_unreachable" and code in WAITS
        assert SAID in text and card.name in text and "nvidia_uvm" in text and "CUDA_VISIBLE_DEVICES=" in text


def test_in_a_container_only_the_cards_that_were_given_to_it_are_named() -> None:
    others = Card("0000:09:00.0", "NVIDIA card at 0000:09:00.0")
    ((_, text),) = problems(CUDA, CARD, others)
    assert "RTX 4090" in text and "0000:09" not in text


def test_a_gpu_that_neither_nvml_nor_the_bus_shows_is_missed_when_cuda_itself_found_it_broken() -> None:
    ((code, text),) = problems(CUDA)  # WSL has no such bus
    assert code == "gpu_unreachable" and SAID in text


def test_a_card_that_fell_off_the_bus_is_told_beside_those_that_work() -> None:
    build = Build(devices=(device(CARD),), backends=("cuda",), cuda=12)
    ((code, text),) = problems(build, CARD, Card("", "GPU 1 of NVML (lost)", driver="580.65"), used=(device(CARD),))
    assert code == "gpu_unreachable" and "GPU 1" in text


def test_a_driver_that_is_too_old_is_named_before_its_consequences() -> None:
    old = Card("0000:01:00.0", "RTX 4090", driver="470.82.01")
    ((code, text),) = problems(CUDA, old)
    assert code == "driver_too_old" and "470.82.01" in text


def test_a_build_without_gpus_says_so_and_waits_for_nothing() -> None:
    ((code, text),) = problems(Build(), CARD)
    assert code == "gpu_unused" and code not in WAITS and "scripts/setup" in text
    assert [code for code, _ in problems(Build(), PLUGGED)] == ["driver_missing"]
    assert problems(Build(), INTEL, RADEON) == []  # every other processor has one of these


def test_cards_of_other_makers_are_missed_by_the_backends_that_drive_them() -> None:
    vulkan = Build(backends=("vulkan",))
    ((code, text),) = problems(vulkan, RADEON)
    assert code == "gpu_unreachable" and "/dev/dri" in text
    assert problems(CUDA, RADEON) == []
    assert problems(vulkan, INTEL, used=(device(RADEON, backend="Vulkan"),)) == []


def test_a_card_that_falls_out_beside_others_is_told() -> None:
    build = Build(devices=(device(CARD),), backends=("cuda",), cuda=12)
    ((code, text),) = problems(build, CARD, SECOND, used=(device(CARD),))
    assert code == "gpu_unreachable" and "RTX 3060" in text and "RTX 4090" not in text
    assert problems(build, CARD, PLUGGED, RADEON, used=(device(CARD),)) == []  # others', for all we know


def test_one_that_ggml_lists_and_llama_cpp_passes_over_is_no_problem() -> None:
    """An integrated GPU beside a card."""
    small = Card("0000:05:00.0", "Orin", driver="580.65", capability=(8, 7))
    build = Build(devices=(device(CARD), device(small, 1)), backends=("cuda",), cuda=12)
    assert problems(build, CARD, small, used=(device(CARD),)) == []


def test_a_card_without_code_is_named_with_what_the_build_has() -> None:
    old = Card("0000:01:00.0", "Tesla V100", driver="580.65", capability=(7, 0))
    build = Build("CUDA : ARCHS = 750,800,1200 | ", (device(old),), ("cuda",), 12)
    ((code, text),) = problems(build, old)
    assert code == "gpu_unused" and "capability 7.0, only for 7.5, 8.0, 12.0" in text and "scripts/setup" in text


@pytest.mark.parametrize("visible", ["", "-1", " "])
def test_an_owner_who_hides_all_gpus_wants_the_cpu(visible: str) -> None:
    assert problems(CUDA, CARD, visible=visible) == []


def test_an_owner_who_hides_some_is_left_alone_and_one_who_hit_none_is_told() -> None:
    build = Build(devices=(device(CARD),), backends=("cuda",), cuda=12)
    assert problems(build, CARD, SECOND, used=(device(CARD),), visible="0") == []
    ((code, text),) = problems(CUDA, CARD, visible="7")
    assert code == "gpu_unreachable" and "CUDA_VISIBLE_DEVICES=7" in text


def test_a_library_that_cannot_be_tried_is_the_only_problem() -> None:
    ((code, text),) = problems(Build(problem="it died of SIGSEGV"), CARD)
    assert code == "library_broken" and "SIGSEGV" in text
