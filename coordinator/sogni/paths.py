"""Paths of the SDKs: those that are theirs and served here, and what is said of all others that they know."""

from collections.abc import Mapping

SOCKET_PATH = "/"  # an SDK is told of a host, and connects to its root
_ESTIMATE = "/api/v1/job-llm/estimate"
ESTIMATE_PATH = f"{_ESTIMATE}/{{token_type}}/{{model:path}}/{{input_tokens}}/{{max_output_tokens}}"
_SERVED = ("/v1/account/me", "/v1/account/logout", "/v4/account/balance", _ESTIMATE)

MEDIA = (
    "Media projects of the SDKs are not offered: ask for pictures, film and music in a chat (chat.hosted), or at"
    " /v1/images/generations and /v1/videos."
)
_RUNS = "Runs that outlive their client are not offered: use chat.hosted.create, or POST /v1/chat/completions."
_KEYS = "Accounts have no passwords or wallets here: an operator makes them, and a client signs in with an API key."
_MONEY = "There are no wallets and no chain here: the operator of this network books deposits and payouts."
_NONE = "This network has nothing of the kind."

# By how a path begins.
NOT_OFFERED: Mapping[str, str] = {
    "/v1/chat/runs": _RUNS,
    "/v1/creative-agent": _RUNS,
    "/v1/replay": "Chats are not recorded here, so there is nothing to replay.",
    "/v1/account/login": _KEYS,
    "/v1/account/create": _KEYS,
    "/v1/account/nonce": _KEYS,
    "/v1/account/username": _KEYS,
    "/v1/account/refresh-token": _KEYS,
    "/v1/account/device-id": _KEYS,
    "/v1/account/token": _MONEY,
    "/v2/account/token": _MONEY,
    "/v3/account/token": _MONEY,
    "/v1/contract": _MONEY,
    "/v2/wallet": _MONEY,
    "/v1/transactions": "What an account has used is at GET /v1/account/usage.",
    "/v3/account/reward": "The daily bonus is at POST /v1/account/bonus.",
    "/v4/account/rewards": "The daily bonus is at GET /v1/account.",
    "/v1/subscriptions": "There are no subscriptions here: tokens are billed.",
    "/v1/iap": "There are no subscriptions here: tokens are billed.",
    "/v1/projects": MEDIA,
    "/v2/projects": MEDIA,
    "/v1/image/": MEDIA,
    "/v1/media/upload": MEDIA,
    "/v1/media/download": MEDIA,
    "/v1/assets": MEDIA,
    "/v1/loras": MEDIA,
    "/api/v1/": MEDIA,
    "/api/v2/": MEDIA,
    "/v1/leaderboard": _NONE,
    "/v1/announcements": _NONE,
}


def is_theirs(path: str) -> bool:
    """Whether errors of a served path are told in the SDKs' envelope."""
    return path.startswith(_SERVED)


def not_offered(path: str) -> str:
    """Why a path of theirs is not served, and what is; empty for a path that is none of theirs."""
    return next((words for start, words in NOT_OFFERED.items() if path.startswith(start)), "")
