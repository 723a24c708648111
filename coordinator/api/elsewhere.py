"""Paths of other APIs that clients try here: what this network has in their place."""

from collections.abc import Mapping

CHAT = "use POST /v1/chat/completions"
MODELS = "use GET /v1/models"
_OLLAMA = "Ollama's own API is not served. Here: {}, and the base URL that ends in /v1."
_NO_RAW = f"Completions of raw text are not offered: a request is a conversation. Here: {CHAT}."
_NO_VECTORS = "Embeddings are not offered: no model of this network makes any. Ask a server of your own for them."

_BASE = "This is the base URL for OpenAI's clients: GET /v1/models lists what is served, and /docs describes all of it."

INSTEAD: Mapping[str, str] = {
    "/v1": _BASE,
    "/v1/completions": _NO_RAW,
    "/completion": _NO_RAW,
    "/completions": _NO_RAW,
    "/v1/complete": "Here: use POST /v1/messages.",
    "/v1/embeddings": _NO_VECTORS,
    "/embeddings": _NO_VECTORS,
    "/api/embed": _NO_VECTORS,
    "/api/embeddings": _NO_VECTORS,
    "/api/chat": _OLLAMA.format(CHAT),
    "/api/generate": _OLLAMA.format(CHAT),
    "/api/tags": _OLLAMA.format(MODELS),
    "/api/show": _OLLAMA.format(MODELS),
    "/chat/completions": "The base URL of this API ends in /v1.",
    "/models": "The base URL of this API ends in /v1.",
    "/v1/v1/messages": "The base URL of Anthropic's clients ends before /v1.",
    "/v1/messages/count_tokens": "Prompts are counted when they are answered, in 'usage'; none is counted by itself.",
    "/v1/messages/batches": "There are no batches here: send each request by itself to POST /v1/messages.",
}


def instead(path: str) -> str:
    """What to do in place of a request to a path that is not served; empty where nobody can say."""
    return INSTEAD.get(path.rstrip("/"), "")
