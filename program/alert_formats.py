"""A message to a person as each service wants it: a signed webhook, ntfy, Discord, Slack. Pure.

A webhook is signed as Standard Webhooks are (standardwebhooks.com, v1); the others know their sender by the address.
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, get_args

from program.alerts import Alert, Level
from program.printable import printable
from program.signatures import signature

Service = Literal["webhook", "ntfy", "discord", "slack"]
SERVICES: tuple[Service, ...] = get_args(Service)
TITLE, TEXT = 120, 1200  # characters; Discord takes 2,000 in all
AGENT = "supernet-alerts"
_PRIORITY: Mapping[Level, str] = {"info": "3", "warning": "4", "error": "5"}
_TAGS: Mapping[Level, str] = {"info": "information_source", "warning": "warning", "error": "rotating_light"}
_MARKS: Mapping[Level, str] = {"info": "\N{INFORMATION SOURCE}", "warning": "\N{WARNING SIGN}"}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-|~:@!])")
NO_PREVIEW = 4  # Discord's flag SUPPRESS_EMBEDS: it looks at no address that a name may contain


@dataclass(frozen=True)
class Post:
    """What is sent."""

    headers: Mapping[str, str]
    body: bytes


def written(service: Service, alert: Alert, secret: bytes | None, now_s: int) -> Post:
    """The message for a service. `secret`: what a webhook is signed with; None: it is not. `now_s`: of this try."""
    match service:
        case "webhook":
            return _webhook(alert, secret, now_s)
        case "ntfy":
            return _ntfy(alert)
        case "discord":
            words = f"{_mark(alert)} **{_escaped(title_of(alert))}**\n{_escaped(text_of(alert))}"
            return _json({"content": words[:2000], "allowed_mentions": {"parse": []}, "flags": NO_PREVIEW})
        case "slack":
            title, text = (_entities(words) for words in (title_of(alert), text_of(alert)))
            return _json({"text": f"{_mark(alert)} {title}\n{text}", "mrkdwn": False, "unfurl_links": False})


def title_of(alert: Alert) -> str:
    """One line, without what a stranger's name could bring along."""
    return printable(alert.title)[:TITLE]


def text_of(alert: Alert) -> str:
    return printable(alert.text)[:TEXT]


def _webhook(alert: Alert, secret: bytes | None, now_s: int) -> Post:
    data = {
        "subject": alert.subject,
        "level": alert.level,
        "over": alert.over,
        "title": title_of(alert),
        "text": text_of(alert),
    }
    at = datetime.fromtimestamp(alert.at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    post = _json({"type": alert.kind, "timestamp": at, "data": data})
    named = {"webhook-id": alert.id, "webhook-timestamp": str(now_s)}
    if secret is not None:
        named["webhook-signature"] = signature(secret, alert.id, str(now_s), post.body)
    return Post({**post.headers, **named}, post.body)


def _ntfy(alert: Alert) -> Post:
    title = title_of(alert)
    if not title.isascii():  # as RFC 2047 says, which ntfy reads
        title = f"=?UTF-8?B?{base64.b64encode(title.encode()).decode()}?="
    priority = "3" if alert.over else _PRIORITY[alert.level]
    tags = "white_check_mark" if alert.over else _TAGS[alert.level]
    headers = {"content-type": "text/plain; charset=utf-8", "title": title, "priority": priority, "tags": tags}
    return Post({**headers, "user-agent": AGENT}, text_of(alert).encode())


def _json(content: Mapping[str, object]) -> Post:
    return Post({"content-type": "application/json", "user-agent": AGENT}, json.dumps(content).encode())


def _mark(alert: Alert) -> str:
    return "\N{WHITE HEAVY CHECK MARK}" if alert.over else _MARKS.get(alert.level, "\N{POLICE CARS REVOLVING LIGHT}")


def _escaped(words: str) -> str:
    """No name makes a link, a heading or a mention in Discord."""
    return _MARKDOWN.sub(r"\\\1", words)


def _entities(words: str) -> str:
    """Slack's control characters."""
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
