"""Who looks for a path: the groups of the document, and the name of each operation."""

import re
from typing import Any

Schema = dict[str, Any]

# The first that fits. They stand in the document in this order.
_GROUPS = (
    ("Chats", "Ask a model, in the words of three APIs.", r"/v1/(chat/completions|responses|messages)"),
    ("Models and prices", "What is served, and what it costs.", r"/v1/(models|estimate)"),
    (
        "Pictures, films, music",
        "Made by media workers, and the files of the account.",
        r"/v1/(images|videos|media)|/m/",
    ),
    ("Sogni's SDKs", "What these ask besides.", r"/v4/|/api/v1/|/v1/account/(me|logout)"),
    (
        "Sign-in and people",
        "What a person does, signed in.",
        r"/v1/account/(passkey|recovery|invites|export)|/identity",
    ),
    ("Account", "Keys, balances, requests, earnings and payouts.", r"/v1/account"),
    ("Network", "Who serves, now.", r"/v1/network"),
    ("Operator", "For keys with the scope `admin` or `metrics`, and for the operator's tools.", r"/"),
)


def tagged(paths: Schema) -> Schema:
    """The same paths; each operation has its group and an id."""
    for path, item in paths.items():
        for method in item.keys() - {"parameters"}:
            item[method]["tags"] = [group(path)]
            item[method]["operationId"] = "_".join([method, *re.findall(r"[A-Za-z0-9]+", path)])
    return paths


def group(path: str) -> str:
    return next(name for name, _, pattern in _GROUPS if re.match(pattern, path))


def tags() -> list[Schema]:
    return [{"name": name, "description": words} for name, words, _ in _GROUPS]
