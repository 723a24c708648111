"""By what a client knows its request: `x-request-id` and the id in the answer, both made of the request's name.

An id of ours in `x-request-id` has the name in it, so that what stands in a client's log finds the request and nothing
more is stored. A client may give an id of its own, unless it looks like one of ours: a name must be new.
"""

import re
import secrets

PREFIX = "req_"
IN_ANSWERS = ("chatcmpl-", "resp_", "msg_", "video_", PREFIX, "")
_HARMLESS = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_NAME = re.compile(r"[0-9a-f]{32}")


def request_id(given: str) -> str:
    """The `x-request-id` of an answer: the client's own if it is harmless, else a new one."""
    if _HARMLESS.fullmatch(given) and own_name(given) is None:
        return given
    return PREFIX + secrets.token_hex(16)


def own_name(request_id: str) -> str | None:
    """The name of the request in an id that was made here; None for another one."""
    name = request_id.removeprefix(PREFIX)
    return name if request_id.startswith(PREFIX) and _NAME.fullmatch(name) else None


def names(text: str) -> tuple[str | None, str | None]:
    """What somebody looks for: the name of a request, out of any id that an answer has; and the id as it stands, for
    one that a client gave, or that an Idempotency-Key came under. Both None: there is no such request."""
    name = next((text.removeprefix(prefix) for prefix in IN_ANSWERS if text.startswith(prefix)), "")
    found = name if _NAME.fullmatch(name) else None
    return found, text if _HARMLESS.fullmatch(text) else None
