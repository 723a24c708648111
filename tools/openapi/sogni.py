"""The paths of Sogni's SDKs beside the API that is everybody's, and what they answer."""

from collections.abc import Callable
from typing import Any

from coordinator.api.sogni import MAX_TOKENS
from tools.openapi.answers import COUNT, TEXT, thing

Schema = dict[str, Any]
Do = Callable[..., Schema]

_SUCCESS: Schema = {"const": "success"}
_DECIMALS = ("settled", "credit", "debit", "net", "relaxedUnclaimed", "fastUnclaimed")
_BALANCES = {
    "spark": thing(dict.fromkeys((*_DECIMALS, "premiumCredit"), TEXT)),
    "sogni": thing(dict.fromkeys(_DECIMALS, TEXT)),
}
_TOKENS = {"inputTokens": COUNT, "outputTokens": COUNT}
_NUMBER: Schema = {"type": "number"}
_COSTS = dict.fromkeys(("costInUSD", "costInToken", "costInSogni", "costInSpark"), _NUMBER)
_QUOTED = {"model": TEXT, "inputTokens": COUNT, "maxOutputTokens": COUNT, "tokenType": TEXT, "time": TEXT}
_KINDS: Schema = {"enum": ["auto", "spark", "sogni"]}


def paths(do: Do) -> Schema:
    """`do` is as in money.py."""
    tokens: Schema = {"type": "integer", "minimum": 0, "maximum": MAX_TOKENS}
    asked = {"token_type": _KINDS, "model": {"type": "string", "minLength": 1}}
    asked |= {"input_tokens": tokens, "max_output_tokens": tokens}
    within = [{"name": name, "in": "path", "required": True, "schema": schema} for name, schema in asked.items()]
    whose: Schema = {"name": "account", "in": "query", "schema": {"type": "string", "minLength": 1}}
    balance = thing({"status": _SUCCESS, "data": thing(_BALANCES)})
    gone = thing({"status": _SUCCESS, "data": {"type": "null"}})
    quote = thing({"request": thing(_QUOTED), "quote": thing({**_COSTS, **_TOKENS})})
    estimate = do("get", "What a chat costs at most, as Sogni's SDKs ask.", quote, 200, 400, 404)
    return {
        "/v1/account/logout": do("post", "Nothing: a key is no session. For Sogni's SDKs.", gone, 200),
        "/v4/account/balance": {
            "parameters": [whose],
            **do("get", "Balances, in the envelope of Sogni's API.", balance, 200, 404, 429),
        },
        "/api/v1/job-llm/estimate/{token_type}/{model}/{input_tokens}/{max_output_tokens}": {
            "parameters": within,
            **estimate,
        },
    }
