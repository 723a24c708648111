"""The coordinator's configuration: flags over environment over defaults, read once. Nothing below reads either."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import wire
from coordinator.admission.rate_limits import Quota
from coordinator.ledger.pricing import SHARE, STARTER_SPARK
from coordinator.scheduler.state import Limits
from coordinator.store import home
from wire.catalog import Catalog, parse

PREFIX = "SUPERNET_COORDINATOR_"


class ConfigError(Exception):
    """The configuration cannot work; the text says which setting and what to do."""


@dataclass(frozen=True)
class Config:
    """Everything that an operator decides. Each field is a flag, and a variable SUPERNET_COORDINATOR_NAME."""

    host: str = "127.0.0.1"
    port: int = 8080  # 0: any free one; it is printed
    db: str | Path = field(default_factory=home.database)  # a file of SQLite, or the URL of a PostgreSQL database
    pepper: Path | None = None  # None: beside the file; where the file would be for PostgreSQL
    models: Path | None = None  # None: the catalogue that came with the package
    log_json: bool = False
    public_network: bool = False  # the dashboard's view of the network needs no key; it names nobody
    queue: int = Limits.queue
    queue_per_account: int = Limits.queue_per_account
    queue_wait_s: float = Limits.queue_wait_s
    rpm: int = Quota.rpm
    tpm: int = Quota.tpm
    concurrency: int = Quota.concurrency
    resume_grace_s: float = Limits.resume_grace_s
    resume_window_s: float = Limits.resume_window_s
    drain_s: float = 300.0  # how long a stop waits for answers that are being given
    starter_spark: int = STARTER_SPARK
    bonus_spark: int = 50
    sogni_nano: int = 10_000_000  # nano-dollars that one sogni is worth
    worker_share_bps: int = 7000
    escrow_s: float = 86_400.0
    escrow_jobs: int = 0

    def limits(self) -> Limits:
        return Limits(
            queue=self.queue,
            queue_per_account=self.queue_per_account,
            queue_wait_s=self.queue_wait_s,
            resume_grace_s=self.resume_grace_s,
            resume_window_s=self.resume_window_s,
        )

    def quota(self) -> Quota:
        return Quota(self.rpm, self.tpm, self.concurrency)


HELP = {
    "host": "address to listen on",
    "port": "port to listen on; 0 takes a free one",
    "db": "database of accounts, keys and money: a file (SQLite), or postgresql://USER@HOST/NAME",
    "pepper": "file of the secret under which keys are hashed",
    "models": "catalogue (models.yaml)",
    "log_json": "one JSON object per log line",
    "public_network": "show the network to readers without a key too, naming nobody",
    "queue": "most requests that wait, all together",
    "queue_per_account": "most requests of one account that wait",
    "queue_wait_s": "longest wait for a slot",
    "rpm": "requests a minute of a key that has no limit of its own; 0: any number",
    "tpm": "tokens a minute of such a key, prompts and answers; 0: any number",
    "concurrency": "requests at a time of such a key; 0: any number",
    "resume_grace_s": "how long the jobs of a dropped worker wait for it before a free slot elsewhere may have them",
    "resume_window_s": "how long a dropped worker may take to come back; jobs that nobody else takes wait for it",
    "drain_s": "how long a stop waits for running answers",
    "starter_spark": "what a new account is given",
    "bonus_spark": "what an account may claim once a day",
    "sogni_nano": "what one sogni is worth, in nano-dollars",
    "worker_share_bps": "share of a job's price that its worker gets, in basis points",
    "escrow_s": "how long a worker's earnings wait before they are its owner's",
    "escrow_jobs": "and with how many jobs the owner must have earned before",
}
# Defaults that depend on the machine or on another setting, in words.
DEFAULTS = {
    "db": "supernet-coordinator.db in ~/.local/state/supernet",
    "pepper": "beside the database's file; for PostgreSQL in ~/.local/state/supernet",
    "models": "the one that came with the program",
}
_COUNTS = ("queue", "queue_per_account", "rpm", "tpm", "concurrency", "escrow_jobs")
_WHOLE = ("port", *_COUNTS, "starter_spark", "bonus_spark", "sogni_nano", "worker_share_bps")
_TEXTS: dict[str, Any] = {"host": str, "db": str, "pepper": Path, "models": Path}
_SWITCHES = {"1": True, "true": True, "0": False, "false": False}


def build(flags: Mapping[str, Any], env: Mapping[str, str]) -> Config:
    """`flags`: field -> value, None where the flag was not given. Raises ConfigError."""
    names = [field.name for field in fields(Config)]
    known = {PREFIX + name.upper(): name for name in names}
    unknown = sorted(name for name in env if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise ConfigError(f"unknown environment variable {unknown[0]}; known are {', '.join(sorted(known))}")
    values = {name: _from(variable, name, env[variable]) for variable, name in known.items() if env.get(variable)}
    values |= {name: flags[name] for name in names if flags.get(name) is not None}
    config = Config(**values)
    _check(config)
    return config


def _from(variable: str, name: str, text: str) -> Any:
    try:
        return read(name, text)
    except ValueError as error:
        raise ConfigError(f"{variable}={text!r} {error}") from None


def read(name: str, text: str) -> Any:
    """A setting's value from a flag or a variable. Raises ValueError: what is wrong, to be said behind the text."""
    if name in _TEXTS:
        return _TEXTS[name](text)
    if name in ("log_json", "public_network"):
        if text.lower() not in _SWITCHES:
            raise ValueError("is no switch: write 1 or 0")
        return _SWITCHES[text.lower()]
    try:
        return int(text) if name in _WHOLE else float(text)
    except ValueError:
        raise ValueError("is no whole number" if name in _WHOLE else "is no number") from None


def _check(config: Config) -> None:
    if not 0 <= config.port <= 65535:
        raise ConfigError(f"port {config.port}: a port is 0 to 65535")
    for name in _COUNTS:
        if getattr(config, name) < 0:
            raise ConfigError(f"{name} must not be negative")
    for name in ("starter_spark", "bonus_spark"):
        if not 0 <= getattr(config, name) <= 1_000_000:
            raise ConfigError(f"{name} must be 0 to 1000000")
    if not 1 <= config.sogni_nano <= 10**15:
        raise ConfigError("sogni_nano must be 1 to 10^15: nano-dollars that one sogni is worth")
    if not 0 <= config.worker_share_bps <= SHARE:
        raise ConfigError(f"worker_share_bps must be 0 to {SHARE}: 7000 is 70 %")
    if not 0 <= config.escrow_s <= 366 * 86_400:
        raise ConfigError("escrow_s must be 0 to 31622400 seconds")
    for name in ("queue_wait_s", "resume_grace_s", "resume_window_s", "drain_s"):
        if not 0 <= getattr(config, name) <= 3600:
            raise ConfigError(f"{name} must be 0 to 3600 seconds")


def read_catalog(path: Path | None) -> Catalog:
    """models.yaml: the given file, else the one that came with the package (a checkout has it one folder up)."""
    package = Path(next(iter(wire.__path__)))
    candidates = [path] if path else [package / "models.yaml", package.parent / "models.yaml"]
    for candidate in candidates:
        if candidate.is_file():
            return parse(candidate.read_bytes(), str(candidate))
    raise ConfigError(f"no catalogue at {candidates[-1]}: name one with --models")
