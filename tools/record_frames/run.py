"""A run of a network in which every kind of frame has its reason."""

import asyncio
import json
import signal
from functools import partial
from typing import Any

import psutil

from tools.chaos.client import Answer, ask, body
from tools.chaos.client import connect as post
from tools.compat import conversation as said
from tools.local_network import MODEL, Network, Process, until
from tools.record_frames.relay import Relay

TOKENS = 400  # of an answer that is disturbed: 8 s at the pace of a scripted engine
ENDLESS = 4000  # of one that a client leaves


async def record(network: Network) -> Relay:
    """Run through all that frames are for; returns the relay with the frames of both directions. Ends the processes."""
    await asyncio.to_thread(network.start_coordinator)
    relay = Relay(network.port)
    network.worker_port = await relay.start()
    try:
        await _a_real_model(network, relay)
        await _whole_answers(network)
        await _disturbed_answers(network, relay)
        assert network.coordinator is not None
        network.coordinator.kill(signal.SIGTERM)  # says `move` first
        await asyncio.to_thread(network.coordinator.wait)
    finally:
        await asyncio.to_thread(network.close)
        await relay.close()
    return relay


async def _a_real_model(network: Network, relay: Relay) -> None:
    """Probabilities of tokens, sampling, a prompt that is longer than the context, and an engine that dies."""
    worker = await _join(network, "real")
    hello = {"model": MODEL, "messages": [{"role": "user", "content": "Hello!"}], "max_tokens": 8}
    sampling = {"temperature": 0.7, "top_p": 0.9, "seed": 5, "logit_bias": {"5": -1}, "stop": ["zebra"]}
    penalties = {"presence_penalty": 0.5, "frequency_penalty": 0.25}
    likely = await _post(network, {**hello, "logprobs": True, "top_logprobs": 2})
    assert len(likely["choices"][0]["logprobs"]["content"][0]["top_logprobs"]) == 2
    await _post(network, {**hello, **sampling, **penalties})
    long = {"messages": [{"role": "user", "content": "Where is it warm? " * 1000}]}
    answer = await ask(network, {**hello, **long, "stream": True})
    assert answer.status == 400, answer
    children = psutil.Process(worker.popen.pid).children()
    next(child for child in children if "worker.engine.child" in child.cmdline()).kill()
    await _heard(relay.to_coordinator, "issue")
    worker.kill(signal.SIGTERM)
    await asyncio.to_thread(worker.wait)


async def _whole_answers(network: Network) -> None:
    """A thought, calls, what the tools said, an answer in JSON."""
    script = network.folder / "script.json"
    script.write_text(said.script("qwen-json"))
    await _join(network, "first", "--scripted", str(script))
    base = {"model": MODEL, "max_tokens": 600}
    asked = {"role": "user", "content": said.AT_ONCE}
    hello = await _post(network, {**base, "messages": [{"role": "user", "content": said.HELLO}]})
    assert hello["choices"][0]["message"]["content"] == said.HELLO_ANSWER
    answer = await _post(network, {**base, "messages": [asked], "tools": [said.WEATHER]})
    calls = answer["choices"][0]["message"]["tool_calls"]
    results = [
        {
            "role": "tool",
            "tool_call_id": call["id"],
            "content": said.get_weather(**json.loads(call["function"]["arguments"])),
        }
        for call in calls
    ]
    turns = [asked, {"role": "assistant", "content": None, "tool_calls": calls}, *results]
    last = await _post(network, {**base, "messages": turns, "tools": [said.WEATHER]})
    assert last["choices"][0]["message"]["content"] == said.AT_ONCE_ANSWER
    schema = {"type": "json_schema", "json_schema": {"name": "city", "strict": True, "schema": said.SCHEMA}}
    as_json = {"messages": [{"role": "user", "content": said.AS_JSON}], "response_format": schema}
    told = await _post(network, {**base, **as_json})
    assert told["choices"][0]["message"]["content"] == said.JSON_ANSWER


async def _disturbed_answers(network: Network, relay: Relay) -> None:
    """A client leaves, a line breaks, a worker dies, another leaves, and both ends hear what they do not understand."""
    reader, writer = await post(network, body("cancel", ENDLESS))
    await reader.readuntil(b"data: ")
    writer.transport.abort()
    await _heard(relay.to_coordinator, "cancelled")
    await relay.talk_nonsense()
    await _heard(relay.to_coordinator, "error")
    await _heard(relay.to_worker, "error")

    answer, asking = await _begin(network)
    relay.cut()
    undisturbed = await ask(network, body("go on", TOKENS, seed=1))
    assert await _text(answer, asking) == undisturbed.text

    await _join(network, "second", "--scripted")
    answer, asking = await _begin(network)
    _serving(network, relay).kill()
    assert await _text(answer, asking) == undisturbed.text
    await asyncio.to_thread(until, lambda: network.online() == 1)

    await _join(network, "third", "--scripted")
    answer, asking = await _begin(network)
    _serving(network, relay).kill(signal.SIGTERM)
    assert await _text(answer, asking) == undisturbed.text

    await relay.drain()
    await asyncio.to_thread(until, lambda: all(worker.popen.poll() is not None for worker in network.workers))
    await _join(network, "fourth", "--scripted")


async def _join(network: Network, name: str, *options: str) -> Process:
    join = partial(network.start_worker, "--drain-s", "1", "--name", name, *options, name=name)
    return await asyncio.to_thread(join)


def _serving(network: Network, relay: Relay) -> Process:
    return next(worker for worker in network.workers if worker.state.name == relay.serving)


async def _post(network: Network, request: dict[str, Any]) -> Any:
    return await asyncio.to_thread(network.post, "/v1/chat/completions", request)


async def _heard(frames: list[str], kind: str) -> None:
    await asyncio.to_thread(until, lambda: any(json.loads(frame)["type"] == kind for frame in frames))


async def _begin(network: Network) -> "tuple[Answer, asyncio.Task[Answer]]":
    """An answer of which the first tokens have come."""
    answer = Answer(0)
    asking = asyncio.create_task(ask(network, body("go on", TOKENS, seed=1), answer=answer))
    await asyncio.to_thread(until, lambda: len(answer.pieces) > 5)
    return answer, asking


async def _text(answer: Answer, asking: "asyncio.Task[Answer]") -> str:
    """The answer when it is whole."""
    await asking
    assert answer.whole, answer.error
    return answer.text
