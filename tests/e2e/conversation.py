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
        IN_TURN: say("Paris first.", _call(format, "Paris")),
        "Paris: 18": say("Then Rome.", f"{BETWEEN}\n{_call(format, 'Rome')}"),
        "Rome: 24": say("24 less 18.", IN_TURN_ANSWER),
        AT_ONCE: say("All three.", "\n".join(_call(format, city) for city in ("Oslo", "Cairo", "Lima"))),
        "Lima: 19": say("31 is the most.", AT_ONCE_ANSWER),
    }
    return json.dumps([{"when": when, "say": answer} for when, answer in lines.items()])


def _call(format: ChatFormat, city: str) -> str:
    if format == "qwen-json":
        call = {"name": "get_weather", "arguments": arguments(city)}
        return f"<tool_call>\n{json.dumps(call)}\n</tool_call>"
    values = "".join(f"<parameter={key}>\n{value}\n</parameter>\n" for key, value in arguments(city).items())
    return f"<tool_call>\n<function=get_weather>\n{values}</function>\n</tool_call>"
