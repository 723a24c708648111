"""pydantic-ai: an Agent with a tool, on its OpenAI chat model."""

import asyncio
import base64
from typing import Any

from outcome import KEY, MODEL, SAID, URL, expect, tell
from pydantic_ai import Agent, BinaryContent, StructuredDict
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

provider = OpenAIProvider(base_url=URL, api_key=KEY)
model = OpenAIChatModel(MODEL, provider=provider)
HELLO = SAID["hello"]["ask"]
FUNCTION = SAID["tool"]["function"]


def weather(cities: list[str]) -> Any:
    """An agent whose tool notes what it is called with."""
    agent = Agent(model)
    if "days" in FUNCTION["parameters"]["properties"]:

        @agent.tool_plain
        def get_weather(city: str, days: int) -> str:
            cities.append(city)
            return SAID["results"][city]
    else:

        @agent.tool_plain(name="get_weather")
        def get_weather_now(city: str) -> str:
            cities.append(city)
            return SAID["results"][city]

    return agent


async def streamed(agent: Any, ask: str) -> str:
    async with agent.run_stream(ask) as run:
        return str(await run.get_output())


def run(task: dict[str, Any], stream: bool) -> None:
    cities: list[str] = []
    agent = weather(cities)
    text = asyncio.run(streamed(agent, task["ask"])) if stream else agent.run_sync(task["ask"]).output
    assert sorted(cities) == sorted(task["cities"]), cities  # it runs calls that came at once side by side
    assert task["answer"] in text, text


def in_turn_streamed() -> None:
    """`run_stream` ends at the first text, which this model says between two calls; the events of a run go on."""

    async def events(task: dict[str, Any], cities: list[str]) -> str:
        found = ""
        async with weather(cities).iter(task["ask"]) as steps:
            async for node in steps:
                if Agent.is_model_request_node(node):
                    async with node.stream(steps.ctx) as stream:
                        async for _ in stream:
                            pass
            found = str(steps.result.output)
        return found

    cities: list[str] = []
    text = asyncio.run(events(SAID["in_turn"], cities))
    assert cities == SAID["in_turn"]["cities"] and SAID["in_turn"]["answer"] in text, (cities, text)


def thought() -> None:
    parts = Agent(model).run_sync(HELLO).all_messages()[-1].parts
    expect("".join(part.content for part in parts if part.part_kind == "thinking"), SAID["hello"]["thought"])


def usage() -> None:
    used = Agent(model).run_sync(HELLO).usage
    used = used() if callable(used) else used
    assert used.input_tokens > 0 and used.output_tokens > 0, used


def schema() -> None:
    from pydantic_ai import NativeOutput

    task = SAID["schema"]
    kind = StructuredDict(task["schema"], name="weather")
    found = Agent(model, output_type=NativeOutput(kind)).run_sync(task["ask"]).output
    assert set(found) == set(task["schema"]["required"]), found


def picture() -> None:
    task, url = SAID["look"], SAID["picture"]["url"]
    image = BinaryContent(base64.b64decode(url.partition(",")[2]), media_type="image/png")
    expect(Agent(model).run_sync([task["ask"], image]).output, task["answer"])


def tool_picture() -> None:
    """An agent's own loop, with a tool whose result is a picture: it sends that in a user's turn behind the result."""
    url, task = SAID["picture"]["url"], SAID["map"]
    agent = Agent(model)

    @agent.tool_plain
    def get_weather(city: str, days: int) -> list[Any]:
        image = BinaryContent(base64.b64decode(url.partition(",")[2]), media_type="image/png")
        return [SAID["results"][city], image]

    text = agent.run_sync(task["ask"]).output
    assert task["answer"] in text, text


def wrong_model() -> str:
    try:
        Agent(OpenAIChatModel("no-such-model", provider=provider)).run_sync(HELLO)
    except ModelHTTPError as error:
        assert error.status_code == 404, error
        return type(error).__name__
    raise AssertionError("no error")


tell("whole answer", lambda: expect(Agent(model).run_sync(HELLO).output, SAID["hello"]["answer"]))
tell("streamed answer", lambda: expect(asyncio.run(streamed(Agent(model), HELLO)), SAID["hello"]["answer"]))
tell("thought apart", thought)
tell("usage", usage)
tell("call, result, ..., answer", lambda: run(SAID["in_turn"], stream=False))
tell("the same, streamed", in_turn_streamed)
tell("calls at once", lambda: run(SAID["at_once"], stream=False))
tell("calls at once, streamed", lambda: run(SAID["at_once"], stream=True))
tell("JSON schema", schema)
tell("typed error", wrong_model)
if "picture" in SAID:
    tell("a picture", picture)
    tell("a picture from a tool", tool_picture)
