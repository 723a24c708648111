"""The daemon's configuration: what an owner decides. `settings` finds it; nothing else reads the places."""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import wire
from worker.machine.schedule import Schedule

if TYPE_CHECKING:
    from wire.catalog import Catalog

WORDS = "-"  # --scripted without a file
MOST_KEY_BYTES = 4096


class ConfigError(Exception):
    """The configuration cannot work; the text says which setting and what to do."""


@dataclass(frozen=True)
class Config:
    """Everything that an owner decides. None means that the plan decides from the hardware, or that it is off."""

    coordinator: str | None = None  # ws://host:port or wss://host
    key: str | None = None
    model: str | None = None  # catalogue id; None: the catalogue's default
    model_file: Path | None = None  # a GGUF on this machine instead of a download
    catalogue: Path | None = None
    models_dir: Path = Path()
    state_dir: Path = Path()
    name: str = ""
    slots: int | None = None
    context: int | None = None
    threads: int | None = None
    longest_stall_ms: int = 500  # between two tokens of an answer, while a long prompt is read beside it
    reserve_mib: int = 512  # GPU memory left to the owner's own use
    schedule: Schedule | None = None  # None: always
    max_temperature_c: float | None = None
    max_power_w: float | None = None  # of each GPU
    yield_to_owner: bool = False
    quiet_s: float = 300.0
    release_s: float = 120.0  # of the owner's use, a pause or closed hours, before the model leaves the GPU's memory
    drain_s: float = 120.0
    metrics: tuple[str, int] | None = None  # address and port
    log_json: bool = False
    hub: str = "https://huggingface.co"  # HF_ENDPOINT, which huggingface_hub obeys too
    visible_gpus: str | None = None  # CUDA_VISIBLE_DEVICES, which CUDA obeys too


def default_state_dir(env: Mapping[str, str]) -> Path:
    """Raises ConfigError for a user without a home."""
    if env.get("XDG_STATE_HOME"):
        return Path(env["XDG_STATE_HOME"]) / "supernet"
    if (home := home_folder(env)) is not None:
        return home / ".local" / "state" / "supernet"
    raise ConfigError(
        "no folder to keep anything in: HOME is not set, and this user has no entry in /etc/passwd; set HOME, or give"
        " --state-dir"
    )


def default_models_dir(env: Mapping[str, str], state_dir: Path) -> Path:
    """In the state folder for a user without a home, who has named that one."""
    if env.get("XDG_CACHE_HOME"):
        return Path(env["XDG_CACHE_HOME"]) / "supernet" / "models"
    home = home_folder(env)
    return state_dir / "models" if home is None else home / ".cache" / "supernet" / "models"


def home_folder(env: Mapping[str, str]) -> Path | None:
    """None: a container's made-up user may have none, neither by HOME nor by the list of users."""
    try:
        return Path(env.get("HOME") or Path.home())
    except RuntimeError:
        return None


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
    """`text`, if a header can carry it. Raises ConfigError, which does not quote it."""
    if not (text.isascii() and text.isprintable()):
        hint = "copy the key again, into a plain text file (Windows PowerShell's `>` writes none)"
        raise ConfigError(f"{place} holds letters that no key has: {hint}")
    return text


def read_catalogue(path: Path | None) -> "Catalog":
    """models.yaml: the given file, else the one that came with the package (a checkout has it at the top). Raises
    ConfigError, which names the line."""
    from wire.catalog import CatalogError, parse  # half of the time that --status would need to start

    package = Path(next(iter(wire.__path__)))
    for candidate in [path] if path else [package / "models.yaml", package.parent / "models.yaml"]:
        try:
            if candidate.is_file():
                return parse(candidate.read_bytes(), str(candidate))
        except OSError as error:
            raise ConfigError(f"cannot read the catalogue {candidate}: {error.strerror or error}") from None
        except CatalogError as error:
            raise ConfigError(str(error)) from None
    raise ConfigError(f"no catalogue at {path or package.parent / 'models.yaml'}")


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
