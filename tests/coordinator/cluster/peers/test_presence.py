"""Which cell has which worker."""

from coordinator.cluster.peers.presence import Presence

A, B, W = "0000000a", "0000000b", "owner/w1"


def test_another_process_of_a_worker_that_is_elsewhere_is_a_double_until_that_is_gone() -> None:
    presence = Presence()
    assert presence.of_another(W, "i1") is None
    assert presence.here(A, W, "i1", 0.0, 100.0)
    assert presence.of_another(W, "i2") == A and presence.of_another(W, "i1") is None
    presence.gone(A, W)
    assert presence.of_another(W, "i2") is None and len(presence) == 0


def test_the_newest_hello_is_where_the_worker_is() -> None:
    presence = Presence()
    assert presence.here(A, W, "i1", 5.0, 100.0)
    assert presence.here(B, W, "i1", 1.0, 100.0)
    assert not presence.here(A, W, "i1", 6.0, 101.0)
    presence.gone(A, W)
    assert len(presence) == 1
    presence.gone(B, W)
    assert len(presence) == 0


def test_with_a_cell_all_its_workers_are_gone() -> None:
    presence = Presence()
    for number in range(3):
        presence.here(A, f"owner/w{number}", "i", 0.0, 1.0)
    presence.here(B, "owner/w2", "i", 0.0, 2.0)
    presence.cell_gone(A)
    assert len(presence) == 1 and presence.of_another("owner/w2", "j") == B
    assert presence.of_another("owner/w1", "j") is None
    presence.cell_gone(A)


def test_a_worker_that_came_to_us_is_nowhere_else() -> None:
    presence = Presence()
    presence.here(A, W, "i1", 0.0, 100.0)
    presence.ours(W)
    assert len(presence) == 0
