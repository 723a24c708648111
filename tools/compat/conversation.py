"""What is said in the tests of clients: questions, tools, and a script of what the model makes of them, per format."""

import json
import struct
import zlib
from base64 import b64encode
from typing import Any

from wire.catalog import ChatFormat
from wire.pictures import LEAST_TOKENS

HELLO = "Hello, who are you?"
HELLO_THOUGHT = "They greet me."
HELLO_ANSWER = "I am a scripted model: ä, 格 and 😀 too."
IN_TURN = "How warm is it in Paris, and how much warmer in Rome?"
AT_ONCE = "How warm is it in Oslo, Cairo and Lima?"
AS_JSON = "Say it as JSON."
JSON_ANSWER = '{"city": "Paris", "degrees": 18}'
DEGREES = {"Paris": 18, "Rome": 24, "Oslo": 4, "Cairo": 31, "Lima": 19, "Quito": 14}
BETWEEN = "Paris has 18 degrees. Now Rome."
LOOK = "What is on this picture?"
LOOK_ANSWER = "A red field, as far as I can see."
MAP = "How warm is it in Quito, by its map?"
MAP_ANSWER = "Quito has 14 degrees, by the map."
IN_TURN_ANSWER = "Rome is 6 degrees warmer than Paris."
AT_ONCE_ANSWER = "Oslo 4, Cairo 31, Lima 19: Cairo is the warmest."
COPY_OPENCODE = "Copy word.txt to copy.txt, please."
COPY_CODEX = "Copy word.txt to copy.txt with the shell, please."
COPY_CLAUDE = "Copy word.txt to copy.txt with Read and Write, please."
COPY_QWEN = "Copy word.txt to copy.txt with run_shell_command, please."
COPY_PI = "Copy word.txt to copy.txt with read and write, please."
COPY_CLINE = "Copy word.txt to copy.txt as you do it, please."
COPY_AIDER = "Write the word of word.txt into copy.txt, please."
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


def _png() -> bytes:
    """A red square of 64 pixels a side."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)
    rows = zlib.compress((b"\0" + bytes((220, 40, 30)) * 64) * 64)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


PICTURE = b64encode(_png()).decode()
PICTURE_TOKENS = LEAST_TOKENS  # of a prompt, with which it must be longer than without
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
        LOOK: say("A picture.", LOOK_ANSWER),
        MAP: say("The map.", _weather(format, "Quito")),
        "Quito: 14": say("A map.", MAP_ANSWER),
        "Lima: 19": say("31 is the most.", AT_ONCE_ANSWER),
    }
    return json.dumps([{"when": when, "say": answer} for when, answer in lines.items()])


def script_of_agents(format: ChatFormat) -> str:
    """The same, and what agents that have tools of their own are told. Each has other names for them, and another form
    of a file's text and of the word that it was written, by which the script knows the next step."""
    lines = {
        COPY_OPENCODE: call(format, "read", {"filePath": "word.txt"}),
        f"1: {WORD}": call(format, "write", {"filePath": "copy.txt", "content": WORD}),
        "Wrote file": COPIED,
        COPY_CODEX: call(format, "exec_command", {"cmd": "cat word.txt"}),
        f"\n{WORD}": call(format, "exec_command", {"cmd": "cp -v word.txt copy.txt"}),
        "-> 'copy.txt'": COPIED,
        COPY_CLAUDE: call(format, "Read", {"file_path": "word.txt"}),
        f"1\t{WORD}": call(format, "Write", {"file_path": "copy.txt", "content": WORD}),
        "File created successfully": COPIED,
        COPY_QWEN: call(format, "run_shell_command", {"command": "cat word.txt", "is_background": False}),
        f"Output: {WORD}": call(
            format, "run_shell_command", {"command": "cp -v word.txt copy.txt", "is_background": False}
        ),
        COPY_PI: call(format, "read", {"path": "word.txt"}),
        f"tool: {WORD}": call(format, "write", {"path": "copy.txt", "content": WORD}),
        "Successfully wrote": COPIED,
        COPY_CLINE: call(format, "run_commands", {"commands": ["cp -v word.txt copy.txt"]}),
        COPY_AIDER: f"copy.txt\n```\n{WORD}\n```\n\n{COPIED}",
    }
    more = [{"when": when, "say": f"I do it.\n</think>\n\n{answer}"} for when, answer in lines.items()]
    return json.dumps(json.loads(script(format)) + more)


def _weather(format: ChatFormat, city: str) -> str:
    return call(format, "get_weather", arguments(city))


def call(format: ChatFormat, name: str, arguments: dict[str, Any]) -> str:
    """A call as a model of this format writes it."""
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
        "look": {"ask": LOOK, "answer": LOOK_ANSWER},
        "map": {"ask": MAP, "cities": ["Quito"], "answer": MAP_ANSWER},
        "picture": {"url": f"data:image/png;base64,{PICTURE}", "tokens": PICTURE_TOKENS},
        "files": {"ask_opencode": COPY_OPENCODE, "ask_codex": COPY_CODEX, "word": WORD, "answer": COPIED}
        | {
            "ask_claude": COPY_CLAUDE,
            "ask_qwen": COPY_QWEN,
            "ask_pi": COPY_PI,
            "ask_cline": COPY_CLINE,
            "ask_aider": COPY_AIDER,
        },
        "tool": WEATHER,
        "results": {city: get_weather(city, 1) for city in DEGREES},
    }
