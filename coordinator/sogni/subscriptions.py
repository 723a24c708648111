"""Which of the frames that come by themselves a client wants: all, unless it says otherwise."""

from typing import Any

from coordinator.openai.json_body import load
from wire.errors import SupernetError

MAX_QUERY_CHARS = 4096
MOST_NAMES = 64
MAX_NAME_CHARS = 64
_GROUPS = {"swarmLLMModels": "modelAvailability"}  # a frame -> the group that stands for it


class Subscriptions:
    """Names of frames and groups, each on or off as the client last said. What nobody sends may be among them."""

    def __init__(self) -> None:
        self.flags: dict[str, bool] = {}

    @classmethod
    def of_query(cls, text: str) -> "Subscriptions":
        """Of the query of a socket's address, which counts for nothing if it cannot be read."""
        made = cls()
        try:
            made.update({"subscriptions": load(text.encode(errors="replace"), MAX_QUERY_CHARS)} if text else {})
        except SupernetError:
            pass
        return made

    def wants(self, frame: str) -> bool:
        return self.flags.get(frame, self.flags.get(_GROUPS.get(frame, ""), True))

    def update(self, asked: Any) -> None:
        """Take over what a client asks for; what of it cannot be read changes nothing."""
        if not isinstance(asked, dict):
            return
        if asked.get("reset") is True:
            self.flags.clear()
        given = asked.get("subscriptions")
        for name, on in given.items() if isinstance(given, dict) else ():
            self._set(name, on)
        for key, on in (("subscribe", True), ("unsubscribe", False)):
            names = asked.get(key)
            for name in names if isinstance(names, list) else [names]:
                self._set(name, on)
        self._set(asked.get("event"), asked.get("enabled"))

    def _set(self, name: Any, on: Any) -> None:
        known = name in self.flags if isinstance(name, str) else False
        if isinstance(name, str) and len(name) <= MAX_NAME_CHARS and (known or len(self.flags) < MOST_NAMES):
            if isinstance(on, bool):
                self.flags[name] = on
