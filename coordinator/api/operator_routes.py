"""What only keys with the scope admin may: to look at everybody's, and to change it."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from coordinator.api.operator import OperatorApi
from coordinator.api.operator_changes import OperatorChangesApi
from coordinator.api.operator_workers import OperatorWorkersApi
from coordinator.api.services import Services
from coordinator.operating.ledger_check import LedgerCheck

Endpoint = Callable[[Request], Awaitable[Response]]


def operator_routes(services: Services, page: Endpoint) -> list[tuple[str, str, Endpoint]]:
    """`page`: what shows the pages, which ask for the rest."""
    access, units = services.access, services.billing.units
    looks = OperatorApi(access, units, LedgerCheck(access.store.database))
    changes = OperatorChangesApi(access, units, services.identity)
    workers = OperatorWorkersApi(access, services.network.feed, services.orders)
    return [
        ("GET", "/operator", page),
        ("GET", "/operator/{part}", page),
        ("GET", "/operator/accounts/{account}", page),
        ("GET", "/v1/admin/overview", looks.overview),
        ("GET", "/v1/admin/accounts", looks.accounts),
        ("GET", "/v1/admin/accounts/{account}", looks.account),
        ("POST", "/v1/admin/accounts/{account}", changes.change),
        ("POST", "/v1/admin/accounts/{account}/grants", changes.grant),
        ("DELETE", "/v1/admin/keys/{key_id}", changes.revoke_key),
        ("GET", "/v1/admin/invites", changes.invites),
        ("POST", "/v1/admin/invites", changes.make_invite),
        ("DELETE", "/v1/admin/invites/{invite_id}", changes.revoke_invite),
        ("GET", "/v1/admin/workers", workers.list),
        ("GET", "/v1/admin/worker-orders", workers.standing),
        ("POST", "/v1/admin/worker-orders", workers.order),
        ("GET", "/v1/admin/problems", workers.problems),
        ("GET", "/v1/admin/holds", looks.holds),
        ("GET", "/v1/admin/audit", looks.audit),
        ("GET", "/v1/admin/ledger-check", looks.ledger),
        ("POST", "/v1/admin/ledger-check", looks.check_ledger),
    ]
