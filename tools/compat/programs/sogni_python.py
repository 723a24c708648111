"""The service's own SDK for Python, sogni_client: hosted chat over HTTP, and chat over its socket."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from outcome import KEY, MODEL, SAID, SOCKET, URL, Reply, expect, loop, tell, tool_message
from sogni_client import SogniClient
from sogni_client.errors import ApiError, ChatJobError

HELLO = [{"role": "user", "content": SAID["hello"]["ask"]}]
ENDPOINTS = {"rest_endpoint": URL.removesuffix("/v1"), "socket_endpoint": SOCKET}


async def asked(messages: list[Any], more: dict[str, Any]) -> Any:
    client = await SogniClient.create(api_key=KEY, rest_endpoint=URL.removesuffix("/v1"), disable_socket=True)
    async with client:
        return await client.chat.hosted.create({"model": MODEL, "messages": messages, **more})


def whole(messages: list[Any], **more: Any) -> Any:
    return asyncio.run(asked(messages, more))


def step(messages: list[Any]) -> Reply:
    message = whole(messages, tools=[SAID["tool"]])["choices"][0]["message"]
    return Reply(message, message["content"] or "", calls(message))


def calls(message: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in message.get("tool_calls") or []
    ]


def usage() -> None:
    used = whole(HELLO)["usage"]
    assert used["prompt_tokens"] + used["completion_tokens"] == used["total_tokens"], used


def wrong_model() -> str:
    try:
        whole(HELLO, model="no-such-model")
    except ChatJobError as error:
        assert error.payload["error"]["code"] == "model_not_found", error.payload
        return type(error).__name__
    raise AssertionError("no error")


# ---- over the socket -------------------------------------------------------------------------------------------------


def signed_in(check: Callable[[Any], Awaitable[Any]]) -> Callable[[], Any]:
    """A check with a client of its own, whose socket is open."""

    async def run() -> Any:
        async with await SogniClient.create(api_key=KEY, app_id="compat-python", **ENDPOINTS) as client:
            return await check(client)

    return lambda: asyncio.run(run())


async def said(client: Any, messages: list[Any], **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = await client.chat.completions.create({"model": MODEL, "messages": messages, **more})
    return found


async def streamed(client: Any, messages: list[Any], **more: Any) -> dict[str, Any]:
    stream: Any = await said(client, messages, stream=True, **more)
    pieces = [chunk async for chunk in stream if chunk["content"]]
    assert len(pieces) > 1 or more, "it came in one piece"
    result: dict[str, Any] = stream.final_result
    return result


def thoughtless(text: str) -> str:
    return re.sub(r"^<think>\n.*?\n</think>\n\n", "", text, flags=re.DOTALL)


def answered(result: dict[str, Any]) -> None:
    if SAID["hello"]["thought"] is not None:
        assert f"<think>\n{SAID['hello']['thought']}" in result["content"], result
    expect(thoughtless(result["content"]), SAID["hello"]["answer"])
    used = result["usage"]
    assert used["prompt_tokens"] + used["completion_tokens"] == used["total_tokens"], used
    assert result["cost"]["outputTokens"] == used["completion_tokens"]
    assert float(result["cost"]["costInUSD"]) > 0, result
    assert result["workerName"], result
    assert result["finishReason"] == "stop", result


async def models(client: Any) -> None:
    await client.api_client.start()
    found = await client.chat.wait_for_models()
    assert found[MODEL]["workers"] == 1, found
    assert client.current_account.username, client.current_account
    assert client.current_account.network_status == "connected"


async def agent(client: Any, task: dict[str, Any], ask: Callable[..., Awaitable[dict[str, Any]]]) -> None:
    running = asyncio.get_running_loop()

    def reply(messages: list[Any]) -> Reply:
        asking = asyncio.run_coroutine_threadsafe(ask(client, messages, tools=[SAID["tool"]]), running)  # type: ignore[arg-type]
        result = asking.result()
        message = {"role": "assistant", "content": result["content"] or None}
        if result.get("tool_calls"):
            message["tool_calls"] = result["tool_calls"]
        return Reply(message, result["content"], calls(result))

    await asyncio.to_thread(loop, reply, task, tool_message)


async def plain(client: Any) -> None:
    result = await said(client, HELLO, think=False, task_profile="coding", max_tokens=200, top_k=5, min_p=0)
    assert result["content"].strip(), result
    assert not result["content"].startswith("<think>"), result


async def picture(client: Any) -> None:
    shown = {"type": "image_url", "image_url": {"url": SAID["picture"]["url"]}}
    look = [{"role": "user", "content": [{"type": "text", "text": SAID["look"]["ask"]}, shown]}]
    expect(thoughtless((await said(client, look))["content"]), SAID["look"]["answer"])


async def estimate(client: Any) -> None:
    quote = await client.chat.estimate_cost(
        {"model": MODEL, "messages": HELLO, "max_tokens": 100, "tokenType": "spark"}
    )
    assert quote["costInToken"] == quote["costInSpark"] > 0, quote
    assert quote["outputTokens"] == 100, quote


async def balance(client: Any) -> None:
    before = float((await client.account.account_balance())["spark"]["net"])
    await said(client, HELLO)
    for _ in range(100):
        now = (await client.account.account_balance())["spark"]  # while a job runs more is held than it will cost
        told = client.current_account.balance["spark"]["net"]
        if float(now["net"]) < before and now["debit"] == "0" and told == now["net"]:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"still {told}, before it was {before}")


async def cancel(client: Any) -> str:
    stream: Any = await said(client, HELLO, stream=True)
    assert (await anext(stream))["jobID"] == stream.job_id
    await client.projects.cancel(stream.job_id)
    return await refused(read(stream), "artistCanceled", None)


async def read(stream: Any) -> None:
    async for _ in stream:
        pass


async def refused(asking: Awaitable[Any], kind: str, code: str | None) -> str:
    try:
        await asking
    except ChatJobError as error:
        assert (error.error_type, error.code) == (kind, code), (error.error_type, error.code, str(error))
        return f"{type(error).__name__}: {kind}"
    raise AssertionError("no error")


async def wrong_key() -> None:
    key = KEY[:-1] + ("B" if KEY.endswith("A") else "A")
    nowhere = "http://127.0.0.1:9"  # else a 401 over HTTP has the SDK forget its key before the socket is closed
    client = await SogniClient.create(api_key=key, app_id="stranger", rest_endpoint=nowhere, socket_endpoint=SOCKET)
    async with client:
        closed = asyncio.get_running_loop().create_future()
        client.api_client.socket.on("disconnected", closed.set_result)
        await client.api_client.start()
        assert (await asyncio.wait_for(closed, 10))["code"] == 4021
        assert not client.api_client.is_authenticated


async def not_offered(client: Any) -> None:
    try:
        await client.chat.runs.create({"messages": HELLO})
        raise AssertionError("no error")
    except ChatJobError as error:
        assert error.code == "not_offered", error.payload
        assert "chat.hosted" in str(error), error
    try:
        await client.account.wallet_balance("0x0")
        raise AssertionError("no error")
    except ApiError as error:
        assert error.status == 404, error
        assert "wallets" in str(error), error


tell("whole answer", lambda: expect(whole(HELLO)["choices"][0]["message"]["content"], SAID["hello"]["answer"]))
tell("usage", usage)
tell("call, result, ..., answer", lambda: loop(step, SAID["in_turn"], tool_message))
tell("calls at once", lambda: loop(step, SAID["at_once"], tool_message))
tell("typed error", wrong_model)
tell("socket: sign in, models, account", signed_in(models))


async def answered_whole(client: Any) -> None:
    answered(await said(client, HELLO))


async def answered_streamed(client: Any) -> None:
    answered(await streamed(client, HELLO))


tell("socket: whole answer", signed_in(answered_whole))
tell("socket: streamed answer", signed_in(answered_streamed))
tell("socket: call, result, ..., answer", signed_in(lambda client: agent(client, SAID["in_turn"], said)))
tell("socket: calls at once, streamed", signed_in(lambda client: agent(client, SAID["at_once"], streamed)))
tell("socket: thought not shown", signed_in(plain))
if "look" in SAID:
    tell("socket: a picture", signed_in(picture))
tell("socket: estimate", signed_in(estimate))
tell("socket: balance", signed_in(balance))
tell("socket: cancel", signed_in(cancel))
tell(
    "socket: typed error",
    signed_in(
        lambda client: refused(said(client, HELLO, model="no-such-model"), "model_unavailable", "model_not_found")
    ),
)
tell("socket: wrong key", lambda: asyncio.run(wrong_key()))
tell("not offered is said so", signed_in(not_offered))
