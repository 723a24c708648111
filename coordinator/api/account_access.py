"""What all calls about an account begin with: whose key it is, which account is meant, and the way to its rows."""

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Concatenate, ParamSpec, TypeVar

from starlette.requests import Request

from coordinator.accounts.accounts import Accounts
from coordinator.accounts.asking import By, done_by
from coordinator.accounts.errors import Ended, NotFound
from coordinator.accounts.keys_in_use import Principal
from coordinator.accounts.quota import Quota
from coordinator.accounts.rows import AccountRow, get_account
from coordinator.admission.rate_limits import Rates
from coordinator.api.errors import busy
from coordinator.api.query import ADMINS, only
from coordinator.billing.billing import behind
from coordinator.clock import now_ms
from coordinator.identity.errors import Refused
from coordinator.ledger.orders import Done, Transfer
from coordinator.ledger.payouts import NoSuchPayout
from coordinator.ledger.requests import NoSuchRequest
from coordinator.ledger.writer import LedgerWriter
from coordinator.operating.changes import book
from coordinator.store.audit_log import Act, write_down
from coordinator.store.database import Database
from coordinator.store.errors import Busy, StoreError, Unavailable
from coordinator.store.reading import Reader
from coordinator.store.store import Store
from wire.errors import ErrorCode, SupernetError

log = logging.getLogger("supernet.accounts")

LOOKUPS = 120  # calls a minute of one account: each asks the thread that books everybody's money
LOOK_AGAIN_S, MOST_LOOKS = 3600.0, 4096  # an operator who looks at the same again within so long leaves no new trace

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class AccountAccess:
    """Authenticates calls about an account, and holds them to a rate limit of their own.

    `quota`: the operator's limits of a key. `reader`: for accounts and pages of the network; `overseer`: for the
    operator.
    """

    accounts: Accounts
    store: Store
    ledger: LedgerWriter
    quota: Quota
    reader: Reader
    overseer: Reader
    rates: Rates = field(default_factory=Rates)  # of these calls, by account
    _looks: dict[tuple[str, str, str], float] = field(default_factory=dict)  # key, account, path -> when

    async def authenticate(
        self, request: Request, *query: str, also: tuple[str, ...] = ()
    ) -> tuple[Principal, AccountRow]:
        """The caller, and the account that the call is about: the caller's, or with scope `admin` that of `?account=`.
        `query`: the names that the endpoint knows besides. `also`: scopes that are enough where no account is named.
        An operator who looks at another's stands in the audit log.

        Raises invalid_api_key, permission_denied, not_found, RateLimited, invalid_request for another name.
        """
        name = request.query_params.get(ADMINS)
        scopes = ("client", "admin", *also) if name is None else ("admin",)
        principal = self.accounts.authenticate(request.headers, *scopes)
        if self.quota.rpm and "admin" not in principal.scopes:
            self.rates.request(((principal.account, Quota(LOOKUPS, 0, 0)),), time.monotonic())
        only(request, ADMINS, *query)
        account = await self.read(get_account, name or principal.account)
        if request.method in ("GET", "HEAD"):
            await self.looks(principal, account.id, request.url.path)
        return principal, account

    async def looks(self, principal: Principal, account: str, path: str) -> None:
        """Write down that an operator looks at what is somebody else's, once an hour, before it is shown. Raises as
        `read` does."""
        if account == principal.account:
            return
        look, now = (principal.key, account, path[:128]), time.monotonic()
        if now - self._looks.get(look, -LOOK_AGAIN_S) < LOOK_AGAIN_S:
            return
        await self.read(write_down, Act(principal.key, "account read", account, look[2]), now_ms())
        if len(self._looks) >= MOST_LOOKS:
            self._looks.clear()
        self._looks[look] = now

    async def read(self, work: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query in the store. Raises what `translated` makes of a StoreError."""
        return await translated(self.store.ask(work, *args, **kwargs))

    async def look(
        self, account: str, work: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a query of an account that may take a while, beside the store: nobody's money waits for it. Raises as
        `read` does, and rate_limit_exceeded."""
        return await translated(self.reader.ask(account, work, *args, **kwargs))

    async def oversee(self, work: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same for the operator, beside that: no stranger's questions are before it."""
        return await translated(self.overseer.ask("operator", work, *args, **kwargs))

    def by(self, principal: Principal, account: AccountRow, action: str, detail: str = "") -> By:
        """Who changes something of this account. At another account than the caller's own, which only an operator's key
        does, the audit log says so."""
        if account.id == principal.account:
            return By(principal.key, principal.account)
        return by_operator(principal, Act(principal.key, action, account.id, detail))

    async def do(
        self, by: By | None, work: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `read`, of work that changes something: not for who may not any more, and not without its entry in the
        audit log."""
        return await self.read(done_by, by, now_ms(), work, *args, **kwargs)

    async def book(self, order: Transfer, by: By) -> Done:
        """Carry out a transfer that somebody asks for. Raises insufficient_quota if there is less than that by now."""
        if self.ledger.full:
            raise behind()
        at_ms, who = now_ms(), replace(by, act=None)  # the booking writes the act down, unless it was booked before
        answer = await self.do(who, book, order, by.act, at_ms)
        if not isinstance(answer, Done):
            raise SupernetError(ErrorCode.INSUFFICIENT_QUOTA, "There is less than that by now.")
        return answer


def by_operator(principal: Principal, act: Act | None = None) -> By:
    """Who does something as an operator, to whomever. `act`: None where the work itself writes it down."""
    return By(principal.key, principal.account, own=False, act=act)


async def person(access: AccountAccess, request: Request) -> tuple[Principal, AccountRow]:
    """Who is signed in, and their account: a key is not enough where it would become a way in. Raises what
    `authenticate` does."""
    principal, account = await access.authenticate(request)
    if principal.session_ends_ms is None or account.id != principal.account:
        message = "This is for who has signed in on the account page: a key is not enough."
        raise SupernetError(ErrorCode.PERMISSION_DENIED, message)
    return principal, account


async def translated(work: Awaitable[T]) -> T:
    """The result of the work. Its StoreError becomes not_found, invalid_request, or what `behind` makes.

    The last is for a database that cannot be reached: its own text is for the operator, and goes to the log.
    """
    try:
        return await work
    except Unavailable as error:
        log.error("the account API: %s", error)
        raise behind() from None
    except Busy as error:
        raise busy(error) from None
    except Refused as error:
        raise SupernetError(error.code, str(error)) from None
    except Ended as error:
        raise SupernetError(ErrorCode.INVALID_API_KEY, str(error)) from None
    except (NotFound, NoSuchPayout, NoSuchRequest) as error:
        raise SupernetError(ErrorCode.NOT_FOUND, str(error)) from None
    except StoreError as error:
        raise SupernetError(ErrorCode.INVALID_REQUEST, str(error)) from None
