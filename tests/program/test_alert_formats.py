"""What each service is sent, and that a stranger's name in it is only a name."""

import base64
import json

import pytest

from program.alert_formats import SERVICES, Service, written
from program.alerts import Alert
from program.signatures import signature

ALERT = Alert("msg_1", "worker_down", "w1", "error", False, "attic is down", "Since 20:31 UTC.", 1_796_158_800)
SECRET = b"s" * 32


def test_a_webhook_is_json_and_signed_over_its_id_and_time() -> None:
    post = written("webhook", ALERT, SECRET, 1_796_158_860)
    assert json.loads(post.body) == {
        "type": "worker_down",
        "timestamp": "2026-12-01T21:00:00Z",
        "data": {
            "subject": "w1",
            "level": "error",
            "over": False,
            "title": "attic is down",
            "text": "Since 20:31 UTC.",
        },
    }
    assert post.headers["webhook-id"] == "msg_1" and post.headers["webhook-timestamp"] == "1796158860"
    assert post.headers["webhook-signature"] == signature(SECRET, "msg_1", "1796158860", post.body)
    assert "webhook-signature" not in written("webhook", ALERT, None, 0).headers


def test_ntfy_gets_plain_words_and_a_priority() -> None:
    post = written("ntfy", ALERT, None, 0)
    assert post.body == b"Since 20:31 UTC."
    assert (post.headers["title"], post.headers["priority"]) == ("attic is down", "5")
    over = Alert("msg_1", "worker_down", "w1", "error", True, "Häuschen is back", "x", 0)
    headers = written("ntfy", over, None, 0).headers
    assert headers["tags"] == "white_check_mark" and headers["priority"] == "3"
    assert (
        base64.b64decode(headers["title"].removeprefix("=?UTF-8?B?").removesuffix("?=")) == "Häuschen is back".encode()
    )


HOSTILE = "@everyone [free](https://evil.example) <!channel> <@1> **a**\r\nX-Injected: 1\x1b[31m\u202e"


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("words", [HOSTILE, "ü" * 9000, "", "\ud800"])
def test_a_name_cannot_do_anything(service: Service, words: str) -> None:
    post = written(service, Alert("msg_1", "test", "s", "info", False, words, words, 0), SECRET, 0)
    assert all(value.isascii() and value.isprintable() for value in post.headers.values())
    assert len(post.body) < 12_000
    if service != "ntfy":
        json.loads(post.body)
    assert b"\x1b" not in post.body and "\u202e".encode() not in post.body


def test_discord_pings_nobody_and_shows_no_link() -> None:
    body = json.loads(written("discord", Alert("i", "k", "s", "error", False, HOSTILE, HOSTILE, 0), None, 0).body)
    assert body["allowed_mentions"] == {"parse": []} and body["flags"] == 4 and len(body["content"]) <= 2000
    assert (
        "](" not in body["content"]
        and "https://" not in body["content"]
        and "@everyone" not in body["content"].replace("\\@", "")
    )


def test_slack_pings_nobody() -> None:
    body = json.loads(written("slack", Alert("i", "k", "s", "error", False, HOSTILE, HOSTILE, 0), None, 0).body)
    assert "<" not in body["text"] and "&lt;!channel&gt;" in body["text"]
