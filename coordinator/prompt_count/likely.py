"""How many tokens a prompt has at most by all experience, where nobody can count it. Pure.

By class of letters, and above what the vocabularies of Qwen2.5, Qwen3.5 and SmolLM2 make of prose, code, tables and
random letters in the languages that were tried (`tests/coordinator/prompt_count/test_likely.py` has the figures). It is
twice of what English has, and up to five times of what Chinese has: a bound for claims, no estimate.
"""

from coordinator.prompt_count.template import LONGEST
from coordinator.prompt_count.texts import special_tokens, told, tool_texts, turns, unasked
from wire.catalog import ChatFormat
from wire.chat import ChatRequest, Tool
from wire.fixed_tool import once

_SMALL = b"abcdefghijklmnopqrstuvwxyz"
_BLANK = b" "
SMALL, BLANK, OTHER = 0.62, 0.4, 1.0  # tokens for each byte


def likely_most(request: ChatRequest, format: ChatFormat) -> int:
    """The most tokens of the prompt by experience."""
    tokens, marks = unasked(request, LONGEST)
    tools = sum(_likely_tool(tool, format) for tool in told(request))
    return special_tokens(request) + tokens + tools + sum(map(likely_tokens, turns(request, format) + marks))


@once
def _likely_tool(tool: Tool, format: ChatFormat) -> int:
    return sum(map(likely_tokens, tool_texts(tool, format)))


def likely_tokens(text: str) -> int:
    """The most tokens of one text by experience. About 3 ms for a megabyte."""
    data = text.encode("utf-8", "surrogatepass")
    rest = data.translate(None, _SMALL)
    other = len(rest.translate(None, _BLANK))
    return round(SMALL * (len(data) - len(rest)) + BLANK * (len(rest) - other) + OTHER * other) + 1
