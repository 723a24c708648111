from pathlib import Path

from worker.machine import pci


def plug(bus: Path, place: str, vendor: str, kind: str, driver: str | None = None) -> None:
    (bus / place).mkdir(parents=True)
    (bus / place / "vendor").write_text(f"{vendor}\n")
    (bus / place / "class").write_text(f"{kind}\n")
    if driver:
        (bus / "drivers" / driver).mkdir(parents=True)
        (bus / place / "driver").symlink_to(bus / "drivers" / driver)


def test_graphics_cards_are_found_without_any_driver(tmp_path: Path) -> None:
    plug(tmp_path, "0000:01:00.0", "0x10de", "0x030000")
    plug(tmp_path, "0000:01:00.1", "0x10de", "0x040300")  # its sound
    plug(tmp_path, "0000:02:00.0", "0x10de", "0x068000")  # a switch between cards
    plug(tmp_path, "0000:03:00.0", "0x1002", "0x038000", driver="amdgpu")
    plug(tmp_path, "0000:04:00.0", "0x1234", "0x030000")  # of an emulator
    plug(tmp_path, "0000:05:00.0", "0x10de", "0x030200", driver="vfio-pci")  # a virtual machine's
    assert [(card.id, card.vendor, card.driver) for card in pci.cards(tmp_path)] == [
        ("0000:01:00.0", "NVIDIA", ""),
        ("0000:03:00.0", "AMD", ""),
    ]


def test_without_a_bus_there_is_nothing(tmp_path: Path) -> None:
    assert pci.cards(tmp_path / "none") == []
    (tmp_path / "0000:01:00.0").mkdir()
    assert pci.cards(tmp_path) == []
