"""worker/weights/hugging_face.py against a hub on the loopback interface that gives other answers than the file:
nothing of what has arrived may be lost by one, and each is told as what it is. The plain ways of a download are in
test_download.py."""

import contextlib
import gzip
import logging
import re
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from huggingface_hub import constants, get_session

from tests.fakes.huggingface_hub import COMMIT, Asked, LoopbackHub, Reply
from tests.worker.weights.test_download import LARGE, MIB, PROJECTOR, SMALL, fetch, refusal, sha, spec_of
from tests.worker.weights.test_download import hub as hub  # the fixture
from worker.issues import ISSUES
from worker.weights import hugging_face as hub_module
from worker.weights.download import HuggingFace, WeightsError, ensure
from worker.weights.hugging_face import Repository
from worker.weights.projector import entry

HAVE = 2 * MIB
PAGE = b"<html>Accept our terms</html>"
HTML = {"Content-Type": "text/html; charset=utf-8"}


def got(reply: Reply) -> Callable[[Asked], Reply | None]:
    """In the place of every download; the hub still says what it has."""
    return lambda asked: reply if asked.method == "GET" else None


def ranged(first: int, last: int, total: int | str, body: bytes) -> Reply:
    return Reply(206, {"Content-Range": f"bytes {first}-{last}/{total}"}, body)


END = len(SMALL) - 1
NOT_THE_FILE = {
    "a portal's page": Reply(200, HTML, PAGE),
    "a page of the right length": Reply(200, HTML, b"<html>" + bytes(len(SMALL) - 6)),
    "a page as a range": Reply(206, HTML | {"Content-Range": f"bytes {HAVE}-{END}/{len(SMALL)}"}, SMALL[HAVE:]),
    "no content": Reply(204),
    "transformed": Reply(203, {}, SMALL),
    "all, of another length": Reply(200, {}, SMALL + b"more"),
    "all, without a length": Reply(200, {"Content-Length": ""}, SMALL),
    "another offset": ranged(0, END, len(SMALL), SMALL),
    "a later offset": ranged(HAVE + 1, END, len(SMALL), SMALL[HAVE + 1 :]),
    "another total": ranged(HAVE, END, len(SMALL) + 1, SMALL[HAVE:]),
    "more than the file": ranged(HAVE, END + 1, "*", SMALL[HAVE:] + b"!"),
    "backwards": ranged(HAVE, HAVE - 1, len(SMALL), b""),
    "a wrong length": Reply(206, {"Content-Range": f"bytes {HAVE}-{END}/{len(SMALL)}"}, SMALL[HAVE:-1]),
    "a range without one": Reply(206, {}, SMALL[HAVE:]),
    "several ranges": Reply(206, {"Content-Type": "multipart/byteranges; boundary=x"}, SMALL[HAVE:]),
    "compressed": Reply(200, {"Content-Encoding": "gzip"}, gzip.compress(SMALL)),
    "nothing there": Reply(416, {"Content-Range": f"bytes */{HAVE}"}),
    "nothing there, unsaid": Reply(416),
    "sign in first": Reply(511, HTML, PAGE),
}


@pytest.mark.parametrize("reply", NOT_THE_FILE.values(), ids=NOT_THE_FILE)
def test_what_is_not_the_rest_of_the_file_leaves_what_has_arrived_alone(
    hub: LoopbackHub, tmp_path: Path, reply: Reply
) -> None:
    part = tmp_path / f"{sha(SMALL)}.part"
    part.write_bytes(SMALL[:HAVE])
    hub.instead = got(reply)
    problem = refusal(hub, tmp_path)
    assert problem.code == "wrong_answer" and "tiny.gguf" in problem.message
    assert part.read_bytes() == SMALL[:HAVE]
    assert hub.downloads == [f"bytes={HAVE}-{END}"], "asked once: it neither loops nor begins afresh"
    hub.instead = None
    assert fetch(hub, tmp_path).path.read_bytes() == SMALL
    assert hub.downloads[1:] == [f"bytes={HAVE}-{END}"]


