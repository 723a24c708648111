"""Which OpenID Connect providers people may come in with: the operator's file, read once.

A table for each, named as the last part of the address that the provider sends people back to:

    [example]
    name = "Example"                         # on the button
    issuer = "https://login.example"
    client_id = "supernet"
    client_secret_file = "example.secret"    # beside this file; without it the client is a public one
"""

import re
import tomllib
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

MOST_PROVIDERS = 8
NAME_CHARS, CLIENT_CHARS, SECRET_CHARS = 32, 256, 4096
KEYS = {"name", "issuer", "client_id", "client_secret_file"}
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_VISIBLE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True)
class ProviderSettings:
    """One provider. `id`: of the address that it sends people back to; `client_secret`: "" for a public client."""

    id: str
    name: str
    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)


def read_providers(path: Path) -> tuple[ProviderSettings, ...]:
    """Raises ValueError with words for the operator."""
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{path} is no TOML: {error}") from None
    if not 0 < len(tables) <= MOST_PROVIDERS:
        raise ValueError(f"{path} names {len(tables)} providers: give a table for each, 1 to {MOST_PROVIDERS}")
    found = tuple(_provider(name, table, path) for name, table in tables.items())
    if len({one.issuer for one in found}) != len(found):
        raise ValueError(f"{path} names an issuer twice: people are known by their issuer")
    return found


def _provider(name: str, table: Any, path: Path) -> ProviderSettings:
    if not _ID.fullmatch(name) or not isinstance(table, dict):
        raise ValueError(f"{path}: [{name}] is no table named with 1 to 32 of a-z, 0-9 and -")
    if unknown := set(table) - KEYS:
        raise ValueError(f"{path}: [{name}] has {', '.join(sorted(unknown))}; known are {', '.join(sorted(KEYS))}")
    if any(not isinstance(value, str) for value in table.values()):
        raise ValueError(f"{path}: what [{name}] says stands in quotes")
    shown, issuer, client = (table.get(key, "") for key in ("name", "issuer", "client_id"))
    if not shown.strip() or not shown.isprintable() or len(shown) > NAME_CHARS:
        raise ValueError(f"{path}: the name of [{name}] has 1 to {NAME_CHARS} characters that can be seen")
    parts = _address(issuer)
    if parts is None or parts.query or parts.fragment or not safe(issuer):
        raise ValueError(f"{path}: the issuer of [{name}] is an address such as https://login.example, with https")
    if not _VISIBLE.fullmatch(client) or len(client) > CLIENT_CHARS:
        raise ValueError(f"{path}: the client_id of [{name}] is what the provider calls this network")
    secret = table.get("client_secret_file")
    return ProviderSettings(name, shown.strip(), issuer, client, _secret(path.parent / secret) if secret else "")


def _secret(path: Path) -> str:
    try:
        secret = path.read_text("utf-8").strip()
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        secret = ""
    if not _VISIBLE.fullmatch(secret) or len(secret) > SECRET_CHARS:
        raise ValueError(f"{path} has no secret: one line, as the provider shows it")
    return secret


# ---- addresses -------------------------------------------------------------------------------------------------------


def safe(address: str, issuer: str | None = None) -> bool:
    """Whether this coordinator, or a browser, may be sent there: TLS, and no machine of the provider's choice that is
    this one; without TLS to this machine alone, if the issuer is there too. `issuer`: None, it is one itself."""
    parts = _address(address)
    if parts is None or not parts.hostname or "@" in parts.netloc:
        return False
    here = _loopback(parts.hostname)
    if here and issuer is not None and not _loopback(urlsplit(issuer).hostname or ""):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and here)


def loopback(address: str) -> bool:
    """Whether the address is one of this machine."""
    parts = _address(address)
    return parts is not None and _loopback(parts.hostname or "")


def _address(text: str) -> Any:
    """Its parts; None: it is no address."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    return parts if _VISIBLE.fullmatch(text) and "\\" not in text else None


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
