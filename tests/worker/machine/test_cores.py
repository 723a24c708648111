"""worker/machine/cores.py: processors with two kinds of cores, as Linux describes them."""

from pathlib import Path

from worker.machine.cores import fast


def _threads(sysfs: Path, *groups: str) -> None:
    """Physical cores, each as the list of its logical ones."""
    for group in groups:
        first, _, last = group.partition("-")
        for cpu in range(int(first), int(last or first) + 1):
            topology = sysfs / "system" / "cpu" / f"cpu{cpu}" / "topology"
            topology.mkdir(parents=True)
            (topology / "thread_siblings_list").write_text(f"{group}\n")


def test_of_intels_two_kinds_the_fast_ones_count_once_for_two_threads(tmp_path: Path) -> None:
    """As a 13600K: six fast cores of two threads each, eight slow ones; psutil counts 14."""
    _threads(tmp_path, "0-1", "2-3", "4-5", "6-7", "8-9", "10-11", *map(str, range(12, 20)))
    (tmp_path / "cpu_core").mkdir()
    (tmp_path / "cpu_core" / "cpus").write_text("0-11\n")
    assert fast(set(range(20)), tmp_path) == 6
    assert fast({0, 1, 2, 3, 15}, tmp_path) == 2, "of those that this process may use"
    assert fast({15, 16}, tmp_path) is None


def test_of_arms_two_kinds_those_with_the_most_capacity_count(tmp_path: Path) -> None:
    """As a GB10: ten cores of each kind."""
    _threads(tmp_path, *map(str, range(20)))
    for cpu in range(20):
        capacity = 1024 if cpu >= 10 else 718
        (tmp_path / "system" / "cpu" / f"cpu{cpu}" / "cpu_capacity").write_text(f"{capacity - cpu % 2}\n")
    assert fast(set(range(20)), tmp_path) == 10


def test_cores_of_one_kind_are_left_to_others_to_count(tmp_path: Path) -> None:
    assert fast({0, 1, 2, 3}, tmp_path) is None
    _threads(tmp_path, "0-1", "2-3")
    for cpu in range(4):
        (tmp_path / "system" / "cpu" / f"cpu{cpu}" / "cpu_capacity").write_text("1024\n")
    assert fast({0, 1, 2, 3}, tmp_path) is None


def test_nonsense_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "cpu_core").mkdir()
    (tmp_path / "cpu_core" / "cpus").write_text("x-3,,-\n")
    assert fast({0, 1}, tmp_path) is None