def test_what_is_not_a_projector_does_not_become_one(hub: LoopbackHub, tmp_path: Path) -> None:
    part = tmp_path / f"{sha(PROJECTOR)}.part"
    part.write_bytes(PROJECTOR[:100])
    hub.instead = lambda asked: Reply(200, HTML, PAGE) if asked.start == 100 else None
    problem = refusal(hub, tmp_path, entry(spec_of(projector={"name": "mmproj.gguf"}), None))
    assert problem.code == "wrong_answer" and "mmproj.gguf" in problem.message
    assert part.read_bytes() == PROJECTOR[:100]


def test_a_server_without_ranges_is_listened_to_again_and_nothing_is_thrown_away(
    hub: LoopbackHub, tmp_path: Path
) -> None:
    part = tmp_path / f"{sha(LARGE)}.part"
    part.write_bytes(LARGE[: 20 * MIB])
    hub.ignore_range, hub.cut_after, hub.cuts = True, 10 * MIB, 100  # it never gets as far as we are
    assert refusal(hub, tmp_path, spec_of("large.gguf")).code == "hub_unreachable"
    assert part.read_bytes() == LARGE[: 20 * MIB]
    asked = len(hub.downloads)
    hub.cuts = 0
    assert fetch(hub, tmp_path, spec_of("large.gguf")).path.read_bytes() == LARGE
    assert len(hub.downloads) == asked + 1


def test_truncated_answers_are_taken_up_where_they_end(hub: LoopbackHub, tmp_path: Path) -> None:
    """Some proxies close without a word, with no length given."""

    def short(asked: Asked) -> Reply | None:
        if asked.method == "HEAD" or asked.start >= 2 * MIB:
            return None
        headers = {"Content-Range": f"bytes {asked.start}-{END}/{len(SMALL)}", "Content-Length": ""}
        return Reply(206, headers, SMALL[asked.start : asked.start + MIB])

    hub.instead = short
    assert fetch(hub, tmp_path).path.read_bytes() == SMALL
    assert hub.downloads == [f"bytes={start * MIB}-{END}" for start in range(3)]


