"""The limits of this process's own control group: a container's, or those of its systemd unit.

Both versions of the kernel's interface, each group from our own up to the highest that can be seen: any of them limits
all below it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc/self")
_NONE = 2**62  # version 1 writes "no limit" as the largest multiple of a page


@dataclass(frozen=True)
class Limits:
    """What this process may take. None: no limit. `left_bytes`: memory that is still free; file cache counts as free,
    because the kernel gives it back."""

    memory_bytes: int | None = None
    left_bytes: int | None = None
    cpus: float | None = None


def limits(proc: Path = PROC) -> Limits:
    """Return the tightest limit of each kind. Best effort: a limit that cannot be read counts as none."""
    memory = list[int]()
    left = list[int]()
    cpus = list[float]()
    for group in _groups(proc, "memory"):
        for limit, used in _memory(group):
            memory.append(limit)
            left.append(max(0, limit - used))
    for group in _groups(proc, "cpu"):
        cpus += _cpus(group)
    return Limits(min(memory, default=None), min(left, default=None), min(cpus, default=None))


def _groups(proc: Path, controller: str) -> Iterator[Path]:
    """Yield our own group of the controller and those above it; from both hierarchies where a system has the two."""
    own: dict[str, str] = {}  # controller -> path; "" is version 2
    for line in _lines(proc / "cgroup"):
        _, names, path = [*line.split(":", 2), "", ""][:3]
        own |= dict.fromkeys(names.split(","), path)
    for line in _lines(proc / "mountinfo"):
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or len(kind) < 3 or kind[0] not in ("cgroup", "cgroup2"):
            continue
        name = "" if kind[0] == "cgroup2" else controller
        if name in own and (not name or controller in kind[2].split(",")):
            yield from _upwards(Path(fields[4]), own[name], fields[3])


def _upwards(mount: Path, path: str, root: str) -> Iterator[Path]:
    """From `path` up to `mount`, where the group `root` is mounted; a path that leads out of it is not to be seen."""
    inside = path.removeprefix(root) if f"{path}/".startswith(f"{root}/") else path
    parts = [part for part in inside.split("/") if part]
    if ".." in parts:
        parts = []
    for length in range(len(parts), -1, -1):
        group = mount.joinpath(*parts[:length])
        if group.is_dir():
            yield group


def _memory(group: Path) -> Iterator[tuple[int, int]]:
    """Each limit of the group, with what is used of it."""
    stat = dict(line.split(" ", 1) for line in _lines(group / "memory.stat") if " " in line)
    if (group / "memory.current").exists():
        names, used, prefix = ("memory.max", "memory.high"), _number(group / "memory.current"), ""
        found = [_number(group / name) for name in names]
    else:
        used, prefix = _number(group / "memory.usage_in_bytes"), "total_"
        found = [_number(group / "memory.limit_in_bytes"), _decimal(stat.get("hierarchical_memory_limit", ""))]
    cache = sum(_decimal(stat.get(f"{prefix}{name}", "")) or 0 for name in ("inactive_file", "active_file"))
    for limit in found:
        if limit is not None and limit < _NONE:
            yield limit, max(0, (used or 0) - cache)


def _cpus(group: Path) -> Iterator[float]:
    words = next(iter(_lines(group / "cpu.max")), "").split()
    if not words:
        words = [next(iter(_lines(group / f"cpu.cfs_{name}_us")), "") for name in ("quota", "period")]
    quota, period = (_decimal(word) for word in [*words, "", ""][:2])
    if quota and period:
        yield quota / period


def _number(file: Path) -> int | None:
    return _decimal(next(iter(_lines(file)), ""))


def _decimal(text: str) -> int | None:
    """Return the number; None for "max", for -1, and for a missing file."""
    return int(text) if text.strip().isdecimal() else None


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
