"""worker/machine/cgroup.py, on made-up trees: /proc/self and the mounted groups lie in a folder."""

from pathlib import Path

import psutil
import pytest

from worker.machine import cgroup
from worker.machine.cgroup import Limits, limits

GIB = 2**30


class Tree:
    """`own` are the lines of /proc/self/cgroup; `mount` adds a hierarchy."""

    def __init__(self, folder: Path, *own: str) -> None:
        self.proc, self.folder = folder / "proc", folder / "fs"
        self.proc.mkdir()
        (self.proc / "cgroup").write_text("".join(f"{line}\n" for line in own))
        (self.proc / "mountinfo").write_text("31 23 0:28 / /tmp rw,relatime - tmpfs tmpfs rw\n")

    def mount(self, name: str, kind: str, options: str = "rw", root: str = "/") -> Path:
        place = self.folder / name
        place.mkdir(parents=True)
        with (self.proc / "mountinfo").open("a") as file:
            file.write(f"32 31 0:29 {root} {place} rw,nosuid shared:4 - {kind} {kind} {options}\n")
        return place

    @property
    def limits(self) -> Limits:
        return limits(self.proc)


def group(place: Path, **files: object) -> None:
    place.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (place / name.replace("__", ".")).write_text(f"{text}\n")


def test_a_systemd_unit_is_found_by_its_own_path_and_the_tightest_above_it_counts(tmp_path: Path) -> None:
    tree = Tree(tmp_path, "0::/system.slice/supernet-worker.service")
    top = tree.mount("v2", "cgroup2")
    group(top / "system.slice", memory__max=6 * GIB, memory__current=5 * GIB, cpu__max="150000 100000")
    group(
        top / "system.slice" / "supernet-worker.service",
        memory__max=8 * GIB,
        memory__high="max",
        memory__current=GIB,
        cpu__max="400000 100000",
    )
    assert tree.limits == Limits(memory_bytes=6 * GIB, left_bytes=GIB, cpus=1.5)


def test_what_is_throttled_above_memory_high_is_a_limit_too(tmp_path: Path) -> None:
    tree = Tree(tmp_path, "0::/a")
    group(tree.mount("v2", "cgroup2") / "a", memory__max=8 * GIB, memory__high=2 * GIB, memory__current=GIB)
    assert tree.limits == Limits(memory_bytes=2 * GIB, left_bytes=GIB)


def test_file_cache_is_free_whether_it_was_used_lately_or_not(tmp_path: Path) -> None:
    """A model that is mapped and read is active_file."""
    tree = Tree(tmp_path, "0::/")
    stat = f"anon 5\ninactive_file {GIB}\nactive_file {5 * GIB}\nfile {7 * GIB}"
    group(tree.mount("v2", "cgroup2"), memory__max=8 * GIB, memory__current=7 * GIB, memory__stat=stat)
    assert tree.limits.left_bytes == 7 * GIB


def test_version_1_has_its_limit_its_use_and_its_quota_elsewhere(tmp_path: Path) -> None:
    tree = Tree(tmp_path, "4:memory:/docker/abc", "2:cpu,cpuacct:/docker/abc", "0::/")
    memory, cpu = tree.mount("memory", "cgroup", "rw,memory"), tree.mount("cpu", "cgroup", "rw,cpu,cpuacct")
    tree.mount("unified", "cgroup2")
    stat = f"inactive_file 1\ntotal_inactive_file {GIB}\ntotal_active_file {GIB}\nhierarchical_memory_limit {4 * GIB}"
    group(
        memory / "docker" / "abc",
        memory__limit_in_bytes=5 * GIB,
        memory__usage_in_bytes=3 * GIB,
        memory__stat=stat,
    )
    group(memory, memory__limit_in_bytes=9223372036854771712, memory__usage_in_bytes=60 * GIB)
    group(cpu / "docker" / "abc", cpu__cfs_quota_us=250000, cpu__cfs_period_us=100000)
    group(cpu, cpu__cfs_quota_us=-1, cpu__cfs_period_us=100000)
    assert tree.limits == Limits(memory_bytes=4 * GIB, left_bytes=3 * GIB, cpus=2.5)


def test_a_container_sees_its_group_mounted_as_the_root(tmp_path: Path) -> None:
    """Version 1, and version 2 without a namespace: the path is the host's, the mount begins at our own group."""
    tree = Tree(tmp_path, "4:memory:/docker/abc/child", "0::/docker/abc/child")
    v2 = tree.mount("v2", "cgroup2", root="/docker/abc")
    group(v2 / "child", memory__max=3 * GIB, memory__current=GIB)
    group(tree.mount("memory", "cgroup", "rw,memory", root="/docker/ab"), memory__limit_in_bytes=4 * GIB)
    assert tree.limits == Limits(memory_bytes=3 * GIB, left_bytes=2 * GIB)


@pytest.mark.parametrize("line", ["0::/../other", "0::/gone", "nonsense", ""])
def test_a_path_that_cannot_be_seen_leaves_the_root(tmp_path: Path, line: str) -> None:
    tree = Tree(tmp_path, line)
    group(tree.mount("v2", "cgroup2"), memory__max=GIB, memory__current=0, cpu__max="max 100000")
    assert tree.limits == Limits(GIB, GIB)


def test_a_system_without_groups_has_no_limits(tmp_path: Path) -> None:
    assert limits(tmp_path) == Limits()


def test_those_of_this_process_can_be_read() -> None:
    found = cgroup.limits()
    assert found.memory_bytes is None or 0 < found.memory_bytes
    assert found.left_bytes is None or found.left_bytes <= max(found.memory_bytes or 0, psutil.virtual_memory().total)
