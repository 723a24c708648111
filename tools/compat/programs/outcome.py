"""What every Python program of a client shares: the conversation, the loop of an agent, and how an outcome is told.

One JSON line per feature goes to standard output; the parent reads it. Runs in each client's own environment.
"""

import json
import os
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

URL = os.environ["CLIENT_URL"]  # ends in /v1
SOCKET = os.environ.get("CLIENT_SOCKET", "")  # of a client that has one
KEY = os.environ["CLIENT_KEY"]
MODEL = os.environ["CLIENT_MODEL"]
SAID: dict[str, Any] = json.loads(os.environ["CLIENT_SAID"])
STEPS = 6


@dataclass
class Reply:
    """`message` goes back as it is; `calls` are (id, name, arguments)."""

    message: Any
    text: str
    calls: list[tuple[str, str, dict[str, Any]]]


def tell(feature: str, check: Callable[[], Any]) -> None:
    """A returned text is a remark; False says that the client has no such thing."""
    line: dict[str, Any] = {"feature": feature}
    try:
        result = check()
        line |= {"ok": None if result is False else True, "remark": result if isinstance(result, str) else ""}
    except Exception as error:  # noqa: BLE001 - whatever a client raises is what came of it
        traceback.print_exc()
        line |= {"ok": False, "remark": f"{type(error).__name__}: {error}"[:300]}
    print(json.dumps(line), flush=True)


def loop(ask: Callable[[list[Any]], Reply], task: dict[str, Any], result: Callable[[str, str], Any]) -> None:
    """Ask, run the calls, feed their results back, until there is an answer. `result` words a tool's message."""
    messages: list[Any] = [{"role": "user", "content": task["ask"]}]
    cities: list[str] = []
    for _ in range(STEPS):
        reply = ask(messages)
        messages.append(reply.message)
        if not reply.calls:
            assert cities == task["cities"], cities
            assert task["answer"] in reply.text, reply.text
            return
        for id, name, arguments in reply.calls:
            assert name == "get_weather", name
            cities.append(arguments["city"])
            messages.append(result(id, SAID["results"][arguments["city"]]))
    raise AssertionError(f"no answer after {STEPS} steps")


def tool_message(id: str, text: str) -> dict[str, str]:
    return {"role": "tool", "tool_call_id": id, "content": text}


def expect(text: str, wanted: str | None) -> None:
    """`wanted` None: any words will do."""
    assert text == wanted if wanted is not None else text.strip(), text
