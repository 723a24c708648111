"""What may be sent where, and what is said of it."""

import asyncio
import socket
import threading
from ipaddress import ip_network
from typing import Any, cast

import pytest

from coordinator.accounts.accounts import create_account
from coordinator.alerts.address_rows import add_address
from coordinator.alerts.messages import Message
from coordinator.alerts.outbox_rows import deliveries_of, put
from coordinator.alerts.sender import OperatorAddress, Sender, checked_url
from coordinator.store.database import Database
from coordinator.store.store import Store
from program.alerts import Alert
from program.post import NAMES_AT_ONCE, Lookup
from tests.coordinator.alerts.test_address_rows import made
from tests.fakes.receiver import Answer, receiving, status

ALERT = Alert("msg_1", "test", "", "info", False, "title", "text", 1)
NO_STORE = cast(Store, None)


def sender(**settings: Any) -> Sender:
    return Sender(settings.pop("store", NO_STORE), lambda address: b"s" * 32, **settings)


@pytest.mark.parametrize(
    ("address", "port", "may"),
    [
        ("8.8.8.8", 443, True),
        ("8.8.8.8", 8443, True),
        ("8.8.8.8", 22, False),
        ("8.8.8.8", 80, False),
        ("10.1.2.3", 443, False),
        ("127.0.0.1", 443, False),
        ("169.254.169.254", 443, False),
        ("fe80::1%eth0", 443, False),
        ("::ffff:10.9.9.9", 443, False),
        ("10.9.9.9", 5000, True),
        ("10.9.8.9", 443, False),
        ("::ffff:10.9.9.9", 5000, False),
    ],
)
def test_where_an_accounts_message_may_go(address: str, port: int, may: bool) -> None:
    assert sender(networks=(ip_network("10.9.9.0/24"),)).may(address, port) is may


def leads(*addresses: str) -> Lookup:
    async def lookup(host: str, port: int) -> list[str]:
        return list(addresses)

    return lookup


async def test_an_account_reaches_nothing_inside() -> None:
    with receiving() as here:
        for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0"):
            mine = made("acc_1", url=f"https://in.example:{here.port}/x")
            verdict = await sender(lookup=leads(address)).to_account(mine, ALERT)
            assert (verdict.delivered, verdict.words) == (
                False,
                "its name leads to no address that messages may be sent to",
            )
        assert here.dialled == 0


@pytest.mark.parametrize(
    ("answer", "delivered", "again", "words"),
    [
        (status(204), True, False, "arrived (status 204)"),
        (status(302, "location: http://127.0.0.1/"), False, False, "it redirects (status 302)"),
        (status(404), False, False, "refused with status 404"),
        (status(429), False, True, "refused with status 429"),
        (status(500), False, True, "refused with status 500"),
        (lambda line: None, False, True, "could not be reached"),
    ],
)
async def test_what_is_said_of_a_try(answer: Answer, delivered: bool, again: bool, words: str) -> None:
    with receiving(answer) as here:
        verdict = await sender(operator=OperatorAddress("webhook", here.url)).to_operator(ALERT)
    assert (verdict.delivered, verdict.again) == (delivered, again)
    assert words in verdict.words


async def test_what_still_waits_when_accounts_are_told_no_more_is_not_sent(database: Database) -> None:
    with receiving() as here, Store(database) as store:
        one = made(create_account(database, "alice", 1, 0).id, url=here.url)
        add_address(database, one)
        with database.transaction() as connection:
            put(connection, [Message(one.account, "worker_down", "w", "error", False, "t", "x")], [one], 1)
        assert await sender(store=store, accounts=False).once() == 1
        assert here.dialled == 0
        assert deliveries_of(database, one.account)[0].state == "failed"


async def test_without_an_operators_address_nothing_is_sent() -> None:
    assert not (await sender().to_operator(ALERT)).delivered


@pytest.mark.parametrize(
    ("url", "networks", "words"),
    [
        ("https://ntfy.sh/topic", False, ""),
        ("https://ntfy.sh:8443/topic", False, ""),
        ("https://ntfy.sh:22/topic", False, "ports 443 and 8443"),
        ("https://ntfy.sh:22/topic", True, ""),
        ("http://ntfy.sh/topic", True, "https://"),
        ("http://127.0.0.1/", False, "https://"),
        ("gopher://ntfy.sh/", False, "no address"),
    ],
)
def test_what_an_account_may_name(url: str, networks: bool, words: str) -> None:
    known = (ip_network("10.0.0.0/8"),) if networks else ()
    if not words:
        assert checked_url(url, known) == url
        return
    with pytest.raises(ValueError, match=words):
        checked_url(url, known)


async def test_names_of_strangers_that_hang_do_not_hold_up_the_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    known, let_go, hanging = socket.getaddrinfo, threading.Event(), threading.Semaphore(0)

    def getaddrinfo(host: str, *args: Any, **settings: Any) -> Any:
        if host.endswith(".hangs.example"):
            hanging.release()
            let_go.wait(60)
            raise socket.gaierror("no such name")
        return known(host, *args, **settings)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with receiving() as here:
        mine = sender(operator=OperatorAddress("webhook", f"http://localhost:{here.port}/x"))
        strangers = [
            asyncio.create_task(mine.to_account(made("acc_1", url=f"https://n{number}.hangs.example/x"), ALERT))
            for number in range(NAMES_AT_ONCE + 1)
        ]
        try:
            for _ in range(NAMES_AT_ONCE):
                assert await asyncio.to_thread(hanging.acquire, timeout=30)
            assert (await mine.to_operator(ALERT)).delivered
        finally:
            let_go.set()
            await asyncio.gather(*strangers)
