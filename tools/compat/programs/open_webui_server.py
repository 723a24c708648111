"""Open WebUI as a server without a browser, and a chat as its page would send it."""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from outcome import KEY, MODEL, URL

PORT = 18089
BASE = f"http://127.0.0.1:{PORT}"
START_S, ANSWER_S = 600, 300
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


def fetch(path: str, body: Any = None, token: str = "") -> tuple[bytes, str]:
    """What is at a path of its server, and of what type that is."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    with urllib.request.urlopen(urllib.request.Request(BASE + path, data, headers), timeout=60) as response:
        return response.read(), response.headers["content-type"]


def call(path: str, body: Any = None, token: str = "") -> Any:
    return json.loads(fetch(path, body, token)[0])


def chat(token: str, ask: str, *parts: Any, **more: Any) -> Any:
    """The message that stands in the chat when all is said. `parts`: pictures behind the question; `more`: further
    fields of its page's request."""
    content: Any = [{"type": "text", "text": ask}, *parts] if parts else ask
    asked = {"id": "asked", "parentId": None, "childrenIds": ["said"], "role": "user", "content": ask}
    said = {"id": "said", "parentId": "asked", "childrenIds": [], "role": "assistant", "content": "", "model": MODEL}
    history = {"messages": {"asked": asked, "said": said}, "currentId": "said"}
    made = call("/api/v1/chats/new", {"chat": {"title": "x", "models": [MODEL], "history": history}}, token)["id"]
    request = {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": content}], **more}
    request |= {"params": {"function_calling": "native"}, "session_id": "s", "chat_id": made, "id": "said"}
    call("/api/chat/completions", request, token)
    until = time.monotonic() + ANSWER_S
    while time.monotonic() < until:
        message = call(f"/api/v1/chats/{made}", token=token)["chat"]["history"]["messages"]["said"]
        if message.get("done"):
            return message
        time.sleep(0.2)
    raise AssertionError(f"not done after {ANSWER_S} s: {message}")


def serve(outcomes: Callable[[str], None], **settings: str) -> None:
    """Start it, and have `outcomes` told with the token of its only user."""
    with tempfile.TemporaryDirectory(prefix="open-webui") as folder:
        program = str(Path(sys.executable).parent / "open-webui")
        environment = os.environ | SETTINGS | settings | {"DATA_DIR": folder, "HOME": folder}
        command = [program, "serve", "--host", "127.0.0.1", "--port", str(PORT)]
        server = subprocess.Popen(command, env=environment, cwd=folder, stdout=sys.stderr, stderr=sys.stderr)
        try:
            _started(server)
            outcomes(call("/api/v1/auths/signin", {"email": "", "password": ""})["token"])
        finally:
            server.terminate()
            server.wait(60)


def _started(server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + START_S
    while True:
        try:
            call("/health")
            return
        except (urllib.error.URLError, ConnectionError):
            assert server.poll() is None and time.monotonic() < until, "open-webui did not start"
            time.sleep(1)
