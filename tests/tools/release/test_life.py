"""A whole release, built, tried, and lived through in an empty home; scripts/try_release does it in a bare Debian."""

from pathlib import Path

import pytest

from tests.packaging.test_wheel import run
from tools.local_network import Network
from tools.release.box import alone
from tools.release.build import ROOT
from tools.release.life import TINY, Life, releases
from tools.release.trial import tried

pytestmark = pytest.mark.process
COMPILING_S = 3600  # llama.cpp, once, beside other tests: more than ten minutes on two slow cores


def test_a_worker_is_installed_serves_is_upgraded_and_removed_without_a_trace(tmp_path: Path) -> None:
    engine = Path(run(ROOT / "scripts" / "engine", "cpu", within_s=COMPILING_S).strip())
    first, second = releases(tmp_path, engine)
    assert len(list(tried(first))) == 4
    said: list[str] = []
    (tmp_path / "network").mkdir()
    network = Network(tmp_path / "network", TINY)
    try:
        with alone(tmp_path / "box") as box:
            Life(box, network, said.append).all(first, second)
    finally:
        network.close()
    assert len(said) == 6 and said[-1] == "removed, and nothing is left"
