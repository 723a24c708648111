"""The command line: which commands there are, and what they take."""

from argparse import ArgumentTypeError
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

from coordinator.accounts.scopes import DEFAULT_ACCOUNT, DEFAULT_SCOPES, SCOPES
from coordinator.config import SOURCES
from coordinator.ledger.orders import PayoutState, Reason
from coordinator.ledger.pricing import CURRENCIES
from program.arguments import Parser

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_INIT = "make the database first, and its pepper, if there is none"
_KEY_ID = "of the key, as `key list` has it: key_..."
_CAPS = {
    "day": "what may be spent with it, and with the keys made with it, on a day (UTC)",
    "month": "what may be spent so in a month (UTC)",
}
_DATABASE = ("db", "pepper")  # what every command that works on the database may be given


def parser() -> Parser:
    """The parser of the whole command line."""
    root = Parser("supernet-coordinator", description="The API of a Supernet, in front of its workers.")
    root.add_argument("--version", action="version", version=version("supernet"))
    commands = root.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="run the coordinator")
    serve.add_argument("--json", action="store_true", help="print the address as JSON once it listens")
    _file(serve)
    _settings(serve, *SOURCES.own)
    _keys(commands.add_parser("key", help="API keys").add_subparsers(dest="action", required=True))
    _accounts(commands.add_parser("account", help="accounts").add_subparsers(dest="action", required=True))
    _invites(commands.add_parser("invite", help="invites").add_subparsers(dest="action", required=True))
    _money(commands)
    return root


def _keys(actions: Any) -> None:
    create = _command(actions, "create", "make a key; it is shown once")
    create.add_argument("--name", required=True, help="what `key list` calls it")
    create.add_argument("--init", action="store_true", help=_INIT)
    create.add_argument("--account", default=DEFAULT_ACCOUNT, help=f"its name or id (default: {DEFAULT_ACCOUNT})")
    scope = f"some of {','.join(SCOPES)} (default: {','.join(DEFAULT_SCOPES)})"
    create.add_argument("--scope", default=",".join(DEFAULT_SCOPES), help=scope)
    create.add_argument("--expires", type=expiry, metavar="WHEN", help="90d, 12h, 30m from now, or 2030-01-31 (UTC)")
    limits = {"rpm": "requests a minute", "tpm": "tokens a minute", "concurrency": "requests at a time"}
    for limit, what in limits.items():
        create.add_argument(
            f"--{limit}", type=SOURCES.settings[limit].read_flag, help=f"{what} (default: the server's)"
        )
    for name, text in _CAPS.items():
        create.add_argument(f"--cap-{name}", type=amount, metavar="DOLLARS", help=f"{text} (default: all there is)")
    _platform_tools(create, default="on")
    _settings(create, "starter_spark")
    _command(actions, "list", "all keys; what is secret of them is not to be had")
    change = _command(actions, "set", "change a key; running coordinators know within a second")
    change.add_argument("id", help=_KEY_ID)
    change.add_argument(
        "--state", choices=("enabled", "disabled"), help="a disabled key works when it is enabled again"
    )
    for limit, what in limits.items():
        read = _or("default", SOURCES.settings[limit].read_flag)
        change.add_argument(f"--{limit}", type=read, metavar="N", help=f"{what}; `default`: the server's")
    for name, text in _CAPS.items():
        change.add_argument(f"--cap-{name}", type=_or("none", amount), metavar="DOLLARS", help=f"{text}; or `none`")
    _platform_tools(change)
    for name, text in (
        ("revoke", "end a key; running coordinators know within a second"),
        ("regenerate", "a new key in the place of an old one, which ends at once"),
    ):
        _command(actions, name, text).add_argument("id", help=_KEY_ID)


def _platform_tools(command: Any, **how: Any) -> None:
    what = "whether the models that it asks are told of the platform tools, which its account pays for (default: on)"
    command.add_argument("--platform-tools", choices=("on", "off"), help=what, **how)


def _accounts(actions: Any) -> None:
    create = _command(actions, "create", "make an account")
    create.add_argument("--name", required=True, help="no two accounts have the same")
    create.add_argument("--init", action="store_true", help=_INIT)
    _settings(create, "starter_spark")
    _command(actions, "list", "all accounts")
    change = _command(actions, "set", "change an account")
    change.add_argument("account", help="its name or id")
    change.add_argument("--weight", type=weight, required=True, help="of its share where accounts compete (default 1)")
    for name, text in (
        ("disable", "none of its keys works any more; running coordinators know within a second"),
        ("enable", "its keys work again"),
    ):
        _command(actions, name, text).add_argument("account", help="its name or id")


