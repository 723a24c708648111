"""What the text of a setting means, where it is more than a number or a name. Each reader raises ValueError."""

import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from coordinator.rounds.offer import MODES, Mode

ANY = "*"  # any origin
BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9._-]{1,64}){0,8}/?")
NATS_PORT = 4222


def read_origins(text: str) -> tuple[str, ...]:
    """`*`, `none`, or origins between commas, each as a browser sends it: `https://app.example`, without a path."""
    if text in (ANY, "none"):
        return (ANY,) if text == ANY else ()
    origins = tuple(part.strip().rstrip("/") for part in text.split(","))
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc or origin != f"{parts.scheme}://{parts.netloc}":
            raise ValueError(f"{origin!r} is no origin such as https://app.example")
    return tuple(origin.lower() for origin in origins)


def read_address(text: str) -> str:
    """`https://media.example`, with a path if need be; without a slash at the end."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or "@" in text:
        raise ValueError(f"{text!r} is no address such as https://supernet.example")
    return text.rstrip("/")


def read_artefacts(text: str) -> str | Path:
    """A folder, or `s3://BUCKET/PREFIX`."""
    if "://" not in text:
        return Path(text)
    if not BUCKET.fullmatch(text):
        raise ValueError(f"{text!r} is neither a folder nor s3://BUCKET/PREFIX")
    return text.rstrip("/")


def read_image(text: str) -> str:
    """registry.example/supernet-worker:0.1.0"""
    if not re.fullmatch(r"[a-z0-9][A-Za-z0-9._:/@-]{0,254}", text):
        raise ValueError(f"{text!r} is no name of an image such as registry.example/supernet-worker:0.1.0")
    return text


def read_mode(text: str) -> Mode:
    """When platform tools are declared."""
    for mode in MODES:
        if text == mode:
            return mode
    raise ValueError(f"{text!r} is none of {', '.join(MODES)}")


Role = Literal["both", "edge", "cell"]
ROLES: tuple[Role, ...] = ("both", "edge", "cell")


def read_role(text: str) -> Role:
    """Which half of a coordinator a replica is."""
    for role in ROLES:
        if text == role:
            return role
    raise ValueError(f"{text!r} is none of {', '.join(ROLES)}")


def read_cluster(text: str) -> tuple[str, ...]:
    """`nats://HOST:PORT,HOST:PORT`, with TLS `tls://`; each may have its own scheme, and USER:PASSWORD@ before it."""
    scheme, servers = "nats", []
    for part in text.split(","):
        given, found, place = part.strip().rpartition("://")
        scheme = given if found else scheme
        try:
            parts = urlsplit(f"{scheme}://{place}")
            port = parts.port or NATS_PORT
        except ValueError:
            parts, port = urlsplit(""), 0
        if scheme not in ("nats", "tls") or not parts.hostname or parts.path or parts.query or parts.fragment:
            raise ValueError("it is no list of NATS servers such as nats://one.example:4222,two.example:4222")
        who = place.rpartition("@")[0]
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        servers.append(f"{scheme}://{who}{'@' if who else ''}{host}:{port}")
    return tuple(servers)


def read_name(text: str) -> str:
    """A name for people."""
    if not text.isprintable() or not 0 < len(text.strip()) <= 64:
        raise ValueError("a name is 1 to 64 characters that can be seen")
    return text.strip()
