"""docs/compatibility.md tells what the code does and what the last runs of the clients came to."""

import http.client
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tools.compat import fields, report
from tools.compat.install import CLIENTS
from tools.compat.relay import Relay
from tools.compat.runs import RUNS


def test_the_page_is_made_of_the_last_runs_and_of_the_code_as_it_is() -> None:
    assert report.PAGE.read_text() == report.page(report.load()), "write it again: scripts/compat --page"


def test_every_client_has_run_and_nothing_failed() -> None:
    runs = report.load()
    for client in CLIENTS:
        assert set(runs[client.name]["runs"]) == {way.kind for way in RUNS if way.program(client) is not None}
    assert len(runs) == len(CLIENTS)
    assert report.failures(runs) == []


@pytest.mark.parametrize("api", fields.APIS, ids=lambda api: api.path)
def test_every_field_that_the_code_reads_is_in_the_table(api: fields.Api) -> None:
    assert fields.unknown(api) == set()
    rows = fields.survey(api)
    assert len({(row.field, row.outcome) for row in rows}) == len(rows) > (80 if api in fields.CHATS else 20)


class _Echo(BaseHTTPRequestHandler):
    """Answers in two pieces, with 404 for a body without a model."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200 if b"model" in body else 404)
        self.end_headers()
        self.wfile.write(b"data: one\n\n")
        self.wfile.write(b"data: two\n\n")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing to the terminal."""


@pytest.fixture
def relay() -> Iterator[Relay]:
    echo = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    made = Relay(f"http://127.0.0.1:{echo.server_address[1]}")
    for server in (echo, made):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made
    for server in (echo, made):
        server.shutdown()
        server.server_close()


def post(relay: Relay, body: object) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(relay.url.removeprefix("http://"), timeout=60)
    connection.request("POST", "/v1/x", json.dumps(body), {"X-Some": "1"})
    response = connection.getresponse()
    answer = response.status, response.read()
    connection.close()
    return answer


def test_the_relay_passes_everything_on_and_notes_fields_headers_and_refusals(relay: Relay) -> None:
    schema = {"parameters": {"secret": 1}}
    sent = {
        "model": "m",
        "seed": None,
        "messages": [{"role": "user", "content": [{"type": "text"}]}],
        "tools": [schema],
    }
    assert post(relay, sent) == (200, b"data: one\n\ndata: two\n\n")
    assert post(relay, {})[0] == 404
    assert relay.requests == {"POST /v1/x": 2}
    names = {"model", "messages", "messages[].role", "messages[].content", "messages[].content[].type", "tools"}
    assert set(relay.fields["/v1/x"]) == names | {"tools[].parameters"}
    assert relay.headers == {"x-some": 2}
    assert [line[:15] for line in relay.refused] == ["404 POST /v1/x "]
