"""The demo as a client: what it asks the network over HTTP."""

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

SILENCE_S = 120.0  # longest pause in an answer; the coordinator writes a line every 15 s, whatever the model does
LIMIT_BYTES = 32 * 1024 * 1024  # of a file that was made

Content = str | list[dict[str, Any]]  # of a message


class DemoError(Exception):
    """The demo cannot go on; the text says why."""


@dataclass(frozen=True)
class Service:
    """What a client needs."""

    host: str
    port: int
    key: str
    model: str

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/v1"

    def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=SILENCE_S)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json", "Connection": "close"}
        try:
            connection.request(method, path, json.dumps(body) if body else None, headers)
            response = connection.getresponse()
        except TimeoutError:
            raise DemoError(f"{method} {path}: no answer within {SILENCE_S:.0f} s") from None
        if response.status != 200:
            raise DemoError(f"{method} {path}: {response.status} {response.read(2000).decode(errors='replace')}")
        return response

    def workers_online(self, model: str, listed: str = "/v1/models") -> int:
        models = json.load(self.request("GET", listed))["data"]
        return sum(each["workers_online"] for each in models if each["id"] == model)

    def fetch(self, link: str) -> tuple[str | None, bytes]:
        """Media type and bytes of something that the network made."""
        response = self.request("GET", urlsplit(link).path)
        return response.headers.get("Content-Type"), response.read(LIMIT_BYTES)

    def chat(self, content: Content, *, progress: bool = False) -> Iterator[dict[str, Any]]:
        """The chunks of a streamed answer, the last one with its usage; with `progress`, also those about its tools."""
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": content}],
            "stream": True,
            "stream_options": {"include_usage": True, **({"include_tool_progress": True} if progress else {})},
            "max_tokens": 200,
            "temperature": 0,  # the same answer every time; a small model that draws its words talks nonsense
        }
        # Left at once by whoever is stopped: else coordinator and worker would wait until it has been read.
        with self.request("POST", "/v1/chat/completions", body) as response:
            for line in self._lines(response):
                data = line.decode().removeprefix("data:").strip() if line.startswith(b"data:") else ""
                if data == "[DONE]":
                    return
                if data:
                    yield json.loads(data)
        raise DemoError("the stream ended without [DONE]")

    def _lines(self, response: http.client.HTTPResponse) -> Iterator[bytes]:
        try:
            yield from response
        except TimeoutError:
            raise DemoError(f"the answer stopped: not a byte for {SILENCE_S:.0f} s") from None
