"""Which cores are fast, where a processor has two kinds: a step waits for its slowest thread, so slow ones are no help.

Linux tells it in /sys: Intel's hybrid ones by a list of the fast kind, Arm's by a capacity for each.
"""

from collections.abc import Set
from pathlib import Path

SYSFS = Path("/sys/devices")
NEARLY = 0.8  # of the largest capacity: some processors tell favoured cores of one kind apart by a few percent


def fast(usable: Set[int], sysfs: Path = SYSFS) -> int | None:
    """Return how many physical cores of the fast kind are among the usable logical ones.

    None: all are of one kind, or the system does not say.
    """
    cpus = _listed(sysfs / "cpu_core" / "cpus") or _most_capable(sysfs / "system" / "cpu")
    chosen = cpus & usable
    if not chosen or chosen == usable:
        return None
    return len({frozenset(_siblings(sysfs / "system" / "cpu", cpu)) for cpu in chosen})


def _most_capable(folder: Path) -> Set[int]:
    told = {path.parent.name: _text(path) for path in folder.glob("cpu[0-9]*/cpu_capacity")}
    capacity = {int(name.removeprefix("cpu")): int(text) for name, text in told.items() if text.isdecimal()}
    return {cpu for cpu, value in capacity.items() if value >= NEARLY * max(capacity.values())}


def _siblings(folder: Path, cpu: int) -> Set[int]:
    """The logical cores that share a physical one."""
    return _listed(folder / f"cpu{cpu}" / "topology" / "thread_siblings_list") or {cpu}


def _listed(path: Path) -> Set[int]:
    """The numbers of a list like "0-15,18"; none where there is no such file."""
    found: set[int] = set()
    for part in _text(path).split(","):
        first, _, last = part.partition("-")
        if first.isdecimal() and (last or first).isdecimal():
            found.update(range(int(first), int(last or first) + 1))
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
