"""A socket of the simulation ends as a socket does."""

from typing import Any, cast

from tools.simulation.links import Connection
from tools.simulation.world import World
from wire.messages import Move


class Side:
    """Whoever is at one end: it hears what arrives."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.got: list[Any] = []

    def do(self, act: Any) -> None:
        act()

    def received(self, *got: Any) -> None:
        self.got.append(got)

    def lost(self, connection: Connection) -> None:
        self.got.append("lost")


def test_nothing_leaves_for_a_worker_that_has_given_its_socket_up() -> None:
    world = World(1, "cluster")
    worker = Side(world)
    connection = Connection(cast(Any, worker), cast(Any, Side(world)), "s")
    connection.send_down(Move(after_s=0.0))
    connection.give_up()
    connection.send_down(Move(after_s=0.0))
    world.timeline.run(10)
    assert worker.got == ["lost"] and connection.down.dead
