"""Posting to a stranger's address: nothing inside is reached, and nothing that it answers does any harm."""

import asyncio
import ssl
from pathlib import Path

import pytest

from program.internet import public
from program.post import Lookup, NotDelivered, addresses_of, anywhere, own_target, post, read_target
from tests.fakes.receiver import Answer, dripping, huge, receiving, self_signed, silent, status

SOON_S = 5.0


def send(url: str, *, timeout_s: float = SOON_S, trusted: Path | None = None, lookup: Lookup = addresses_of) -> int:
    tls = ssl.create_default_context(cafile=str(trusted)) if trusted else None
    return asyncio.run(
        post(read_target(url), {"x-a": "b"}, b"body", may=anywhere, lookup=lookup, tls=tls, timeout_s=timeout_s)
    )


def leads_to(*addresses: str) -> Lookup:
    async def lookup(host: str, port: int) -> list[str]:
        return list(addresses)

    return lookup


def test_it_arrives_as_it_was_given() -> None:
    with receiving() as here:
        assert send(here.url) == 200
    (got,) = here.got
    assert got.line == "POST /hook?token=tail-of-it HTTP/1.1"
    assert (got.body, got.headers["x-a"], got.headers["host"]) == (b"body", "b", f"127.0.0.1:{here.port}")


@pytest.mark.parametrize("code", [204, 301, 307, 404, 500])
def test_the_status_is_told_and_a_redirect_is_not_followed(code: int) -> None:
    with receiving() as there, receiving(status(code, f"location: {there.url}")) as here:
        assert send(here.url) == code
        assert (here.dialled, there.dialled) == (1, 0)


def interim(line) -> None:  # type: ignore[no-untyped-def]
    line.sendall(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 202 Accepted\r\n\r\n")


def test_interim_answers_are_passed_over() -> None:
    with receiving(interim) as here:
        assert send(here.url) == 202


def test_a_huge_answer_is_not_read() -> None:
    with receiving(huge(b"HTTP/1.1 200 OK\r\n\r\n")) as here:
        assert send(here.url) == 200


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (silent, "no answer within"),
        (dripping, "no answer within"),
        (huge(b""), "did not answer with HTTP"),
        (huge(b"HTTP/1.1 100 Go on\r\n"), "did not answer with HTTP"),
        (lambda line: line.sendall(b"HTTP/1.1 100 A\r\n\r\n" * 100), "did not answer with HTTP"),
        (lambda line: line.sendall(b"SSH-2.0-OpenSSH\r\n"), "did not answer with HTTP"),
        (lambda line: line.sendall(b"HTTP/1.1 2000 OK\r\n"), "did not answer with HTTP"),
        (lambda line: None, "did not answer with HTTP"),
    ],
)
def test_no_answer_is_waited_for_or_believed_for_ever(answer: Answer, words: str) -> None:
    with receiving(answer) as here, pytest.raises(NotDelivered, match=words):
        send(here.url, timeout_s=1.0)


def test_nobody_listens() -> None:
    with receiving() as here:
        pass
    with pytest.raises(NotDelivered, match="could not be reached"):
        send(here.url)


def test_a_name_that_is_slow_to_be_found_has_the_same_time() -> None:
    async def lookup(host: str, port: int) -> list[str]:
        await asyncio.sleep(60)
        return []

    with pytest.raises(NotDelivered, match="no answer within 0 s"):
        send("https://slow.example/", timeout_s=0.05, lookup=lookup)


# ---- TLS -------------------------------------------------------------------------------------------------------------


def test_the_certificate_is_checked_for_the_name_and_not_for_the_address(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path, "hooks.example")
    with receiving(certificate=certificate) as here:
        url = f"https://hooks.example:{here.port}/x"
        assert send(url, trusted=certificate, lookup=leads_to("127.0.0.1")) == 200
        with pytest.raises(NotDelivered, match="certificate"):
            send(url.replace("hooks", "other"), trusted=certificate, lookup=leads_to("127.0.0.1"))
        with pytest.raises(NotDelivered, match="certificate"):
            send(url, lookup=leads_to("127.0.0.1"))
        assert len(here.got) == 1


