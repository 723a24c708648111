"""What is around every message on the bus."""

import json

import pytest

from coordinator.cluster.protocol.envelope import PIECES, Envelope, pack, unpack
from coordinator.cluster.protocol.messages import BUS_VERSION

FULL = Envelope("0a0a0a0a", (b"one", b"", b"t\nwo"), number=7, seen=3, lost=1, answer=True, piece=1, of=2)


@pytest.mark.parametrize("envelope", [Envelope("0a0a0a0a"), FULL])
def test_what_was_packed_is_unpacked(envelope: Envelope) -> None:
    assert unpack(pack(envelope)) == envelope


def test_fields_that_are_not_known_yet_are_ignored() -> None:
    header, _, body = pack(FULL).partition(b"\n")
    later = json.dumps(json.loads(header) | {"colour": "blue"}).encode()
    assert unpack(later + b"\n" + body) == FULL


@pytest.mark.parametrize(("version", "least", "heard"), [(1, 0, True), (1, 1, False), (5, 0, True), (0, 1, True)])
def test_a_later_version_may_say_that_it_is_understood(version: int, least: int, heard: bool) -> None:
    header, _, body = pack(FULL).partition(b"\n")
    later = json.loads(header) | {"v": BUS_VERSION + version, "least": BUS_VERSION + least}
    assert (unpack(json.dumps(later).encode() + b"\n" + body) == FULL) is heard


@pytest.mark.parametrize(
    "change",
    [
        {"v": 1},  # says events in another way
        {"v": BUS_VERSION + 1},
        {"v": BUS_VERSION + 1, "least": "1"},
        {"v": 1, "least": 1},
        {"from": 7},
        {"n": -1},
        {"n": True},
        {"seen": "1"},
        {"sizes": [3, 5]},
        {"sizes": None},
        {"sizes": [3, 0, -5]},
        {"piece": 2},
        {"of": PIECES + 1, "piece": 0},
    ],
)
def test_what_is_not_of_ours_is_nothing(change: dict[str, object]) -> None:
    header, _, body = pack(FULL).partition(b"\n")
    assert unpack(json.dumps(json.loads(header) | change).encode() + b"\n" + body) is None


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"[]\n", b"nonsense", b'{"v":%d}\n' % BUS_VERSION, b"\xff\xfe\n", b"[" * 100_000]
)
def test_junk_is_nothing(data: bytes) -> None:
    assert unpack(data) is None
