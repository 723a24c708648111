"""What may be asked of a replica."""

from tests.coordinator.cluster.town import Town


def test_the_whole_network_is_what_a_client_may_ask_for() -> None:
    town = Town("a", "b", "c")
    town.box("w1", "b", slots=2)
    town.box("w2", "c", slots=3, context=8192)
    town.passes(0.5)
    found = town.replicas["a"].online("m")
    assert (found.workers, found.slots, found.free, found.context) == (2, 5, 5, 8192)
    town.call("c", "drain", 60.0)
    town.passes(0.5)
    assert town.replicas["a"].online("m").workers == 2


def test_places_in_the_queue_of_another_cell_are_told() -> None:
    town = Town("a", "b")
    town.box("w", "b", slots=1)
    town.ask("a", "j1")
    second = town.ask("a", "j2")
    town.passes(1.25)
    position = town.replicas["a"].queue_position(second)
    assert position is not None and position.place == 1
