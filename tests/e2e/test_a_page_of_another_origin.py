"""A web page of somebody else's, in a real browser, streams a chat with its user's key and reads what it needs."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser

from tools.local_network import MODEL, Network

STREAM = """async ([url, key, model]) => {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}`, "x-stainless-lang": "js" },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "Hello!" }], stream: true, max_tokens: 16 }),
  });
  const told = [response.status, response.headers.get("x-request-id") !== null];
  return [...told, (await response.text()).trimEnd().endsWith("data: [DONE]")];
}"""
REFUSED = """async ([url]) => {
  const response = await fetch(`${url}/v1/models`, { headers: { authorization: "Bearer none" } });
  return [response.status, (await response.json()).error.code, response.headers.get("x-should-retry")];
}"""


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>An app</title>")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing to the terminal."""


@pytest.fixture
def app() -> Iterator[str]:
    """The URL of a page of another origin: another port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def test_it_streams_a_chat_and_reads_errors_and_headers(network: Network, browser: Browser, app: str) -> None:
    page = browser.new_page()
    page.goto(app)
    assert page.evaluate(STREAM, [network.url, network.key, MODEL]) == [200, True, True]
    assert page.evaluate(REFUSED, [network.url]) == [401, "invalid_api_key", "false"]
    page.close()