def _invites(actions: Any) -> None:
    create = _command(actions, "create", "make an invite: one person makes an account with it; it is shown once")
    create.add_argument("--days", type=days, default=14, help="how long it can be used (default: %(default)s)")
    create.add_argument("--note", default="", help="what `invite list` calls it")
    create.add_argument("--account", help="its name or id: who uses the invite adds a passkey to this one")
    _settings(create, "public_url")
    _command(actions, "list", "all invites, newest first")
    _command(actions, "revoke", "end an invite").add_argument("id", help="as `invite list` has it: inv_...")


def _money(commands: Any) -> None:
    grant = _command(commands, "grant", "give, book a deposit, or pay out what was earned")
    grant.add_argument("account", help="its name or id")
    grant.add_argument("amount", type=amount, help="of the currency: 100, 0.5")
    grant.add_argument("--currency", choices=CURRENCIES, default="spark", help="(default: spark)")
    grant.add_argument("--reason", choices=get_args(Reason), default="grant", help="(default: grant, a present)")
    grant.add_argument("--note", default="", help="kept with the booking")
    _settings(grant, "sogni_nano")
    usage = _command(commands, "usage", "what an account used, by day (UTC), model and key")
    usage.add_argument("account", help="its name or id")
    usage.add_argument("--days", type=days, default=30, help="so many, with today (default: %(default)s)")
    worker = commands.add_parser("worker", help="workers").add_subparsers(dest="action", required=True)
    _workers(worker)
    _media(commands.add_parser("media", help="pictures, films and music").add_subparsers(dest="action", required=True))
    database = commands.add_parser("database", help="the database").add_subparsers(dest="action", required=True)
    move = _command(database, "move", "make a PostgreSQL database of the file; a coordinator that runs goes on with it")
    move.add_argument("--to", required=True, metavar="URL", help="an empty one: postgresql://USER@HOST/NAME")
    alert = commands.add_parser("alert", help="messages to you").add_subparsers(dest="action", required=True)
    test = _command(alert, "test", "send a message to --alert-url, and say what became of it")
    _settings(test, "alert_url", "alert_kind", "alert_secret")
    _decisions(commands)
    ledger = commands.add_parser("ledger", help="the books").add_subparsers(dest="action", required=True)
    _command(ledger, "check", "does all money add up? exits with 1 if not")


def _decisions(commands: Any) -> None:
    payout = commands.add_parser("payout", help="earnings that owners ask for").add_subparsers(
        dest="action", required=True
    )
    listed = _command(payout, "list", "payouts, the newest first")
    listed.add_argument("--state", choices=get_args(PayoutState), help="only those in it (default: all)")
    for decision, text in (
        ("approve", "the money leaves the books: send it, then say `sent`"),
        ("sent", "it has been sent outside of this program"),
        ("refuse", "it stays the owner's earnings"),
        ("return", "it was approved and cannot be sent: it is the owner's earnings again"),
    ):
        command = _command(payout, decision, text)
        command.add_argument("id", help="of the payout: payout_...")
        command.add_argument("--note", default="", help="the owner sees it, such as the transfer's number")
    audit = commands.add_parser("audit", help="what operators did").add_subparsers(dest="action", required=True)
    log = _command(audit, "list", "what operators changed over HTTP, on the page and here, the newest first")
    log.add_argument("--limit", type=count, default=100, help="so many (default: %(default)s)")
    log.add_argument("--before", type=natural, metavar="ID", help="those with a smaller id: the next page")
    log.add_argument("--actor", help="the id of the key that did it, or `command line`")
    log.add_argument("--act", metavar="ACTION", help="what was done: `grant`, `key revoke`, or all of a kind: `key`")
    log.add_argument("--target", help="the id of the account, key, invite or worker that it was done to")
    log.add_argument("--days", type=days, help="of so many days, with today (default: all)")


