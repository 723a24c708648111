"""What the endpoints work with, opened by assembly.py."""

from dataclasses import dataclass

from coordinator.accounts.accounts import Accounts
from coordinator.accounts.quota import Quota
from coordinator.admission.idempotency import Idempotency
from coordinator.admission.rate_limits import Rates
from coordinator.alerts.alerts import Alerts
from coordinator.api.account_access import AccountAccess
from coordinator.api.downloads import DownloadsApi
from coordinator.api.network import NetworkApi
from coordinator.artefacts.artefacts import Artefacts
from coordinator.artefacts.filter import MediaFilter
from coordinator.billing.billing import Billing
from coordinator.config_readers import Role
from coordinator.current_catalog import CurrentCatalog
from coordinator.history.recorder import Recorder
from coordinator.hub.attempts import Attempts
from coordinator.hub.hub import Hub
from coordinator.identity.identity import Identity
from coordinator.joined import Joined
from coordinator.ledger.budget import Budget
from coordinator.ledger.writer import LedgerWriter
from coordinator.operating.orders_feed import OrdersFeed
from coordinator.prompt_count.counter import PromptCounter
from coordinator.rounds.offer import Mode
from coordinator.videos.films import Films


@dataclass(frozen=True)
class Services:
    """What the endpoints work with."""

    hub: Hub
    accounts: Accounts
    catalog: CurrentCatalog
    ledger: LedgerWriter
    billing: Billing
    quota: Quota
    rates: Rates
    access: AccountAccess
    identity: Identity
    bonus_nano: int
    promotions: Budget
    network: NetworkApi
    counter: PromptCounter | None
    origins: tuple[str, ...]
    artefacts: Artefacts
    media_filter: MediaFilter | None
    films: Films
    platform_tools: Mode
    attempts: Attempts
    idempotency: Idempotency
    downloads: DownloadsApi
    alerts: Alerts
    recorder: Recorder
    orders: OrdersFeed
    deposit_secret: bytes | None = None
    joined: Joined | None = None
    role: Role = "both"
