"""What llama.cpp says that it took, beside what the plan said that it would."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable

from worker.planning.explain import MIB, Line

_SAID = re.compile(r"(\S+)\s+(model|KV|RS|compute)\s+buffer size =\s+([\d.]+) MiB")
_NAMES = {"model": "weights", "KV": "cache", "RS": "recurrent state", "compute": "compute"}  # as the plan calls them


def taken(log: Iterable[str]) -> dict[tuple[str, str], float]:
    """MiB of every kind (as in Line.what) on every device, read off the lines of one load."""
    found: defaultdict[tuple[str, str], float] = defaultdict(float)
    for device, what, size in _SAID.findall("".join(log)):
        place = (_NAMES[what], device)
        # compute buffers are told once more whenever they are laid out anew; parts of the others are told one by one
        found[place] = max(found[place], float(size)) if what == "compute" else found[place] + float(size)
    return dict(found)


def table(lines: Iterable[Line], log: Iterable[str], gpus: Collection[str]) -> str:
    """Markdown: each kind of memory on the `gpus` (names, all together) and in main memory."""
    planned: defaultdict[tuple[str, str], int] = defaultdict(int)
    here: defaultdict[tuple[str, str], float] = defaultdict(float)
    for line in lines:
        planned[line.what, line.place] += line.bytes
    for (what, device), size in taken(log).items():
        here[what, "gpu" if device in gpus else "ram"] += size
    rows = ["| place | what | planned, MiB | llama.cpp says, MiB |", "| --- | --- | --- | --- |"]
    for what, place in sorted({*planned, *here}, key=lambda key: (key[1], key[0])):
        said = f"{here[what, place]:,.1f}" if (what, place) in here else "-"
        rows.append(f"| {place} | {what} | {planned[what, place] / MIB:,.1f} | {said} |")
    return "\n".join(rows)