def _workers(actions: Any) -> None:
    listed = _command(actions, "list", "all workers that have earned, and with --coordinator those that are connected")
    url = "ask the one that runs there what they do now, with the key in SUPERNET_API_KEY (scope admin)"
    listed.add_argument("--coordinator", metavar="URL", help=url)
    for name, text in (
        ("rest", "it gets no jobs for a time; those that it has it finishes"),
        ("away", "it is disconnected once its jobs have ended, and turned away for a time"),
    ):
        command = _command(actions, name, text)
        command.add_argument("worker", help="ACCOUNT/WORKER, as `worker list` has it")
        command.add_argument("--for", type=span, default=span("1h"), dest="time", metavar="TIME", help="(default: 1h)")
        command.add_argument("--note", default="", help="why: its owner sees it")
    _command(actions, "end", "end such an order").add_argument("worker", help="ACCOUNT/WORKER")


def _media(actions: Any) -> None:
    _command(actions, "reports", "what was reported, newest first")
    for name, text in (
        ("block", "nobody can read it any more, at once"),
        ("unblock", "whoever has its link can read it again"),
    ):
        _command(actions, name, text).add_argument("id", help="of the file: the part of its link before the dot")
    text = "copy what lies in the folder to a bucket; the folder stays, and a coordinator that runs goes on with it"
    move = _command(actions, "move", text)
    where = "s3://BUCKET/PREFIX, as `serve --artefacts` is given it then, with the variables of AWS"
    move.add_argument("--to", type=bucket, required=True, metavar="URL", help=where)
    _settings(move, "artefacts")
    delete = _command(actions, "delete", "have all files of an account end now; the coordinator that runs deletes them")
    delete.add_argument("account", help="its name or id")


def _command(actions: Any, name: str, text: str) -> Parser:
    command: Parser = actions.add_parser(name, help=text, description=text)
    command.add_argument("--json", action="store_true", help="results as JSON")
    _file(command)
    _settings(command, *_DATABASE)
    return command


def _file(command: Parser) -> None:
    places = f"~/.config/supernet/{SOURCES.file}, else /etc/supernet/{SOURCES.file}"
    command.add_argument("--config", type=Path, metavar="FILE", help=f"settings in TOML (default: {places})")


def _settings(command: Parser, *names: str) -> None:
    """These settings as flags; a command may take more of them from its environment and its file."""
    for name in names:
        SOURCES.settings[name].add_flag(command.add_argument)


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


def span(text: str) -> int:
    """`90d`, `12h`, `30m`, `2w` -> milliseconds, of at most 366 days."""
    if text[-1:] not in _UNITS or not text[:-1].isascii() or not text[:-1].isdigit() or len(text) > 8:
        raise ArgumentTypeError(f"{text!r} is no time: write 30m, 12h, 7d or 2w")
    lasting = timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
    if not timedelta(0) < lasting <= timedelta(days=366):
        raise ArgumentTypeError(f"{text!r} is too long, or no time at all: write up to 366d")
    return round(lasting.total_seconds() * 1000)


def bucket(text: str) -> str:
    """Read where a bucket is, with the reader of --artefacts, which takes folders too."""
    place = SOURCES.settings["artefacts"].read_flag(text)
    if not isinstance(place, str):
        raise ArgumentTypeError(f"{text!r} is a folder: write s3://BUCKET/PREFIX")
    return place


def natural(text: str) -> int:
    """Read a number from 1 on."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:18]):
        raise ArgumentTypeError(f"{text!r} is no id: write a number")
    return int(text[:18])


def amount(text: str) -> Fraction:
    """Read an amount of money, exactly. Raises ArgumentTypeError, as the other readers here do."""
    try:
        value = Fraction(text)
    except (ValueError, ZeroDivisionError):
        value = Fraction(0)
    if not 0 < value <= 10**9 or "/" in text:
        raise ArgumentTypeError(f"{text!r} is no amount: write 100 or 0.5")
    return value


def _or(word: str, read: Callable[[str], Any]) -> Callable[[str], Any]:
    """A reader that takes the word as it is."""
    return lambda text: word if text == word else read(text)


def days(text: str) -> int:
    """Read a number of days, 1 to 3660."""
    if not text.isdecimal() or not 1 <= int(text) <= 3660:
        raise ArgumentTypeError(f"{text!r} is no number of days: write 1 to 3660")
    return int(text)


def count(text: str) -> int:
    """Read how many, 1 to 10,000."""
    if not text.isdecimal() or not 1 <= int(text) <= 10_000:
        raise ArgumentTypeError(f"{text!r} is no number of rows: write 1 to 10000")
    return int(text)


def weight(text: str) -> float:
    """Read an account's weight, 0.01 to 1000."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.01 <= value <= 1000:
        raise ArgumentTypeError(f"{text!r}: a weight is 0.01 to 1000")
    return value
