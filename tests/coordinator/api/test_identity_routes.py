"""What people do is at its own paths, and nothing else is among them."""

from coordinator.api.identity_routes import people
from tests.coordinator.conftest import Coordinator


async def test_each_route_of_people_is_named_once_and_lies_where_sessions_count(coordinator: Coordinator) -> None:
    rows = people(coordinator.running.services)
    assert len({(method, path) for method, path, _ in rows}) == len(rows) > 20
    for _, path, _ in rows:
        assert path.startswith(("/identity", "/v1/account"))
