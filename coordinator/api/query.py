"""Numbers in the query of a URL."""

from starlette.requests import Request

from wire.errors import invalid


def whole_number(request: Request, name: str, default: int, low: int, high: int) -> int:
    """The query's `name`, or `default` without it. Raises invalid_request unless it is an integer of low to high."""
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 12 and low <= int(text) <= high):
        raise invalid(name, f"Invalid '{name}': expected an integer between {low} and {high}.")
    return int(text)
