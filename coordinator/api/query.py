"""The query of a URL: its numbers, and which names an endpoint knows.

An endpoint of ours refuses a name that it does not know, as a field of a body: who misspells `days` must not be told of
other days. Not so those that other people's programs ask in others' words, models and what becomes a job: Anthropic's
SDK asks `/v1/models?beta=true`, Codex `?client_version=`, Azure's `?api-version=`, and there are more each month.
"""

from difflib import get_close_matches

from starlette.requests import Request

from wire.errors import invalid

# What SDKs of others add to every request, and nobody means anything by here.
HARMLESS = frozenset({"api-version", "beta"})
ADMINS = "account"  # names another account, for a key with the scope `admin`


def only(request: Request, *known: str) -> None:
    """Raises invalid_request for a name in the query that is none of these, or that is given twice."""
    seen = set[str]()
    for name, _ in request.query_params.multi_items():
        if name in HARMLESS:
            continue
        if name not in known:
            raise invalid(name[:64], f"Unknown query parameter {name[:64]!r}. {_advice(name, known)}")
        if name in seen:
            raise invalid(name, f"The query parameter '{name}' is given twice.")
        seen.add(name)


def _advice(name: str, known: tuple[str, ...]) -> str:
    if near := get_close_matches(name[:64], known, 1):
        return f"Did you mean '{near[0]}'?"
    shown = [repr(other) for other in known if other != ADMINS]
    return f"Known here: {', '.join(shown)}." if shown else "None is known here."


def whole_number(request: Request, name: str, default: int, low: int, high: int) -> int:
    """The query's `name`, or `default` without it. Raises invalid_request unless it is an integer of low to high."""
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 12 and low <= int(text) <= high):
        raise invalid(name, f"Invalid '{name}': expected an integer between {low} and {high}.")
    return int(text)