# ---- where it may lead -----------------------------------------------------------------------------------------------


INSIDE = [
    *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1"),
    *("::1", "fe80::1%lo", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::"),
    *("64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::10.0.0.1", "2002:7f00:1::", "::127.0.0.1"),
]


@pytest.mark.parametrize("address", INSIDE)
def test_a_name_that_leads_inside_is_dialled_nowhere(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def dial(*where: object, **how: object) -> None:
        raise AssertionError(f"dialled {where}")

    monkeypatch.setattr(asyncio, "open_connection", dial)
    with pytest.raises(NotDelivered, match="leads to no address"):
        asyncio.run(post(read_target("https://in.example/"), {}, b"", may=public, lookup=leads_to(address)))


@pytest.mark.parametrize("host", ["localhost", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "[::1]", "0"])
def test_other_spellings_of_this_machine_lead_nowhere(host: str) -> None:
    """The system reads them as 127.0.0.1; what it makes of them is what is looked at."""
    with receiving() as here, pytest.raises(NotDelivered, match="leads to no address"):
        asyncio.run(post(read_target(f"https://{host}:{here.port}/"), {}, b"", may=public))
    assert here.dialled == 0


def test_a_name_that_changes_its_mind_is_asked_once_and_its_checked_address_alone_is_dialled() -> None:
    """DNS rebinding: on the internet when it is looked at, on loopback a moment later."""
    asked = []

    async def lookup(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["10.0.0.7", "8.8.8.8", "::1"] if len(asked) == 1 else ["127.0.0.1"]

    dialled = []

    async def dial(address: str, *_: object, **how: object) -> None:
        dialled.append((address, how["server_hostname"]))
        raise OSError

    with pytest.MonkeyPatch.context() as patched, pytest.raises(NotDelivered):
        patched.setattr(asyncio, "open_connection", dial)
        asyncio.run(post(read_target("https://re.example/"), {}, b"", may=public, lookup=lookup))
    assert (asked, dialled) == (["re.example"], [("8.8.8.8", "re.example")])


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as proxy, receiving() as here:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert send(here.url) == 200
        assert (proxy.dialled, here.dialled) == (0, 1)


# ---- what is an address ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "ntfy.sh/x",
            "ftp://a.example/",
            "https://",
            "https:///x",
            "https://a.example:x/",
            "https://a.example:0/",
        ),
        *("https://a.example:70000/", "https://user:word@a.example/", "https://a@b.example/", "https://a.example/#x"),
        *("https://a.example/ x", "https://a.example/\r\nx: y", "https://a.example/\tx", "https://bücher.example/"),
        *("https://a.example\\@b.example/", "https://a_b.example/", "https://[::1/", "file:///etc/passwd"),
        *("https://a.example/" + "x" * 2000, "javascript:alert(1)", "https://a%2eexample/"),
    ],
)
def test_what_is_no_address_is_refused_in_words_that_do_not_quote_it(url: str) -> None:
    with pytest.raises(ValueError, match="address") as caught:
        read_target(url)
    assert len(url) < 9 or url not in str(caught.value)


def test_the_parts_of_an_address() -> None:
    target = read_target("https://Ntfy.example:8443/topic?auth=x")
    assert (target.host, target.port, target.path) == ("ntfy.example", 8443, "/topic?auth=x")
    assert read_target("https://ntfy.example").path == "/"


def test_an_owners_own_address_may_be_plain_on_the_machine_itself_alone() -> None:
    for url in ("https://ntfy.example/t", "http://127.0.0.1:9/t", "http://localhost/t", "http://[::1]/t"):
        assert own_target(url) == url
    for url in ("http://ntfy.example/t", "http://192.168.1.4/t"):
        with pytest.raises(ValueError, match="https"):
            own_target(url)
