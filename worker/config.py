"""The daemon's settings: what an owner decides. `cli/settings.py` finds them; nothing else reads the places."""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from program.alert_formats import SERVICES, Service
from program.post import own_target
from program.settings import ConfigError, number, one_of, setting, switch, whole
from program.sources import home_folder
from wire.media_tools import TOOLS, Tool
from worker.machine.schedule import Schedule, parse

if TYPE_CHECKING:  # --status should not wait for it
    from wire.handed_catalog import Handed

WORDS = "-"  # --scripted without a file
MOST_KEY_BYTES = 4096
HUB = "https://huggingface.co"
Vision = Literal["auto", "on", "off"]
Drafts = Literal["auto", "off"]


def address(text: str) -> tuple[str, int]:
    """Host and port of "127.0.0.1:9100". Raises ValueError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not int(port) < 65536:
        raise ValueError(f"{text!r} is no address with a port: write 127.0.0.1:9100 or [::1]:9100")
    return host.strip("[]"), int(port)


def tools(text: str) -> tuple[Tool, ...]:
    """The tools of "generate_image,generate_music". Raises ValueError."""
    named = {name.strip() for name in text.split(",") if name.strip()}
    if unknown := named.difference(TOOLS):
        raise ValueError(f"there is no {', '.join(sorted(unknown))}: there are {', '.join(TOOLS)}")
    if not named:
        raise ValueError(f"name one at least of {', '.join(TOOLS)}")
    return tuple(tool for tool in TOOLS if tool in named)


def hub_url(text: str) -> str:
    return text.rstrip("/") or HUB


@dataclass(frozen=True)
class Config:
    """Everything that an owner decides. None means that the plan decides from the hardware, or that it is off."""

    coordinator: str | None = setting(
        None, "wss://host or ws://host:port", metavar="URL", unset="none; needed to serve"
    )
    key: str | None = setting(
        None,
        "the account's key; --key-file keeps it out of the process list",
        unset="none; needed to serve",
        secret=True,
    )
    key_file: Path | None = setting(None, "its first line is the key", Path, "FILE", instead_of="key")
    model: str | None = setting(
        None, "an id of models.yaml", metavar="ID", unset="the catalog's default, or none where --media is given"
    )
    media: str | None = setting(
        None,
        "an id of models.yaml's media: pictures, film or music, instead of a --model or, if both fit, beside it",
        metavar="ID",
        unset="none",
    )
    media_tools: tuple[Tool, ...] | None = setting(
        None,
        "what may be made here, of what it can make: generate_image,edit_image,...",
        tools,
        "TOOLS",
        unset="all",
    )
    model_file: Path | None = setting(
        None,
        "a GGUF file of this machine for --model, instead of a download",
        Path,
        "FILE",
        unset="none; the model is fetched",
    )
    projector_file: Path | None = setting(
        None,
        "a GGUF file of this machine that is the model's projector, instead of a download",
        Path,
        "FILE",
        unset="none; it is fetched with the model",
    )
    vision: Vision = setting(
        "auto",
        "see pictures: auto where a GPU has room for the model's projector, on in any case, off never",
        one_of("auto", "on", "off"),
        "auto|on|off",
    )
    drafts: Drafts = setting(
        "auto",
        "guess ahead what an answer will say, which changes its speed alone: auto where that pays, off never",
        one_of("auto", "off"),
        "auto|off",
    )
    catalog: Path | None = setting(
        None, "another models.yaml", Path, "FILE", unset="the coordinator's, or the one that came with the program"
    )
    models_dir: Path = setting(
        Path(), "where downloaded weights are kept", Path, "DIR", unset="~/.cache/supernet/models"
    )
    models_cap_gib: float | None = setting(
        None,
        "most that --models-dir may take: before a download what was used least lately and nobody uses is removed",
        number(0.001, 10**6),
        "GIB",
        unset="no limit",
    )
    state_dir: Path = setting(
        Path(), "this worker's identity; one for each worker of a machine", Path, "DIR", unset="~/.local/state/supernet"
    )
    name: str = setting("", "what the operator sees this worker as", unset="the host's name")
    slots: int | None = setting(None, "jobs at once", whole(1), "N", unset="planned")
    context: int | None = setting(None, "context of one job", whole(1), "TOKENS", unset="planned")
    threads: int | None = setting(None, "CPU threads of the engine", whole(1), "N", unset="planned")
    longest_stall_ms: int = setting(
        500, "most milliseconds between two tokens of an answer while another prompt is read beside it", whole(1), "MS"
    )
    reserve_mib: int = setting(512, "GPU memory left for your own use", whole(0), "MIB")
    schedule: Schedule | None = setting(
        None,
        'serve only then, local time: "22:00-07:00" or "mon-fri 18:00-08:00, sat-sun 00:00-24:00"',
        parse,
        "WINDOWS",
        unset="always",
    )
    max_temperature_c: float | None = setting(
        None, "above it fewer slots are offered", number(1, 10_000), "C", unset="no limit"
    )
    max_power_w: float | None = setting(
        None, "of one GPU; above it fewer slots are offered", number(1, 10_000), "W", unset="no limit"
    )
    yield_to_owner: bool = setting(False, "no new jobs while other programs use the GPU", switch)
    quiet_s: float = setting(300.0, "without such use, before slots are offered again", whole(0), "SECONDS")
    release_s: float = setting(
        120.0,
        "of such use, a pause or closed hours, before the model leaves the GPU's memory; it comes back by itself",
        whole(0),
        "SECONDS",
    )
    drain_s: float = setting(120.0, "how long running jobs may take to finish on SIGTERM", whole(0), "SECONDS")
    metrics: tuple[str, int] | None = setting(
        None, "serve /metrics there for Prometheus", address, "ADDRESS:PORT", unset="off"
    )
    alert_url: str | None = setting(
        None,
        "where this machine tells you when it cannot serve, or is hot",
        own_target,
        "URL",
        unset="nowhere",
        secret=True,
    )
    alert_kind: Service = setting(
        "webhook", "what --alert-url is: webhook (JSON), ntfy, discord or slack", one_of(*SERVICES), "KIND"
    )
    alert_secret: Path | None = setting(
        None,
        "file of a secret (whsec_...) with which a webhook's messages are signed",
        Path,
        "FILE",
        unset="they are not",
    )
    log_json: bool = setting(False, "log lines as JSON", switch)
    hub: str = setting(HUB, "where models are downloaded from", hub_url, variable="HF_ENDPOINT")
    visible_gpus: str | None = setting(
        None, "the GPUs that may be used, as CUDA reads it", variable="CUDA_VISIBLE_DEVICES", unset="all"
    )

    # No setting: the coordinator's catalog, for as long as this process lives (known_models.py).
    handed: "Handed | None" = None

    @property
    def models_cap_bytes(self) -> int | None:
        return None if self.models_cap_gib is None else int(self.models_cap_gib * 2**30)


def default_state_dir(env: Mapping[str, str]) -> Path:
    """Where the daemon keeps its state unless it is told. Raises ConfigError for a user without a home."""
    if env.get("XDG_STATE_HOME"):
        return Path(env["XDG_STATE_HOME"]) / "supernet"
    if (home := home_folder(env)) is not None:
        return home / ".local" / "state" / "supernet"
    raise ConfigError(
        "no folder to keep anything in: HOME is not set, and this user has no entry in /etc/passwd; set HOME, or give"
        " --state-dir"
    )


def default_models_dir(env: Mapping[str, str], state_dir: Path) -> Path:
    """Where models are kept unless it is said; for a user without a home, in the state folder."""
    if env.get("XDG_CACHE_HOME"):
        return Path(env["XDG_CACHE_HOME"]) / "supernet" / "models"
    home = home_folder(env)
    return state_dir / "models" if home is None else home / ".cache" / "supernet" / "models"


def read_key(key_file: Path) -> str:
    """The first line of a file: a file keeps the key out of `ps` and of unit files. Raises ConfigError, as
    `checked_key` does."""
    try:
        with key_file.open("rb") as stream:  # may be a pipe, and anything by mistake
            line = stream.read(MOST_KEY_BYTES).partition(b"\n")[0]
    except OSError as error:
        raise ConfigError(f"cannot read a key from {key_file}: {error.strerror or error}") from None
    text = line.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace").strip()
    if not text:
        raise ConfigError(f"cannot read a key from {key_file}: its first line is empty")
    return checked_key(text, str(key_file))


def checked_key(text: str, place: str) -> str:
    """Return the key if an HTTP header can carry it. Raises ConfigError, which does not quote it."""
    if not (text.isascii() and text.isprintable()):
        hint = "copy the key again, into a plain text file (Windows PowerShell's `>` writes none)"
        raise ConfigError(f"{place} holds letters that no key has: {hint}")
    return text


def worker_url(address: str) -> str:
    """The websocket address of a coordinator given as ws(s):// or http(s):// with or without a path."""
    scheme, separator, rest = address.partition("://")
    if not separator or scheme not in ("ws", "wss", "http", "https") or not rest:
        raise ConfigError(f"--coordinator {address!r}: write it as wss://host or ws://host:port")
    scheme = {"http": "ws", "https": "wss"}.get(scheme, scheme)
    return f"{scheme}://{rest.split('/')[0]}"


def api_url(address: str) -> str:
    """The HTTP address of the same coordinator."""
    return worker_url(address).replace("ws", "http", 1)
