"""openai-agents: an Agent with a tool, on chat completions of another base URL."""

import asyncio
import json
from typing import Any

import openai
from agents import Agent, FunctionTool, OpenAIChatCompletionsModel, Runner, set_tracing_disabled
from outcome import KEY, MODEL, SAID, URL, expect, tell

set_tracing_disabled(True)  # traces would go to OpenAI
client = openai.AsyncOpenAI(base_url=URL, api_key=KEY)
model = OpenAIChatCompletionsModel(MODEL, openai_client=client)
plain = Agent(name="plain", model=model)
HELLO = SAID["hello"]["ask"]
FUNCTION = SAID["tool"]["function"]


def weather(cities: list[str]) -> Any:
    async def call(_: Any, arguments: str) -> str:
        cities.append(json.loads(arguments)["city"])
        return str(SAID["results"][cities[-1]])

    tool = FunctionTool(
        name=FUNCTION["name"],
        description=FUNCTION["description"],
        params_json_schema=FUNCTION["parameters"],
        on_invoke_tool=call,
        strict_json_schema=False,
    )
    return Agent(name="weather", model=model, tools=[tool])


async def streamed(agent: Any, ask: str) -> Any:
    run = Runner.run_streamed(agent, ask)
    async for _ in run.stream_events():
        pass
    return run


def run(task: dict[str, Any], stream: bool) -> None:
    cities: list[str] = []
    agent = weather(cities)
    done = asyncio.run(streamed(agent, task["ask"])) if stream else Runner.run_sync(agent, task["ask"])
    assert sorted(cities) == sorted(task["cities"]), cities  # it runs calls that came at once side by side
    assert task["answer"] in done.final_output, done.final_output


def usage() -> None:
    used = Runner.run_sync(plain, HELLO).context_wrapper.usage
    assert used.output_tokens > used.output_tokens_details.reasoning_tokens > 0, used


def picture() -> None:
    task = SAID["look"]
    content = [
        {"type": "input_text", "text": task["ask"]},
        {"type": "input_image", "image_url": SAID["picture"]["url"], "detail": "auto"},
    ]
    asked: Any = [{"role": "user", "content": content}]
    expect(Runner.run_sync(plain, asked).final_output, task["answer"])


def wrong_model() -> str:
    try:
        Runner.run_sync(Agent(name="no", model=OpenAIChatCompletionsModel("no-such", openai_client=client)), HELLO)
    except openai.NotFoundError as error:
        return type(error).__name__
    raise AssertionError("no error")


tell("whole answer", lambda: expect(Runner.run_sync(plain, HELLO).final_output, SAID["hello"]["answer"]))
tell("streamed answer", lambda: expect(asyncio.run(streamed(plain, HELLO)).final_output, SAID["hello"]["answer"]))
tell("usage", usage)
tell("call, result, ..., answer", lambda: run(SAID["in_turn"], stream=False))
tell("the same, streamed", lambda: run(SAID["in_turn"], stream=True))
tell("calls at once", lambda: run(SAID["at_once"], stream=False))
tell("calls at once, streamed", lambda: run(SAID["at_once"], stream=True))
tell("typed error", wrong_model)
if "picture" in SAID:
    tell("a picture", picture)
