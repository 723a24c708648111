import httpx

from coordinator.api.operator_routes import operator_routes
from tests.coordinator.conftest import Coordinator


async def test_every_route_is_for_admins_but_the_pages_which_show_nothing_by_themselves(
    coordinator: Coordinator,
) -> None:
    services = coordinator.running.services
    table = operator_routes(services, services.network.show)
    assert len({(method, path) for method, path, _ in table}) == len(table)
    async with httpx.AsyncClient(base_url=coordinator.url) as http:
        for method, path, _ in table:
            status = (await http.request(method, path)).status_code
            assert status == (401 if path.startswith("/v1/admin/") else 200), path
