"""A plugin of pytest, `-p keep_sent`: what the SDKs under test send goes to a file too, line by line.

For suites that put a mock in the place of the network, where no relay can stand. Runs in each client's own environment.
"""

import importlib
import json
import os
from typing import Any

FILE = os.environ["CLIENT_SENT"]
TRANSPORTS = ("httpx", "httpx2")


def _keep(request: Any) -> None:
    try:
        line = json.dumps({"path": request.url.path, "body": json.loads(request.content)})
    except Exception:  # noqa: BLE001 - a form, a stream: no body of these APIs
        return
    with open(FILE, "a") as file:
        file.write(line + "\n")


def _observe(module: Any) -> None:
    send, send_later = module.Client.send, module.AsyncClient.send

    def sent(self: Any, request: Any, **options: Any) -> Any:
        _keep(request)
        return send(self, request, **options)

    async def sent_later(self: Any, request: Any, **options: Any) -> Any:
        _keep(request)
        return await send_later(self, request, **options)

    module.Client.send, module.AsyncClient.send = sent, sent_later


for _name in TRANSPORTS:
    try:
        _observe(importlib.import_module(_name))
    except ImportError:
        pass
