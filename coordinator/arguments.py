"""The command line: which commands there are, and what they take."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

from coordinator.accounts import DEFAULT_ACCOUNT, DEFAULT_SCOPES, SCOPES
from coordinator.config import HELP, Config
from coordinator.ledger.grants import Reason
from coordinator.pricing import CURRENCIES

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DATABASE = ("db", "pepper")  # what every command that works on the database may be given


def parser() -> ArgumentParser:
    root = ArgumentParser("supernet-coordinator", description="The API of a Supernet, in front of its workers.")
    root.add_argument("--version", action="version", version=version("supernet"))
    commands = root.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="run the coordinator")
    serve.add_argument("--json", action="store_true", help="print the address as JSON once it listens")
    for name in HELP:
        _setting(serve, name)
    _keys(commands.add_parser("key", help="API keys").add_subparsers(dest="action", required=True))
    _accounts(commands.add_parser("account", help="accounts").add_subparsers(dest="action", required=True))
    _money(commands)
    return root


def _keys(actions: Any) -> None:
    create = _command(actions, "create", "make a key; it is shown once")
    create.add_argument("--name", required=True)
    create.add_argument("--account", default=DEFAULT_ACCOUNT, help="its name or id")
    create.add_argument("--scope", default=",".join(DEFAULT_SCOPES), help=f"some of {','.join(SCOPES)}")
    create.add_argument("--expires", type=expiry, metavar="WHEN", help="90d, 12h, 30m from now, or 2030-01-31 (UTC)")
    create.add_argument("--rpm", type=int, help="requests a minute (default: the server's)")
    create.add_argument("--tpm", type=int, help="tokens a minute (default: the server's)")
    create.add_argument("--concurrency", type=int, help="requests at a time (default: the server's)")
    _setting(create, "starter_spark")
    _command(actions, "list", "all keys; what is secret of them is not to be had")
    for name, text in (
        ("revoke", "end a key; running coordinators know within a second"),
        ("regenerate", "a new key in the place of an old one, which ends at once"),
    ):
        _command(actions, name, text).add_argument("id")


def _accounts(actions: Any) -> None:
    create = _command(actions, "create", "make an account")
    create.add_argument("--name", required=True)
    _setting(create, "starter_spark")
    _command(actions, "list", "all accounts")
    change = _command(actions, "set", "change an account")
    change.add_argument("account", help="its name or id")
    change.add_argument("--weight", type=weight, required=True, help="of its share where accounts compete (default 1)")
    for name, text in (
        ("disable", "none of its keys works any more; running coordinators know within a second"),
        ("enable", "its keys work again"),
    ):
        _command(actions, name, text).add_argument("account", help="its name or id")


def _money(commands: Any) -> None:
    grant = _command(commands, "grant", "give, book a deposit, or pay out what was earned")
    grant.add_argument("account", help="its name or id")
    grant.add_argument("amount", type=amount, help="of the currency: 100, 0.5")
    grant.add_argument("--currency", choices=CURRENCIES, default="spark")
    grant.add_argument("--reason", choices=get_args(Reason), default="grant", help="grant (the default): a present")
    grant.add_argument("--note", default="", help="kept with the booking")
    _setting(grant, "sogni_nano")
    ledger = commands.add_parser("ledger", help="the books").add_subparsers(dest="action", required=True)
    _command(ledger, "check", "does all money add up? exits with 1 if not")


def _command(actions: Any, name: str, text: str) -> ArgumentParser:
    command: ArgumentParser = actions.add_parser(name, help=text, description=text)
    command.add_argument("--json", action="store_true", help="results as JSON")
    for setting in _DATABASE:
        _setting(command, setting)
    return command


def _setting(command: ArgumentParser, name: str) -> None:
    flag, default, text = "--" + name.replace("_", "-"), getattr(Config, name), HELP[name]
    if isinstance(default, bool):
        command.add_argument(flag, action="store_true", default=None, help=text)
        return
    kind = Path if default is None else type(default)
    shown = "built in" if default is None else default
    command.add_argument(flag, type=kind, metavar=name.upper(), help=f"{text} (default {shown})")


# ---- values ----------------------------------------------------------------------------------------------------------


def expiry(text: str) -> int:
    """`90d`, `12h`, `30m`, `2w` from now, or a date or time of ISO 8601 (UTC unless it says otherwise) -> Unix ms."""
    now = datetime.now(UTC)
    try:
        if text[-1:] in _UNITS and text[:-1].isdecimal():
            when = now + timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
        else:
            when = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise ArgumentTypeError(f"{text!r} is no time: write 90d, 12h, 30m, or 2030-01-31") from None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    if when <= now:
        raise ArgumentTypeError(f"{text!r} is over already")
    return int(when.timestamp() * 1000)


def amount(text: str) -> Fraction:
    try:
        value = Fraction(text)
    except (ValueError, ZeroDivisionError):
        value = Fraction(0)
    if not 0 < value <= 10**9 or "/" in text:
        raise ArgumentTypeError(f"{text!r} is no amount: write 100 or 0.5")
    return value


def weight(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.01 <= value <= 1000:
        raise ArgumentTypeError(f"{text!r}: a weight is 0.01 to 1000")
    return value
