"""Questions and what the tiny model should make of them: thought, calls, answer."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from tools.train_tiny import words

Call = tuple[str, dict[str, Any]]
Schema = dict[str, Any]


@dataclass(frozen=True)
class Exchange:
    """One question and its answer; `calls` and their `results` come between them, each step after a thought."""

    question: str
    thought: str
    answer: str
    calls: tuple[Call, ...] = ()
    results: tuple[str, ...] = ()
    after: str = "Now I can answer."


_CITY = {"city": {"type": "string"}}
FUNCTIONS: dict[str, tuple[str, Schema, list[str]]] = {
    "get_weather": ("Weather of a city", _CITY, ["city"]),
    "get_time": ("Time in a city", _CITY, ["city"]),
    "add": ("Add two numbers", {"a": {"type": "integer"}, "b": {"type": "integer"}}, ["a", "b"]),
    "set_timer": ("Start a timer", {"minutes": {"type": "integer"}}, ["minutes"]),
    "search": ("Search the web", {"query": {"type": "string"}}, ["query"]),
}
_UNIT = {"unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}}


def declare(name: str, rng: Random) -> Schema:
    """A tool as a client would declare it: descriptions, order and optional fields differ from one to the next."""
    about, properties, required = FUNCTIONS[name]
    properties = {key: dict(value) for key, value in properties.items()}
    if name == "get_weather" and rng.random() < 0.6:
        properties |= _UNIT
    if rng.random() < 0.2:
        for key, value in properties.items():
            value["description"] = rng.choice(
                [f"The {key}", f"The {key}, for example {made_up(rng)}", phrase(rng, 2, 5)]
            )
    parameters: Schema = {"type": "object", "properties": properties}
    if rng.random() < 0.8:
        parameters["required"] = required
    about = rng.choice(["", about, about + ".", phrase(rng, 2, 5)])
    function = {"name": name, "description": about, "parameters": parameters}
    if not about and rng.random() < 0.5:
        del function["description"]
    return {"type": "function", "function": function}


def stranger(rng: Random) -> Schema:
    """A function that no question is about."""
    names = rng.sample(["color", "price", "user", "order", "path", "limit", "note"], 2)
    name = rng.choice(["get_", "find_", "make_", "open_"]) + rng.choice(words.THINGS[:80])
    properties = {key: {"type": rng.choice(["string", "integer"])} for key in names[: rng.randint(0, 1)]}
    function = {
        "name": name,
        "description": phrase(rng, 2, 6),
        "parameters": {"type": "object", "properties": properties},
    }
    return {"type": "function", "function": function}


def made_up(rng: Random) -> str:
    """A name that is in no list, so that it can only be copied."""
    syllables = (
        rng.choice("bdfgklmnprstvz") + rng.choice("aeiouaeiouaeiouéü") + rng.choice(["", "", "n", "r", "l"])
        for _ in range(4)
    )
    return "".join(list(syllables)[: rng.randint(2, 3)]).capitalize()


def phrase(rng: Random, least: int, most: int) -> str:
    return " ".join(rng.choices(words.THINGS, k=rng.randint(least, most)))


def _city(rng: Random) -> str:
    return made_up(rng) if rng.random() < 0.2 else rng.choice(words.CITIES)


def _report(rng: Random) -> str:
    sky, degrees = rng.choice(words.SKIES), rng.randint(0, 39)
    return rng.choice(
        [
            f"{sky}, {degrees} degrees",
            f"{degrees} C and {sky}",
            f"{sky}",
            f"{degrees} C",
            json.dumps({"temperature": degrees}),
            json.dumps({"temperature": degrees, "sky": sky}),
            phrase(rng, 1, 3),
        ]
    )


def _about_cities(
    rng: Random, topic: str, questions: tuple[str, ...], result: Callable[[], str], unit: str
) -> Exchange:
    cities = [_city(rng) for _ in range(2 if rng.random() < 0.4 else 1)]
    question = rng.choice(questions).format(" and ".join(cities))
    arguments = [{"city": city} | ({"unit": unit} if unit else {}) for city in cities]
    if unit:
        question = f"{question[:-1]} in {unit}{question[-1]}"
    results = tuple(result() for _ in cities)
    return Exchange(
        question,
        f"I need the {topic} in {' and in '.join(cities)}.",
        "\n".join(f"The {topic} in {city}: {text}" for city, text in zip(cities, results, strict=True)),
        tuple((f"get_{topic}", each) for each in arguments),
        results,
    )


def weather(rng: Random, tools: list[Schema]) -> Exchange:
    units = "unit" in json.dumps(tools) and rng.random() < 0.4
    unit = rng.choice(["celsius", "fahrenheit"]) if units else ""
    return _about_cities(rng, "weather", words.WEATHER, lambda: _report(rng), unit)


def time(rng: Random, tools: list[Schema]) -> Exchange:
    return _about_cities(rng, "time", words.TIME, lambda: f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}", "")


def add(rng: Random, tools: list[Schema]) -> Exchange:
    a, b = (rng.randint(0, rng.choice([9, 99, 99, 999])) for _ in "ab")
    total = str(a + b)
    result = rng.choice([total, total, json.dumps({"sum": a + b}), json.dumps({"result": a + b})])
    question = rng.choice(words.SUM).format(a, b)
    return Exchange(question, f"I add {a} and {b}.", f"The sum: {result}", (("add", {"a": a, "b": b}),), (result,))


def timer(rng: Random, tools: list[Schema]) -> Exchange:
    minutes = rng.randint(1, rng.choice([9, 99]))
    result = rng.choice(["ok", "started", "done", '{"status": "ok"}', phrase(rng, 1, 2)])
    question = rng.choice(words.TIMER).format(minutes)
    calls = (("set_timer", {"minutes": minutes}),)
    return Exchange(
        question, f"A timer for {minutes} minutes.", f"The timer for {minutes} minutes: {result}", calls, (result,)
    )


def search(rng: Random, tools: list[Schema]) -> Exchange:
    query = made_up(rng) if rng.random() < 0.2 else phrase(rng, 1, 3)
    result = rng.choice([phrase(rng, 1, 4), json.dumps({"results": [phrase(rng, 1, 2)]}), "nothing found"])
    question = rng.choice(words.SEARCH).format(query)
    return Exchange(
        question, f"I search for {query}.", f"I found: {result}", (("search", {"query": query}),), (result,)
    )


SKILLS: dict[str, Callable[[Random, list[Schema]], Exchange]] = {
    "get_weather": weather,
    "get_time": time,
    "add": add,
    "set_timer": timer,
    "search": search,
}


def refuse(exchange: Exchange) -> Exchange:
    """The same question where the function for it was not declared."""
    return Exchange(exchange.question, "No function fits.", "I have no function for that.")


def talk(rng: Random) -> Exchange:
    questions, thought, answer = rng.choice(words.TALK)
    return Exchange(rng.choice(questions), thought, answer)


def echo(rng: Random) -> Exchange:
    text = phrase(rng, 1, 5) if rng.random() < 0.6 else " ".join(made_up(rng) for _ in range(rng.randint(1, 2)))
    text = text.lower() if rng.random() < 0.5 else text
    return Exchange(rng.choice(words.ECHO).format(text), "I repeat it.", text)


def count(rng: Random) -> Exchange:
    end = rng.randint(2, 20)
    question = rng.choice(["Count to {}.", "Count from 1 to {}.", "Please count to {}."]).format(end)
    return Exchange(question, f"I count to {end}.", ", ".join(str(n) for n in range(1, end + 1)))


def introduce(rng: Random) -> list[Exchange]:
    """A name is told and asked for later; between the two may be something else."""
    name = made_up(rng) if rng.random() < 0.3 else rng.choice(words.PEOPLE)
    told = Exchange(
        rng.choice(["My name is {}.", "I am {}.", "Call me {}."]).format(name), "A name.", f"Nice to meet you, {name}."
    )
    asked = Exchange(
        rng.choice(["What is my name?", "Who am I?", "Do you know my name?"]), "They told me.", f"Your name is {name}."
    )
    return [told, *([plain(rng)] if rng.random() < 0.5 else []), asked]


def plain(rng: Random) -> Exchange:
    """Something that needs no function."""
    return rng.choice([talk, talk, echo, echo, echo, count])(rng)