def test_a_file_above_50_gb_is_asked_for_in_ranges(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """huggingface_hub refuses larger ones, and content networks give no more in one answer; both bounds are made
    small here."""
    monkeypatch.setattr(constants, "MAX_HTTP_DOWNLOAD_SIZE", 10 * MIB)
    monkeypatch.setattr(hub_module, "SLICE_BYTES", 10 * MIB, raising=False)
    assert fetch(hub, tmp_path, spec_of("large.gguf")).path.read_bytes() == LARGE
    ends = [10 * MIB, 20 * MIB, len(LARGE)]
    assert hub.downloads == [f"bytes={start}-{end - 1}" for start, end in zip([0, *ends], ends, strict=False)]
    assert hub_module.SLICE_BYTES == 10 * MIB


def test_a_file_that_changed_on_the_hub_meanwhile_is_not_glued_to_the_old_one(hub: LoopbackHub, tmp_path: Path) -> None:
    def changed(asked: Asked) -> Reply | None:
        if asked.method == "HEAD" and hub.downloads:
            hub.files[("someone/tiny-GGUF", "tiny.gguf")] = SMALL[::-1]
        return None

    hub.cut_after, hub.cuts = 2 * MIB, 1
    hub.instead = changed
    problem = refusal(hub, tmp_path)
    assert problem.code == "unverifiable_file" and COMMIT in problem.message
    assert len(hub.downloads) == 1
    assert fetch(hub, tmp_path).path.read_bytes() == SMALL[::-1], "nothing was checked yet: what it says now counts"
    assert (tmp_path / f"{sha(SMALL)}.part").read_bytes() == SMALL[: 2 * MIB]


@pytest.mark.parametrize("reply", [Reply(200, HTML, PAGE), Reply(302, {"Location": "http://portal.invalid/login"})])
def test_a_portal_in_the_place_of_the_hub_is_told(hub: LoopbackHub, tmp_path: Path, reply: Reply) -> None:
    hub.instead = lambda asked: reply
    problem = refusal(hub, tmp_path)
    assert problem.code == "wrong_answer" and "not the hub" in problem.message and "Sign in" in problem.remedy


def test_a_download_that_is_sent_on_to_an_unsafe_place_is_refused(hub: LoopbackHub, tmp_path: Path) -> None:
    with LoopbackHub({}) as portal:
        portal.instead = lambda asked: Reply(200, {}, SMALL)
        hub.instead = got(Reply(302, {"Location": f"{portal.endpoint}/login"}))
        problem = refusal(hub, tmp_path)
    assert problem.code == "unverifiable_file" and "without https" in problem.message
    assert portal.requests == [], "before, it was asked, and then not believed"


PUBLIC = "93.184.216.34"


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("inside", ["10.0.0.5", "127.0.0.1", "169.254.169.254", "::1", "fd00::1", "::ffff:10.0.0.1"])
def test_a_hub_on_the_internet_sends_nobody_into_a_private_network(
    hub: LoopbackHub, tmp_path: Path, method: str, inside: str
) -> None:
    names = {"127.0.0.1": [PUBLIC], "inner.example": [PUBLIC, inside]}
    about = {"X-Linked-Size": str(len(SMALL)), "X-Linked-ETag": f'"{sha(SMALL)}"', "X-Repo-Commit": COMMIT}
    sent = Reply(302, about | {"Location": "https://inner.example/admin"})
    hub.instead = lambda asked: sent if asked.method == method else None
    with pytest.raises(WeightsError) as refused:
        ensure(spec_of(), tmp_path, lambda _: None, HuggingFace(hub.endpoint, pause_s=0, addresses=names.__getitem__))
    assert refused.value.code == "unverifiable_file" and "private network" in refused.value.message


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("at", ["10.0.0.4", PUBLIC])
def test_storage_elsewhere_is_asked_where_it_may_be(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, at: str
) -> None:
    """A content network on the internet, or that of a mirror in the owner's own network; it never gets the token."""
    asked: list[tuple[str, bool]] = []
    get = get_session().stream

    def stream(method: str, url: str, **options: Any) -> Any:
        asked.append((url, "authorization" in options["headers"]))
        place = url.replace("https://storage.example", hub.endpoint)  # nothing but loopback is dialled here
        return get(method, place, **options)

    monkeypatch.setattr(hub_module, "get_session", lambda: SimpleNamespace(stream=stream))
    about = {"X-Linked-Size": str(len(SMALL)), "X-Linked-ETag": f'"{sha(SMALL)}"', "X-Repo-Commit": COMMIT}
    to = "https://storage.example/someone/tiny-GGUF/resolve/main/tiny.gguf"
    left = iter([1, 1] if method == "HEAD" else [1])  # resolve() and stream() ask; a GET is sent on once
    hub.instead = lambda a: Reply(302, about | {"Location": to}) if a.method == method and next(left, 0) else None
    names = {"127.0.0.1": [at], "storage.example": [at]}
    there = HuggingFace(hub.endpoint, "hf_secret", pause_s=0, addresses=names.__getitem__)
    assert ensure(spec_of(), tmp_path, lambda _: None, there).path.read_bytes() == SMALL
    assert asked[-1] == (to, False)


def test_the_hub_itself_without_tls_is_a_place_without_https() -> None:
    """Before, the token went along: only the names were compared."""
    repository = Repository(spec_of(), HuggingFace("https://hub.example", "hf_secret"))
    assert repository._check_place("https://hub.example/x") is False
    with pytest.raises(WeightsError, match="without https"):
        repository._check_place("http://hub.example/x")


def test_a_hub_that_sends_on_and_on_is_left(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.instead = got(Reply(302, {"Location": "/again"}))
    assert refusal(hub, tmp_path).code == "wrong_answer"
    assert len(hub.downloads) == hub_module.MOST_REDIRECTS


SECRET = "root:x:0:0"
WORDS = {
    "type": Reply(200, {"Content-Type": f"text/html; {SECRET}"}, PAGE),
    "encoding": Reply(200, {"Content-Encoding": SECRET}, SMALL),
    "range": Reply(416, {"Content-Range": f"bytes */{SECRET}"}),
    "body": Reply(403, {"X-Error-Message": SECRET}, SECRET.encode()),
    "place": Reply(302, {"Location": f"http://{SECRET}.invalid/"}),
    "no place": Reply(302, {"Location": f"http://[{SECRET}"}),
}


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("reply", WORDS.values(), ids=WORDS)
def test_no_word_of_an_answer_is_in_a_problem(hub: LoopbackHub, tmp_path: Path, reply: Reply, method: str) -> None:
    """A problem is told to the coordinator."""
    hub.instead = lambda asked: reply if asked.method == method else None
    problem = refusal_at_once(hub, tmp_path)
    assert SECRET not in problem.message + problem.remedy


def test_nor_is_what_speaks_no_http(tmp_path: Path) -> None:
    def talk(server: socket.socket) -> None:
        for _ in range(20):
            with contextlib.suppress(OSError):
                line, _ = server.accept()
                with line:
                    line.sendall(f"220 {SECRET}\r\n\r\n".encode())
                    line.recv(4096)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=talk, args=(server,), daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(WeightsError) as refused:
            ensure(spec_of(), tmp_path, lambda _: None, HuggingFace(endpoint, pause_s=0))
    assert refused.value.code == "hub_unreachable" and SECRET not in refused.value.message


# ---- what the hub says no to -----------------------------------------------------------------------------------------


def test_a_token_that_the_hub_refuses_is_named_and_a_public_model_comes_without(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    hub.instead = lambda asked: Reply(401) if asked.token else None
    with caplog.at_level(logging.WARNING):
        assert fetch(hub, tmp_path).path.read_bytes() == SMALL
    said = [record.getMessage() for record in caplog.records if "HF_TOKEN" in record.getMessage()]
    assert len(said) == 1 and "hf_expired" not in caplog.text
    assert hub.tokens == ["Bearer hf_expired", None, None, None], "it is left out from then on"


@pytest.mark.parametrize("code", ["RepoNotFound", "GatedRepo"])
def test_a_refused_token_of_a_model_that_needs_one_is_the_problem(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    hub.instead = lambda asked: Reply(401, {} if asked.token else {"X-Error-Code": code})
    problem = refusal(hub, tmp_path)
    assert problem.code == "hub_token_refused" and "HF_TOKEN" in problem.message
    assert problem.remedy == ISSUES["hub_token_refused"].remedy


def test_a_token_that_no_header_can_carry_is_left_out_and_not_quoted(
    hub: LoopbackHub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hub_with = HuggingFace(endpoint=hub.endpoint, token="hf_\N{LATIN SMALL LETTER E WITH ACUTE}x", pause_s=0)
    with caplog.at_level(logging.WARNING):
        assert ensure(spec_of(), tmp_path, lambda _: None, hub_with).path.read_bytes() == SMALL
    assert set(hub.tokens) == {None}
    assert "HF_TOKEN" in caplog.text and "hf_" not in caplog.text


@pytest.mark.parametrize(
    ("status", "headers", "code", "words"),
    [
        (400, {}, "hub_refuses", "HTTP 400"),
        (401, {}, "not_found", "not for you"),
        (403, {}, "hub_refuses", "HTTP 403"),
        (403, {"X-Error-Code": "GatedRepo"}, "gated_repository", "consent"),
        (403, {"X-Error-Message": "Access to this resource is disabled."}, "hub_refuses", "disabled"),
        (404, {}, "not_found", "HTTP 404"),
        (404, {"X-Error-Code": "RepoNotFound"}, "not_found", "not on the hub"),
        (404, {"X-Error-Code": "GatedRepo"}, "gated_repository", "consent"),
        (407, {}, "hub_unreachable", "the proxy wants a password"),
        (429, {"Retry-After": "4000"}, "hub_rate_limited", "asks to wait 4000 s"),
        (429, {"Retry-After": "Fri, 30 Nov 2125 10:00:40 GMT"}, "hub_rate_limited", r"asks to wait \d+ s"),
        (429, {"RateLimit": '"resolvers";r=0;t=55'}, "hub_rate_limited", "asks to wait 55 s"),
        (429, {}, "hub_rate_limited", r"asks to wait \(HTTP 429\)"),
        (451, {}, "hub_refuses", "legal reasons"),
        (500, {}, "hub_unreachable", "HTTP 500"),
        (503, {}, "hub_unreachable", "HTTP 503"),
        (511, {}, "wrong_answer", "sign in"),
    ],
)
@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_every_refusal_is_a_problem_of_its_own(
    hub: LoopbackHub, tmp_path: Path, method: str, status: int, headers: dict[str, str], code: str, words: str
) -> None:
    hub.instead = lambda asked: Reply(status, headers) if asked.method == method else None
    problem = refusal_at_once(hub, tmp_path)
    assert problem.code == code and re.search(words, problem.message)


def test_a_refusal_is_understood_by_its_head_and_its_body_is_not_waited_for(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.instead = got(Reply(403, HTML | {"Content-Length": str(10**12)}, PAGE))
    problem = refusal_at_once(hub, tmp_path)
    assert (problem.code, "HTTP 403" in problem.message) == ("hub_refuses", True)


@pytest.mark.parametrize("place", ["http://[::1", "https://storage.invalid:99999/x"])
def test_a_redirect_to_what_is_no_address_is_told(hub: LoopbackHub, tmp_path: Path, place: str) -> None:
    about = {"X-Linked-Size": str(len(SMALL)), "X-Linked-ETag": f'"{sha(SMALL)}"', "X-Repo-Commit": COMMIT}
    hub.instead = lambda asked: Reply(302, about | {"Location": place})
    assert refusal(hub, tmp_path).code == "wrong_answer"


def test_a_file_of_no_bytes_is_believed_of_nobody(hub: LoopbackHub, tmp_path: Path) -> None:
    part = tmp_path / f"{sha(SMALL)}.part"
    part.write_bytes(SMALL[:HAVE])
    about = {"X-Linked-Size": "0", "X-Linked-ETag": f'"{sha(SMALL)}"', "X-Repo-Commit": COMMIT}
    hub.instead = lambda asked: Reply(200, about)
    assert refusal(hub, tmp_path).code == "unverifiable_file"
    assert part.read_bytes() == SMALL[:HAVE]


def refusal_at_once(hub: LoopbackHub, folder: Path) -> WeightsError:
    """Without waiting for as long as the hub asks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("worker.weights.download.HUB_WAIT_MOST_S", -1.0)
        return refusal(hub, folder)


def test_a_hub_that_asks_to_wait_a_little_is_waited_for(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("worker.weights.download.time.sleep", waits.append)
    left = iter(range(2))
    hub.instead = lambda asked: (
        Reply(429, {"Retry-After": "40"}) if asked.method == "GET" and next(left, None) is not None else None
    )
    assert fetch(hub, tmp_path).path.read_bytes() == SMALL
    assert waits == [40.0, 40.0]


def test_a_hub_that_asks_to_wait_for_ever_is_given_up(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.weights.download.time.sleep", lambda seconds: None)
    hub.instead = got(Reply(429, {"Retry-After": "40"}))
    assert refusal(hub, tmp_path).code == "hub_rate_limited"
    assert len(hub.downloads) == 5


def test_a_disk_that_becomes_full_midway_is_told_and_what_has_arrived_stays(hub: LoopbackHub, tmp_path: Path) -> None:
    (tmp_path / f"{sha(SMALL)}.part").symlink_to("/dev/full")
    assert refusal(hub, tmp_path).code == "disk_full"
    assert len(hub.downloads) == 1
