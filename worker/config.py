"""The daemon's configuration: flags over environment over defaults, read once. Nothing below this file reads either."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import wire
from wire.catalog import Catalog, parse

# environment variable -> the flag that it stands for; the CLI offers exactly these
ENVIRONMENT = {
    "SUPERNET_COORDINATOR": "coordinator",
    "SUPERNET_KEY": "key",
    "SUPERNET_KEY_FILE": "key_file",
    "SUPERNET_MODEL": "model",
    "SUPERNET_MODEL_FILE": "model_file",
    "SUPERNET_MODELS": "catalogue",
    "SUPERNET_MODELS_DIR": "models_dir",
    "SUPERNET_STATE_DIR": "state_dir",
    "SUPERNET_NAME": "name",
    "SUPERNET_SLOTS": "slots",
    "SUPERNET_CONTEXT": "context",
    "SUPERNET_THREADS": "threads",
    "SUPERNET_LONGEST_STALL_MS": "longest_stall_ms",
    "SUPERNET_RESERVE_MIB": "reserve_mib",
    "SUPERNET_DRAIN_S": "drain_s",
    "SUPERNET_LOG_JSON": "log_json",
}
COORDINATOR_PREFIX = "SUPERNET_COORDINATOR_"  # the other program's variables may stand in the same environment


class ConfigError(Exception):
    """The configuration cannot work; the text says which setting and what to do."""


@dataclass(frozen=True)
class Config:
    """Everything that an owner decides. None means that the plan decides from the hardware."""

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
    drain_s: float = 120.0
    log_json: bool = False
    hub: str = "https://huggingface.co"  # HF_ENDPOINT, which huggingface_hub obeys too
    visible_gpus: str | None = None  # CUDA_VISIBLE_DEVICES, which CUDA obeys too


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """Settings found in `env`, by flag name. An unknown SUPERNET_ variable raises ConfigError: it may be a typo."""
    known = {flag: env[name] for name, flag in ENVIRONMENT.items() if env.get(name)}
    for name in env:
        if name.startswith("SUPERNET_") and name not in ENVIRONMENT and not name.startswith(COORDINATOR_PREFIX):
            raise ConfigError(f"unknown environment variable {name}; known are {', '.join(ENVIRONMENT)}")
    return known


def default_models_dir(env: Mapping[str, str]) -> Path:
    return Path(env.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "supernet" / "models"


def default_state_dir(env: Mapping[str, str]) -> Path:
    return Path(env.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "supernet"


def read_key(key: str | None, key_file: Path | None) -> str | None:
    """The key itself, or the first line of a file: a file keeps it out of `ps` and of unit files."""
    if key or key_file is None:
        return key
    try:
        return key_file.read_text().splitlines()[0].strip()
    except (OSError, IndexError) as error:
        raise ConfigError(f"cannot read a key from {key_file}: {error}") from None


def read_catalogue(path: Path | None) -> Catalog:
    """models.yaml: the given file, else the one that came with the package (a checkout has it at the top)."""
    package = Path(next(iter(wire.__path__)))
    for candidate in [path] if path else [package / "models.yaml", package.parent / "models.yaml"]:
        if candidate.is_file():
            return parse(candidate.read_text(encoding="utf-8"), str(candidate))
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
