"""Open WebUI as a server without a browser: a tool of its own, and a chat as its page would send it."""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from outcome import KEY, MODEL, SAID, URL, expect, tell

PORT = 18089
BASE = f"http://127.0.0.1:{PORT}"
START_S, ANSWER_S = 240, 60
SETTINGS = {
    "WEBUI_AUTH": "False",
    "WEBUI_SECRET_KEY": "compat",
    "OPENAI_API_BASE_URL": URL,
    "OPENAI_API_KEY": KEY,
    "ENABLE_OLLAMA_API": "False",
    "OFFLINE_MODE": "True",
    "HF_HUB_OFFLINE": "1",
    "RAG_EMBEDDING_ENGINE": "openai",
    **{f"ENABLE_{task}_GENERATION": "False" for task in ("TITLE", "TAGS", "FOLLOW_UP")},
}
TOOL = f'''
class Tools:
    def get_weather(self, city: str, days: int) -> str:
        """
        How warm it is in a city
        :param city: the city
        :param days: how many days
        """
        return {SAID["results"]!r}[city]
'''


def call(path: str, body: Any = None, token: str = "") -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    with urllib.request.urlopen(urllib.request.Request(BASE + path, data, headers), timeout=60) as response:
        return json.load(response)


def chat(token: str, ask: str, *parts: Any) -> Any:
    """The message that stands in the chat when all is said; tools are called by Open WebUI itself. `parts`: pictures
    behind the question."""
    content: Any = [{"type": "text", "text": ask}, *parts] if parts else ask
    asked = {"id": "asked", "parentId": None, "childrenIds": ["said"], "role": "user", "content": ask}
    said = {"id": "said", "parentId": "asked", "childrenIds": [], "role": "assistant", "content": "", "model": MODEL}
    history = {"messages": {"asked": asked, "said": said}, "currentId": "said"}
    made = call("/api/v1/chats/new", {"chat": {"title": "x", "models": [MODEL], "history": history}}, token)["id"]
    request = {
        "model": MODEL,
        "stream": True,
        "messages": [{"role": "user", "content": content}],
        "tool_ids": ["weather"],
    }
    request |= {"params": {"function_calling": "native"}, "session_id": "s", "chat_id": made, "id": "said"}
    call("/api/chat/completions", request, token)
    until = time.monotonic() + ANSWER_S
    while time.monotonic() < until:
        message = call(f"/api/v1/chats/{made}", token=token)["chat"]["history"]["messages"]["said"]
        if message.get("done"):
            return message
        time.sleep(0.2)
    raise AssertionError(f"not done after {ANSWER_S} s: {message}")


def whole(token: str) -> None:
    request = {"model": MODEL, "messages": [{"role": "user", "content": SAID["hello"]["ask"]}]}
    expect(call("/api/chat/completions", request, token)["choices"][0]["message"]["content"], SAID["hello"]["answer"])


def thought(token: str) -> None:
    output = chat(token, SAID["hello"]["ask"])["output"]
    expect(output[0]["content"][0]["text"], SAID["hello"]["thought"])
    expect(output[-1]["content"][0]["text"], SAID["hello"]["answer"])


def agent(token: str, task: dict[str, Any]) -> None:
    message = chat(token, task["ask"])
    calls = [json.loads(item["arguments"])["city"] for item in message["output"] if item["type"] == "function_call"]
    assert calls == task["cities"], calls
    assert task["answer"] in message["content"], message["content"]


def outcomes() -> None:
    token = call("/api/v1/auths/signin", {"email": "", "password": ""})["token"]
    tell("list of models", lambda: expect(call("/api/models", token=token)["data"][0]["id"], MODEL))
    call("/api/v1/tools/create", {"id": "weather", "name": "w", "content": TOOL, "meta": {"description": "w"}}, token)
    tell("whole answer", lambda: whole(token))
    tell("streamed answer", lambda: expect(chat(token, SAID["hello"]["ask"])["content"], SAID["hello"]["answer"]))
    tell("thought apart", lambda: thought(token))
    tell("the same, streamed", lambda: agent(token, SAID["in_turn"]))
    tell("calls at once, streamed", lambda: agent(token, SAID["at_once"]))
    picture = {"type": "image_url", "image_url": {"url": SAID["picture"]["url"]}}
    look = SAID["look"]
    tell("a picture, streamed", lambda: expect(chat(token, look["ask"], picture)["content"], look["answer"]))


def started(server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + START_S
    while True:
        try:
            call("/health")
            return
        except (urllib.error.URLError, ConnectionError):
            assert server.poll() is None and time.monotonic() < until, "open-webui did not start"
            time.sleep(1)


with tempfile.TemporaryDirectory(prefix="open-webui") as folder:
    program = str(Path(sys.executable).parent / "open-webui")
    environment = os.environ | SETTINGS | {"DATA_DIR": folder, "HOME": folder}
    command = [program, "serve", "--host", "127.0.0.1", "--port", str(PORT)]
    server = subprocess.Popen(command, env=environment, cwd=folder, stdout=sys.stderr, stderr=sys.stderr)
    try:
        started(server)
        outcomes()
    finally:
        server.terminate()
        server.wait(60)
