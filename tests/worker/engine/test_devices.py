from typing import Any

from worker.engine.devices import Build, Device, usable


def device(name: str, kind: Any = "gpu", id: str = "") -> Device:
    return Device(name, name.rstrip("0123456789"), name.lower(), kind, id=id)


def names(*devices: Device) -> list[str]:
    return [device.name for device in usable(devices)]


def test_processors_and_their_helpers_are_no_gpus() -> None:
    assert names(device("CPU", "cpu"), device("BLAS", "accel"), device("Vulkan0")) == ["Vulkan0"]
    assert names(device("CPU", "cpu")) == []


def test_a_card_that_two_backends_list_is_counted_once() -> None:
    first, other = "0000:01:00.0", "0000:02:00.0"
    cuda = (device("CUDA0", id=first), device("CUDA1", id=other))
    vulkan = (device("Vulkan0", id=other), device("Vulkan1", id="0000:03:00.0"))
    assert names(*cuda, *vulkan) == ["CUDA0", "CUDA1", "Vulkan1"]
    assert names(device("Vulkan0"), device("Vulkan1")) == ["Vulkan0", "Vulkan1"]  # two whose address nobody tells


def test_an_integrated_gpu_counts_where_there_is_no_other() -> None:
    small = device("Vulkan1", "igpu")
    assert names(small, device("Vulkan0")) == ["Vulkan0"]
    assert names(small) == ["Vulkan1"]
    assert names(device("CUDA0", "igpu"), device("Vulkan0", "igpu"), device("CUDA1", "igpu")) == ["CUDA0", "CUDA1"]


def test_an_address_is_the_name_and_the_place_if_that_is_known() -> None:
    assert device("CUDA0", id="0000:01:00.0").address == "CUDA0@0000:01:00.0"
    assert device("Vulkan0").address == "Vulkan0"


def test_what_a_build_was_compiled_for_is_in_its_description() -> None:
    assert Build("CUDA : ARCHS = 750,800,1200 | USE_GRAPHS = 1 | CPU : AVX = 1 | ").archs == (750, 800, 1200)
    assert Build("CPU : AVX = 1 | ").archs == ()


def test_a_card_older_than_all_code_has_none_and_a_newer_one_may_have_some() -> None:
    build = Build("CUDA : ARCHS = 750,800 | ")
    assert [build.has_code(capability) for capability in ((7, 0), (7, 5), (8, 6), (12, 0))] == [False, True, True, True]
    assert Build().has_code((3, 5))
