"""The coordinator's settings, read once. Nothing below reads flags, environment or file."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coordinator.accounts.quota import Quota
from coordinator.config_readers import (
    ANY,
    Role,
    read_address,
    read_artefacts,
    read_cluster,
    read_image,
    read_mode,
    read_name,
    read_origins,
    read_role,
)
from coordinator.identity.addresses import Networks, read_networks
from coordinator.identity.signup import Signup, read_signup
from coordinator.ledger.budget import Budget
from coordinator.ledger.pricing import SHARE, SPARK_NANO, STARTER_SPARK
from coordinator.rounds.offer import Mode
from coordinator.scheduler.state import Limits
from coordinator.store import home
from program.alert_formats import SERVICES, Service
from program.post import own_target
from program.settings import ConfigError, number, one_of, setting, switch, whole
from program.sources import Sources

HOUR_S = 3600
YEAR_S = 366 * 86_400
MOST_SPARK = 1_000_000


@dataclass(frozen=True)
class Config:
    """Everything that an operator decides."""

    host: str = setting("127.0.0.1", "address to listen on", metavar="ADDRESS")
    port: int = setting(8080, "port to listen on; 0 takes a free one, which is printed", whole(0, 65535), "PORT")
    db: str | Path = setting(
        home.database,
        "database of accounts, keys and money: a file (SQLite), or postgresql://USER@HOST/NAME",
        metavar="FILE|URL",
        unset="supernet-coordinator.db in ~/.local/state/supernet",
    )
    pepper: Path | None = setting(
        None,
        "file of the secret under which keys are hashed",
        Path,
        "FILE",
        unset="beside the database's file; for PostgreSQL in ~/.local/state/supernet",
    )
    catalog: Path | None = setting(
        None, "another models.yaml", Path, "FILE", unset="the one that came with the program"
    )
    count_prompts: bool = setting(
        True, "count prompts here with the models' own vocabularies, and believe no worker more", switch
    )
    vocabularies: Path = setting(
        home.vocabularies,
        "folder for the vocabularies that are fetched from the model hub, and for MODEL-ID.gguf of your own",
        Path,
        "FOLDER",
        unset="supernet/vocabularies in ~/.cache",
    )
    log_json: bool = setting(False, "one JSON object per log line", switch)
    origins: tuple[str, ...] = setting(
        (ANY,),
        "web pages that may call the API with a key from a browser: `*` (of any origin), `none`, or their origins",
        read_origins,
        "ORIGINS",
        unset="`*`",
    )
    public_url: str | None = setting(
        None,
        "address under which clients reach this coordinator: the links of pictures, films and music begin with it",
        read_address,
        "URL",
        unset="the address that it listens on, which only this machine may reach",
    )
    artefacts: str | Path | None = setting(
        None,
        "where pictures, films and music are kept: a folder, or s3://BUCKET/PREFIX with the variables of AWS",
        read_artefacts,
        "FOLDER|URL",
        unset="the database's file and .media; for PostgreSQL supernet-media in ~/.local/state/supernet",
    )
    artefact_days: float = setting(30.0, "how long they are kept, in days", number(0.01, 3660), "DAYS")
    media_filter: str | None = setting(
        None,
        "URL that is asked whether something may be drawn, filmed or composed, and shown; no answer means no",
        read_address,
        "URL",
    )
    platform_tools: Mode = setting(
        "default",
        "whether chats are given the tools that draw, film and compose: `default`, where workers serve them; `opt-in`, "
        "where a request asks for them; `off`",
        read_mode,
        "MODE",
    )
    downloads: Path | None = setting(
        None,
        "folder that scripts/release made: the worker's wheels and installer, which anybody may fetch from here",
        Path,
        "FOLDER",
        unset="none are served",
    )
    worker_image: str | None = setting(
        None,
        "name of an image of the worker, for the command that the page Add a worker shows",
        read_image,
        "IMAGE",
        unset="no image is named",
    )
    public_network: bool = setting(False, "show the network to readers without a key too, naming nobody", switch)
    queue: int = setting(Limits.queue, "most requests that wait, all together", whole(0), "N")
    queue_per_account: int = setting(Limits.queue_per_account, "most requests of one account that wait", whole(0), "N")
    queue_wait_s: float = setting(Limits.queue_wait_s, "longest wait for a slot", number(0, HOUR_S), "SECONDS")
    rpm: int = setting(
        Quota.rpm, "requests a minute of a key that has no limit of its own; 0: any number", whole(0), "N"
    )
    tpm: int = setting(Quota.tpm, "tokens a minute of such a key, prompts and answers; 0: any number", whole(0), "N")
    concurrency: int = setting(Quota.concurrency, "requests at a time of such a key; 0: any number", whole(0), "N")
    resume_grace_s: float = setting(
        Limits.resume_grace_s,
        "how long the jobs of a dropped worker wait for it before a free slot elsewhere may have them",
        number(0, HOUR_S),
        "SECONDS",
    )
    resume_window_s: float = setting(
        Limits.resume_window_s,
        "how long a dropped worker may take to come back; jobs that nobody else takes wait for it",
        number(0, HOUR_S),
        "SECONDS",
    )
    drain_s: float = setting(300.0, "how long a stop waits for running answers", number(0, HOUR_S), "SECONDS")
    starter_spark: int = setting(STARTER_SPARK, "what a new account is given", whole(0, MOST_SPARK), "SPARK")
    signup: Signup = setting(
        "off",
        "who may make an account in a browser, with a passkey: `off`, nobody; `invite`, who has an invite; `open`, all",
        read_signup,
        "MODE",
    )
    signup_spark: int = setting(0, "what such an account is given", whole(0, MOST_SPARK), "SPARK")
    oidc: Path | None = setting(
        None,
        "file of the OpenID Connect providers with whose accounts people may sign in, and up as --signup allows",
        Path,
        "FILE",
    )
    invites: int = setting(0, "how many invites each account may make in all", whole(0, 10_000), "N")
    proxies: Networks = setting(
        (),
        "addresses of your own proxies, whose X-Forwarded-For is believed: 127.0.0.1,10.0.0.0/8",
        read_networks,
        "ADDRESSES",
        unset="none is believed",
    )
    bonus_spark: int = setting(50, "what an account may claim once a day", whole(0, MOST_SPARK), "SPARK")
    promotion_spark: int = setting(
        0,
        "what all owners together may be paid out a day of what they earned with given tokens, each a quarter at most",
        whole(0, MOST_SPARK),
        "SPARK",
    )
    deposit_secret: Path | None = setting(
        None,
        "file of the secret (whsec_...) with which your payment service signs what it sends to /v1/deposits",
        Path,
        "FILE",
        unset="there is no such hook",
    )
    alerts: bool = setting(
        False,
        "tell accounts that want it, at addresses on the internet that they name, when something is wrong",
        switch,
    )
    alert_networks: Networks = setting(
        (),
        "addresses beside the internet where accounts' messages may go too, such as your own ntfy's: 10.1.2.3",
        read_networks,
        "ADDRESSES",
        unset="none",
    )
    alert_after_s: float = setting(
        300.0, "how long a worker is away before its owner is told", number(0, 86_400), "SECONDS"
    )
    alert_url: str | None = setting(
        None, "where you are told when something is wrong with the network", own_target, "URL", unset="nowhere"
    )
    alert_kind: Service = setting(
        "webhook",
        "what --alert-url is: `webhook` (JSON), `ntfy`, `discord` or `slack`",
        one_of(*SERVICES),
        "KIND",
    )
    alert_secret: Path | None = setting(
        None,
        "file of a secret (whsec_...) with which a webhook's messages are signed",
        Path,
        "FILE",
        unset="they are not",
    )
    sogni_nano: int = setting(10_000_000, "what one sogni is worth, in nano-dollars", whole(1, 10**15), "NANO")
    worker_share_bps: int = setting(
        7000, "share of a job's price that its worker gets, in basis points: 7000 is 70 %", whole(0, SHARE), "BPS"
    )
    escrow_s: float = setting(
        86_400.0, "how long a worker's earnings wait before they are its owner's", number(0, YEAR_S), "SECONDS"
    )
    escrow_jobs: int = setting(0, "and with how many jobs the owner must have earned before", whole(0), "N")

    cluster: tuple[str, ...] = setting(
        (),
        "NATS servers that join this coordinator with others to one network: nats://HOST:PORT,HOST:PORT, or tls://",
        read_cluster,
        "URLS",
        unset="it is alone",
    )
    cluster_creds: Path | None = setting(
        None,
        "file by which NATS knows this coordinator: the seed of an nkey, or credentials as nsc writes them",
        Path,
        "FILE",
    )
    role: Role = setting(
        "both",
        "in a cluster: `edge` serves clients, `cell` serves workers, `both` does both",
        read_role,
        "ROLE",
    )
    replica_name: str = setting(
        platform.node, "what people call this replica", read_name, "NAME", unset="the machine's name"
    )

    def check_cluster(self) -> None:
        """Raises ConfigError where a replica would have for itself what all must share."""
        if not self.cluster:
            if self.role != "both":
                raise ConfigError(f"--role {self.role} is of a cluster: give --cluster too")
            return
        wrong = []
        if not str(self.db).startswith("postgresql"):
            wrong.append("a SQLite file has one writer: give --db postgresql://USER@HOST/NAME")
        if self.pepper is None or not self.pepper.exists():
            wrong.append(
                "keys are hashed under one pepper, and this one has to be there already: make it once, with `key create"
                " --init --pepper FILE`, and give a copy to each with --pepper"
            )
        if not isinstance(self.artefacts, str):
            wrong.append(
                "a folder is one machine's, and links to what is made are opened at any replica: give --artefacts"
                " s3://BUCKET/PREFIX"
            )
        if self.public_url is None:
            wrong.append("links would lead to this replica alone: give --public-url, the address of all")
        if wrong:
            raise ConfigError("--cluster needs what all replicas share: " + "; ".join(wrong))

    def limits(self) -> Limits:
        return Limits(
            queue=self.queue,
            queue_per_account=self.queue_per_account,
            queue_wait_s=self.queue_wait_s,
            resume_grace_s=self.resume_grace_s,
            resume_window_s=self.resume_window_s,
        )

    def promotions(self) -> Budget:
        return Budget(self.promotion_spark * SPARK_NANO)

    def quota(self) -> Quota:
        return Quota(self.rpm, self.tpm, self.concurrency)


SOURCES = Sources(Config, "SUPERNET_COORDINATOR_", "coordinator.toml")


def build(flags: Mapping[str, Any], env: Mapping[str, str]) -> Config:
    """Make the settings of flags, environment variables and the file.

    `flags`: field -> value, None where the flag was not given. Raises ConfigError.
    """
    return Config(**SOURCES.find(flags, env).values)
