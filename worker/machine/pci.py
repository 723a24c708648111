"""Graphics cards on the PCI bus: what is plugged in, whether or not a driver answers for it."""

from pathlib import Path

from worker.machine.description import Card

BUS = Path("/sys/bus/pci/devices")
VENDORS = {0x10DE: "NVIDIA", 0x1002: "AMD", 0x8086: "Intel"}
_DISPLAY = 0x03  # base class of display controllers: VGA, 3D, other


def cards(bus: Path = BUS) -> list[Card]:
    """Return the GPUs of the three vendors, by address; none on a system without such a bus, or one that hides it.

    A card that is set aside for virtual machines (vfio-pci) is none of ours.
    """
    try:
        places = sorted(bus.iterdir())
    except OSError:
        return []
    found = []
    for place in places:
        vendor = VENDORS.get(_number(place / "vendor"))
        if vendor and _number(place / "class") >> 16 == _DISPLAY and (place / "driver").resolve().name != "vfio-pci":
            found.append(Card(place.name.lower(), f"{vendor} card at {place.name}", vendor))
    return found


def _number(file: Path) -> int:
    try:
        return int(file.read_text(), 16)
    except (OSError, ValueError):
        return 0
