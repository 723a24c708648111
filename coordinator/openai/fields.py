"""Reading a JSON object of a request so that no field can be accepted and ignored in silence.

A field is taken by name; whatever nobody took is refused by name at the end. A field without an effect can only be let
through by `accept`, which knows nothing but the list below.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Self

from wire.errors import invalid

# Taken without an effect, each for a reason. `[]` stands for any index.
ACCEPTED: Mapping[str, str] = {
    "store": "nothing is stored either way: prompts and answers are not kept",
    "prompt_cache_key": "a shared prefix is found by its own text and reused without a key",
    "app_source": "a label of the calling application; nothing depends on it",
    "response_format.json_schema.name": "a label; the answer is held to the schema itself",
    "response_format.json_schema.description": "the schema holds the answer; the model is not shown its words",
    "response_format.json_schema.strict": "the answer is held to the schema in either case",
    "tools[].cache_control": "a prefix is cached in any case",
    "messages[].cache_control": "a prefix is cached in any case",
    "messages[].content[].cache_control": "a prefix is cached in any case",
    "messages[].annotations": "an earlier answer sent back whole: marks for display, not text",
    "messages[].parsed": "the OpenAI SDK's own decoded copy of `content`",
    "messages[].provider_specific_fields": "litellm's own copy of an answer's fields that OpenAI does not have",
    "messages[].tool_calls[].index": "an earlier stream's position; the order of the list says the same",
    "messages[].tool_calls[].function.parsed_arguments": "the OpenAI SDK's own decoded copy of `arguments`",
}

# Checked, and then without an effect on the answer to a chat completion.
LABELS: Mapping[str, str] = {
    "user": "a label of the caller's own end user; nothing depends on it and it is not kept",
    "safety_identifier": "OpenAI's new name of 'user'",
    "metadata": "OpenAI gives it back with a stored completion, and nothing is stored here",
    "messages[].name": "it is given to the model's template, and Qwen's templates write no names",
}

# Fields of OpenAI or of other servers that mean something which is not done here: what to do instead.
REFUSED: Mapping[str, str] = {
    "functions": "use 'tools'",
    "function_call": "use 'tools' and 'tool_choice'",
    "audio": "this network answers in text only",
    "media_references": "this network takes text only",
    "prediction": "predicted outputs are not offered",
    "web_search_options": "web search is not offered",
    "verbosity": "say in a message how long the answer should be",
    "moderation": "answers are not moderated here",
    "prompt_cache_options": "prefixes are reused without options",
    "prompt": "use 'messages'",
    "best_of": "use 'n'",
    "grammar": "use 'response_format' with a JSON Schema",
    "guided_json": "use 'response_format' with a JSON Schema",
    "guided_regex": "use 'response_format' with a JSON Schema that has a 'pattern'",
    "guided_choice": "use 'response_format' with a JSON Schema that has an 'enum'",
    "guided_grammar": "use 'response_format' with a JSON Schema",
    "structured_outputs": "use 'response_format' with a JSON Schema",
    "chat_template": "a model's own chat template is always used",
    "stop_token_ids": "use 'stop'",
    "think": "use 'chat_template_kwargs' with 'enable_thinking'",
    "enable_thinking": "put it into 'chat_template_kwargs'",
    "reasoning": "use 'reasoning_effort'",
    "thinking": "use 'reasoning_effort'",
}

# Fields of which only some values agree with what is done here, and why the others are refused.
LIMITED: Mapping[str, tuple[tuple[Any, ...], str]] = {
    "modalities": ((["text"], []), "this network answers in text only"),
    "service_tier": (("auto", "default"), "there is one tier of service"),
    "prompt_cache_retention": (("in_memory",), "no prefix is kept on disk"),
    "billing_mode": (("auto", "tokens"), "only tokens are billed: there are no subscriptions"),
    "sogni_tools": ((False, "none"), "these tools are not offered: declare your own in 'tools'"),
    "sogni_tool_execution": ((False,), "tools are run by the client, not by this network"),
    "safe_content_filter": ((False,), "answers are not filtered here"),
    "stream_options.include_obfuscation": ((False,), "stream obfuscation is not offered"),
}

_KINDS = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", int: "an integer", float: "a number"}


def kind(value: object) -> str:
    return _KINDS.get(type(value), "null")


@cache
def camel(name: str) -> str:
    """`max_tokens` -> `maxTokens`."""
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)


class Fields:
    """One JSON object at `path` (empty for the body itself). Every name is read as snake_case or camelCase.

    null means that a field is not given. All methods raise SupernetError invalid_request with the field as `param`.
    The lists are those of chat completions; another API has its own in a subclass.
    """

    accepted: Mapping[str, str] = ACCEPTED
    limited: Mapping[str, tuple[tuple[Any, ...], str]] = LIMITED

    def __init__(self, value: object, path: str = "") -> None:
        if not isinstance(value, dict):
            raise invalid(path or None, f"Invalid type for '{path or 'body'}': expected an object, got {kind(value)}.")
        self._left: dict[str, Any] = dict(value)
        self._path = path

    def at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def take(self, name: str) -> Any:
        """The value as it is; None when it is missing or null."""
        value = self._left.pop(name, None)
        if (other := camel(name)) != name and (again := self._left.pop(other, None)) is not None:
            if value is not None and again != value:
                raise invalid(self.at(name), f"'{name}' and '{other}' are the same parameter: send one of them.")
            return again
        return value

    def text(self, name: str, *, low: int = 0, high: int | None = None) -> str | None:
        """A string of `low` to `high` characters."""
        value = self.take(name)
        if value is not None and not isinstance(value, str):
            raise self._type(name, "a string", value)
        if value is not None and (len(value) < low or (high is not None and len(value) > high)):
            bounds = f"{low} to {high} characters" if high is not None else f"at least {low} characters"
            raise invalid(self.at(name), f"Invalid '{self.at(name)}': expected {bounds}, got {len(value)}.")
        return value

    def flag(self, name: str) -> bool | None:
        value = self.take(name)
        if value is not None and not isinstance(value, bool):
            raise self._type(name, "a boolean", value)
        return value

    def integer(self, name: str, low: int, high: int | None = None) -> int | None:
        value = self.take(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._type(name, "an integer", value)
        if value < low or (high is not None and value > high):
            bounds = f"between {low} and {high}" if high is not None else f"of at least {low}"
            raise invalid(self.at(name), f"Invalid '{self.at(name)}': expected an integer {bounds}.")
        return value

    def number(self, name: str, low: float, high: float) -> float | None:
        """A number from `low` to `high`."""
        value = self.take(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._type(name, "a number", value)
        if not low <= value <= high:
            message = f"Invalid '{self.at(name)}': expected a number between {low:g} and {high:g}."
            raise invalid(self.at(name), message)
        return float(value)

    def choice(self, name: str, values: tuple[str, ...]) -> str | None:
        value = self.take(name)
        if value is not None and (not isinstance(value, str) or value not in values):
            listed = ", ".join(f"'{one}'" for one in values)
            raise invalid(self.at(name), f"Invalid '{self.at(name)}': supported values are {listed}.")
        return value

    def array(self, name: str, high: int) -> list[Any] | None:
        value = self.take(name)
        if value is not None and not isinstance(value, list):
            raise self._type(name, "an array", value)
        if value is not None and len(value) > high:
            message = f"Invalid '{self.at(name)}': {len(value)} items, at most {high} are accepted."
            raise invalid(self.at(name), message)
        return value

    def inner(self, name: str) -> Self | None:
        value = self.take(name)
        return None if value is None else type(self)(value, self.at(name))

    def accept(self, *names: str) -> None:
        """Take fields that have no effect, each on the list with its reason."""
        for name in names:
            if self.take(name) is not None and (listed := _generic(self.at(name))) not in self.accepted:
                raise KeyError(f"{listed} is not on the list of accepted fields")

    def limit(self, *names: str) -> None:
        """Take fields of which the list names the accepted values."""
        for name in names:
            values, why = self.limited[_generic(self.at(name))]
            value = self.take(name)
            # The types are compared too: in Python 0 equals False.
            if value is not None and not any(type(value) is type(one) and value == one for one in values):
                raise invalid(self.at(name), f"Unsupported value for '{self.at(name)}': {why}.")

    def refuse(self, names: Mapping[str, str]) -> None:
        """Refuse fields with what to do instead; null and an empty list ask for nothing and pass."""
        for name, instead in names.items():
            if (value := self.take(name)) is not None and value != []:
                raise invalid(self.at(name), f"Unsupported parameter: '{self.at(name)}'. Here: {instead}.")

    def finish(self) -> None:
        """Refuse what is left."""
        for name in self._left:
            param = self.at(name if len(name) <= 64 else name[:64] + "…")
            raise invalid(param, f"Unknown parameter: '{param}'.")

    def _type(self, name: str, expected: str, value: object) -> Exception:
        message = f"Invalid type for '{self.at(name)}': expected {expected}, got {kind(value)}."
        return invalid(self.at(name), message)


def _generic(path: str) -> str:
    return re.sub(r"\[\d+\]", "[]", path)
