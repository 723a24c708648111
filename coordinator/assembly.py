"""All parts of one coordinator, opened and told of each other as the settings say; server.py runs them."""

import logging
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from coordinator.accounts.accounts import Accounts
from coordinator.accounts.pepper import open_pepper, pepper_file
from coordinator.admission.idempotency import Idempotency
from coordinator.admission.rate_limits import Rates
from coordinator.alerts.alerts import Alerts
from coordinator.alerts.sender import OperatorAddress, Sender
from coordinator.api.account_access import AccountAccess
from coordinator.api.downloads import DownloadsApi
from coordinator.api.network import NetworkApi
from coordinator.api.services import Services
from coordinator.artefacts.artefacts import Artefacts
from coordinator.artefacts.checker import Checker
from coordinator.artefacts.filter import MediaFilter
from coordinator.artefacts.places import opened
from coordinator.billing.billing import Billing
from coordinator.billing.maintenance import Maintenance
from coordinator.clock import now_ms
from coordinator.config import Config
from coordinator.current_catalog import CurrentCatalog, prices
from coordinator.dashboard.feed import Feed
from coordinator.downloads import read_downloads
from coordinator.history.recorder import Recorder
from coordinator.history.rows import HISTORY
from coordinator.hub.attempts import Attempts
from coordinator.hub.hub import Hub
from coordinator.identity.identity import Identity
from coordinator.identity.oidc import Provider
from coordinator.identity.providers import read_providers, safe
from coordinator.identity.tokens import Tokens
from coordinator.joined import Joined, nats_bus
from coordinator.ledger.earning_days import EARNING_DAYS
from coordinator.ledger.escrow import Terms, earned_by
from coordinator.ledger.price_list import pin
from coordinator.ledger.pricing import SPARK_NANO, Units
from coordinator.ledger.recovery import recover
from coordinator.ledger.usage_days import USAGE_DAYS
from coordinator.ledger.writer import LedgerWriter
from coordinator.operating.orders_feed import OrdersFeed
from coordinator.prompt_count.counter import PromptCounter
from coordinator.prompt_count.vocabulary_files import VocabularyFiles
from coordinator.reload import Reload
from coordinator.store.database import Database
from coordinator.store.engines import sqlite_file
from coordinator.store.reading import Reader
from coordinator.store.rolling import Rolling
from coordinator.store.store import Store
from coordinator.telemetry.tracing import SERVICE, Tracing
from coordinator.videos.films import Films
from program.catalog import load_catalog
from program.otel import tracer
from program.secret_files import read_secret
from program.settings import ConfigError

log = logging.getLogger("supernet.server")


@dataclass(frozen=True)
class Running:
    """All parts of one coordinator, opened by `assembled`."""

    config: Config
    services: Services
    store: Store
    reader: Reader

    @cached_property
    def reload(self) -> Reload:
        parts = self.services
        return Reload(self.config.catalog, parts.catalog, self.store, parts.billing, parts.hub, parts.network.feed)

    @property
    def maintenance(self) -> Maintenance:
        terms = Terms(self.config.escrow_s, self.config.escrow_jobs)
        return Maintenance(self.store, self.reader, self.services.billing, terms, self.config.promotions())

    @property
    def rolling(self) -> Rolling:
        return Rolling(self.store, (USAGE_DAYS.roll_up, EARNING_DAYS.roll_up, HISTORY))


