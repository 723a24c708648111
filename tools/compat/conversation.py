"""What is said in the tests of clients: questions, tools, and a script of what the model makes of them, per format."""

import json
from typing import Any

from wire.catalog import ChatFormat

HELLO = "Hello, who are you?"
HELLO_THOUGHT = "They greet me."
HELLO_ANSWER = "I am a scripted model: ä, 格 and 😀 too."
IN_TURN = "How warm is it in Paris, and how much warmer in Rome?"
AT_ONCE = "How warm is it in Oslo, Cairo and Lima?"
AS_JSON = "Say it as JSON."
JSON_ANSWER = '{"city": "Paris", "degrees": 18}'
DEGREES = {"Paris": 18, "Rome": 24, "Oslo": 4, "Cairo": 31, "Lima": 19}
BETWEEN = "Paris has 18 degrees. Now Rome."
IN_TURN_ANSWER = "Rome is 6 degrees warmer than Paris."
AT_ONCE_ANSWER = "Oslo 4, Cairo 31, Lima 19: Cairo is the warmest."
COPY_OPENCODE = "Copy word.txt to copy.txt, please."
COPY_CODEX = "Copy word.txt to copy.txt with the shell, please."
WORD = "glockenspiel"
COPIED = "It is copied: the word is " + WORD
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "degrees": {"type": "integer"}},
    "required": ["city", "degrees"],
    "additionalProperties": False,
}
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
WEATHER = {
    "type": "function",
    "function": {"name": "get_weather", "description": "How warm it is in a city", "parameters": PARAMETERS},
}


def get_weather(city: str, days: int) -> str:
    """The tool: a result that the script knows again."""
    return f"{city}: {DEGREES[city]} degrees for {days} day"


def arguments(city: str) -> dict[str, Any]:
    """What the model calls the tool with."""
    return {"city": city, "days": 1}


def script(format: ChatFormat) -> str:
    """For `worker --scripted FILE`: a thought before everything, opened by the prompt where the format's templates do
    so; one call after another, three at once, then words."""
    opened = "" if format == "qwen-xml" else "<think>\n"

    def say(thought: str, answer: str) -> str:
        return f"{opened}{thought}\n</think>\n\n{answer}"

    lines = {
        HELLO: say(HELLO_THOUGHT, HELLO_ANSWER),
        AS_JSON: say("They want JSON.", JSON_ANSWER),
        IN_TURN: say("Paris first.", _weather(format, "Paris")),
        "Paris: 18": say("Then Rome.", f"{BETWEEN}\n{_weather(format, 'Rome')}"),
        "Rome: 24": say("24 less 18.", IN_TURN_ANSWER),
        AT_ONCE: say("All three.", "\n".join(_weather(format, city) for city in ("Oslo", "Cairo", "Lima"))),
        "Lima: 19": say("31 is the most.", AT_ONCE_ANSWER),
    }
    return json.dumps([{"when": when, "say": answer} for when, answer in lines.items()])


def script_of_agents(format: ChatFormat) -> str:
    """The same, and what agents that have tools of their own are told: opencode's `read` and `write`, Codex's shell."""
    lines = {
        COPY_OPENCODE: _call(format, "read", {"filePath": "word.txt"}),
        f"1: {WORD}": _call(format, "write", {"filePath": "copy.txt", "content": WORD}),
        "Wrote file": COPIED,
        COPY_CODEX: _call(format, "exec_command", {"cmd": "cat word.txt"}),
        f"\n{WORD}": _call(format, "exec_command", {"cmd": "cp -v word.txt copy.txt"}),
        "-> 'copy.txt'": COPIED,
    }
    more = [{"when": when, "say": f"I do it.\n</think>\n\n{answer}"} for when, answer in lines.items()]
    return json.dumps(json.loads(script(format)) + more)


def _weather(format: ChatFormat, city: str) -> str:
    return _call(format, "get_weather", arguments(city))


def _call(format: ChatFormat, name: str, arguments: dict[str, Any]) -> str:
    if format == "qwen-json":
        return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"
    values = "".join(f"<parameter={key}>\n{value}\n</parameter>\n" for key, value in arguments.items())
    return f"<tool_call>\n<function={name}>\n{values}</function>\n</tool_call>"


def said_to_the_trained_model() -> dict[str, Any]:
    """The same for tools/tiny_models/tiny-qwen3-chat.gguf, which knows the weather; what it says is its own (None)."""
    city = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    choices = {"city": {"enum": ["Paris", "Oslo"]}, "degrees": {"enum": [18, 4]}}
    schema = {"type": "object", "properties": choices, "required": ["city", "degrees"], "additionalProperties": False}
    tool = {"name": "get_weather", "description": "Weather of a city", "parameters": city}
    return {
        "hello": {"ask": "Hello!", "answer": None, "thought": None},
        "in_turn": {"ask": "What is the weather like in Warsaw?", "cities": ["Warsaw"], "answer": "fog, 3 degrees"},
        "at_once": {"ask": "What is the weather in Oslo and Berlin?", "cities": ["Oslo", "Berlin"], "answer": "rain"},
        "schema": {"ask": "Where is it warm?", "schema": schema},
        "tool": {"type": "function", "function": tool},
        "results": {"Warsaw": "fog, 3 degrees", "Oslo": "rain, 7 degrees", "Berlin": "sun, 20 degrees"},
    }


def said() -> dict[str, Any]:
    """The same for the programs of other clients, as JSON: what to ask, what the tool says, what must come of it."""
    return {
        "hello": {"ask": HELLO, "answer": HELLO_ANSWER, "thought": HELLO_THOUGHT},
        "in_turn": {"ask": IN_TURN, "cities": ["Paris", "Rome"], "answer": IN_TURN_ANSWER},
        "at_once": {"ask": AT_ONCE, "cities": ["Oslo", "Cairo", "Lima"], "answer": AT_ONCE_ANSWER},
        "schema": {"ask": AS_JSON, "schema": SCHEMA},
        "files": {"ask_opencode": COPY_OPENCODE, "ask_codex": COPY_CODEX, "word": WORD, "answer": COPIED},
        "tool": WEATHER,
        "results": {city: get_weather(city, 1) for city in DEGREES},
    }