@contextmanager
def assembled(config: Config) -> Iterator[Running]:
    """Open everything; raises ConfigError, StoreError with a text for the operator."""
    catalog, shared = CurrentCatalog(load_catalog(config.catalog)), bool(config.cluster)
    with (
        closing(Database(config.db, serve=True, shared=shared, name=config.replica_name)) as database,
        Store(database) as store,
        closing(Reader(database)) as reader,
        closing(Reader(database)) as overseer,
    ):
        pepper = open_pepper(database, config.pepper or pepper_file(config.db), make=True)
        rates, me = Rates(), database.replica
        joined = Joined(config, me, nats_bus(config, me, pepper), rates) if shared else None
        hub = Hub(config.limits(), Tracing(tracer(SERVICE, os.environ)), joined.replica if joined else None)
        ledger = LedgerWriter(store)
        accounts = Accounts(store, pepper)
        accounts.revoked = hub.revoke
        billing = _billing(config, database, catalog, ledger)
        feed = Feed(hub, catalog, lambda: ledger.healthy and accounts.healthy, *([joined.looks] if joined else []))
        network = NetworkApi(feed, accounts, lambda *worker: store.ask(earned_by, *worker), config.public_network)
        quota = config.quota()
        downloads = read_downloads(config.downloads) if config.downloads else None
        feed.newest = downloads.version if downloads else ""
        hub.cell.give_out(feed.newest)
        access = AccountAccess(accounts, store, ledger, quota, reader, overseer)
        counter = PromptCounter(catalog, VocabularyFiles(config.vocabularies)) if config.count_prompts else None
        identity = _identity(config, store, accounts, pepper)
        media_filter = MediaFilter(config.media_filter) if config.media_filter else None
        artefacts = _artefacts(config, store, me)
        services = Services(
            hub,
            accounts,
            catalog,
            ledger,
            billing,
            quota,
            rates,
            access,
            identity,
            config.bonus_spark * SPARK_NANO,
            config.promotions(),
            network,
            counter,
            config.origins,
            artefacts,
            media_filter,
            Films(store),
            config.platform_tools,
            Attempts(hub, joined.asks if joined else None),
            Idempotency(store, ledger, pepper, *([joined.is_dead] if joined else [])),
            DownloadsApi(downloads, identity, config.worker_image),
            _alerts(config, hub, store, ledger, pepper),
            Recorder(store, hub, catalog),
            OrdersFeed(hub, store),
            _secret("deposit_secret", config.deposit_secret),
            joined,
            config.role,
        )
        if joined is not None:
            joined.connect(hub, accounts, feed.look)
        yield Running(config, services, store, reader)


def _artefacts(config: Config, store: Store, me: str) -> Artefacts:
    kept = opened(config.artefacts, config.db, store.database, me)
    return Artefacts(store, *kept, Checker(), config.artefact_days)


def _identity(config: Config, store: Store, accounts: Accounts, pepper: bytes) -> Identity:
    given = config.signup_spark * SPARK_NANO
    tokens, providers = Tokens(pepper), _providers(config)
    return Identity(store, accounts, tokens, config.signup, config.invites, given, config.proxies, providers)


def _providers(config: Config) -> dict[str, Provider]:
    """Raises ConfigError if they cannot be read, or would send people and codes back over the internet in the clear."""
    if config.oidc is None:
        return {}
    if config.public_url is not None and not safe(config.public_url):
        raise ConfigError(f"--oidc: people come back from a provider to an address with https: {config.public_url}")
    try:
        return {one.id: Provider(one) for one in read_providers(config.oidc)}
    except ValueError as error:
        raise ConfigError(f"--oidc: {error}") from None


def _alerts(config: Config, hub: Hub, store: Store, ledger: LedgerWriter, pepper: bytes) -> Alerts:
    secret = _secret("alert_secret", config.alert_secret)
    operator = OperatorAddress(config.alert_kind, config.alert_url, secret) if config.alert_url else None
    tokens = Tokens(pepper)  # so no copy of the database has what messages are signed with

    def signed_with(address: str) -> bytes:
        return bytes.fromhex(tokens.hash("alerts", address))

    sender = Sender(store, signed_with, config.alerts, config.alert_networks, operator)
    file = sqlite_file(config.db)
    folders = [file.absolute().parent] if file else []
    folders += [config.artefacts] if isinstance(config.artefacts, Path) else []
    alerts = Alerts(
        hub, store, ledger, sender, config.alerts, config.alert_after_s, config.replica_name, tuple(folders)
    )
    hub.parted = alerts.parted
    return alerts


def _secret(name: str, file: Path | None) -> bytes | None:
    """The secret that a setting names, None: it names none. Raises ConfigError if it cannot be read."""
    if file is None:
        return None
    try:
        return read_secret(file)
    except ValueError as error:
        raise ConfigError(f"--{name.replace('_', '-')}: {error}") from None


def _billing(config: Config, database: Database, catalog: CurrentCatalog, ledger: LedgerWriter) -> Billing:
    """Settle what an earlier process left open, record the catalog's prices, and make the Billing."""
    at_ms = now_ms()
    ended = recover(database, config.worker_share_bps, at_ms)
    if ended:
        log.warning("%d requests ran when the coordinator ended: what was delivered of them is billed", ended)
    tariffs = pin(database, prices(catalog.now), at_ms)
    return Billing(ledger, tariffs, Units(config.sogni_nano), config.worker_share_bps, database.replica)
