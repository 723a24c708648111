"""Platform tools in chats, through the real HTTP API with the real clients: a chat worker and a media worker that do
what the test says."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.coordinator.api.artist import artist
from tests.coordinator.api.platform_driver import CAT, DRAW, PATIENCE_S, balanced, call, link_in, names, network, turn
from tests.coordinator.conftest import Start, chat_of, make_key
from tests.coordinator.media_worker import make_of, media_worker
from wire import messages as wire
from wire.chat import Content, Usage
from wire.errors import ErrorCode
from wire.media import GenerateImage

ASK: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "draw a neon alley"}]}


def refusal(start: wire.Start) -> wire.Failed:
    """A media worker's, of what it was asked to make."""
    code = ErrorCode.INVALID_REQUEST
    return wire.Failed(job=start.job, attempt=start.attempt, seq=0, code=code, message="no", retryable=False)


async def test_a_chat_that_draws(start_coordinator: Start) -> None:
    async with network(start_coordinator) as (coordinator, worker), media_worker(coordinator, serves=True) as media:
        async with coordinator.openai() as client:
            asked = asyncio.ensure_future(client.chat.completions.with_raw_response.create(**ASK))
            first = await turn(worker, "I draw. ", call())
            second = await turn(worker, "Here it is.")
            raw = await asked
        answer = raw.parse()
        assert names(first) == [DRAW]
        assert raw.headers["x-supernet-platform-tools"] == DRAW
        (choice,) = answer.choices
        assert choice.finish_reason == "stop"
        assert choice.message.tool_calls is None
        content = choice.message.content or ""
        assert content.startswith("I draw. Here it is.\n\n![a neon alley](http")
        assert (await link_in(coordinator, content)).startswith(b"\x89PNG")
        (made,) = media.asked
        assert isinstance(make_of(made), GenerateImage)
        told = chat_of(second).messages
        assert [message.role for message in told] == ["user", "assistant", "tool"]
        assert json.loads(told[2].content)["success"] is True
        assert told[1].tool_calls[0].id == told[2].tool_call_id
        (result,) = answer.model_extra["sogni_tool_results"]
        assert (result["name"], result["success"], result["model"]) == (DRAW, True, "draws")
        assert result["urls"][0] in content
        assert answer.usage is not None
        assert answer.usage.prompt_tokens == 10
        cost = answer.usage.model_extra["cost_nano_usd"]
        assert cost == 3_000_000 + 2 * 5 * 300 + answer.usage.completion_tokens * 900
        assert answer.usage.model_extra["cost_details"]["media_nano_usd"] == 3_000_000
        names_of_jobs = (first.job, made.job, second.job)
        base = first.job.removesuffix(".0")
        assert names_of_jobs == (f"{base}.0", f"{base}.1.1.0", f"{base}.2.0")
    balanced(coordinator)


async def test_a_stream_that_draws(start_coordinator: Start) -> None:
    async with network(start_coordinator) as (coordinator, worker), media_worker(coordinator) as media:
        body = {**ASK, "stream": True, "stream_options": {"include_usage": True, "include_tool_progress": True}}
        async with coordinator.http() as http:
            asked = asyncio.create_task(http.post("/v1/chat/completions", json=body))
            await turn(worker, "I draw. ", call())
            start = await media.accept()
            await media.progress(start, 4)
            await asyncio.sleep(0.05)
            await media.make(start)
            await turn(worker, "Done.")
            response = await asked
    assert response.headers["x-supernet-platform-tools"] == DRAW
    text = response.text
    comments = [line for line in text.splitlines() if line.startswith(": ")]
    assert ": sogni_generate_image 46%" in comments
    assert ": sogni_generate_image 100%" in comments
    assert ": sogni_generate_image 46%\n\n" not in text  # some parsers look for an event behind a blank line
    # An `id:` before a comment, or an event of another name, is more than openai's and Vercel's clients bear.
    assert all(line.startswith((": ", "data: ")) for line in text.splitlines() if line)
    chunks = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    assert len({chunk["id"] for chunk in chunks}) == 1
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas).startswith("I draw. Done.\n\n![a neon alley](http")
    assert not any("tool_calls" in delta for delta in deltas)
    assert sum("role" in delta for delta in deltas) == 1
    ended = [chunk for chunk in chunks if chunk["choices"] and chunk["choices"][0]["finish_reason"]]
    assert [chunk["choices"][0]["finish_reason"] for chunk in ended] == ["stop"]
    assert ended[0]["sogni_tool_results"][0]["success"] is True
    told = [chunk["sogni_tool_progress"] for chunk in chunks if "sogni_tool_progress" in chunk]
    assert told[0]["status"] == "queued"
    assert (told[-1]["status"], told[-1]["percent"]) == ("done", 100)
    assert chunks[-1]["usage"]["prompt_tokens"] == 10
    assert text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("made", [True, False])
async def test_a_model_that_is_removed_while_its_tools_run_ends_its_answer_in_words(
    start_coordinator: Start, made: bool
) -> None:
    """The client was told model_not_found in the middle of an answer. What was made stands, with a warning."""
    async with network(start_coordinator) as (coordinator, worker), media_worker(coordinator) as media:
        async with coordinator.http() as http:
            asked = asyncio.create_task(http.post("/v1/chat/completions", json={**ASK, "stream": True}))
            await turn(worker, "I draw. ", call())
            start = await media.accept()
            billing = coordinator.running.services.billing
            billing.tariffs = {name: price for name, price in billing.tariffs.items() if name != "tiny"}
            if made:
                await media.make(start)
            else:
                await media.say(refusal(start))
            text = (await asked).text
    assert "The model tiny was taken out of service" in text and "model_not_found" not in text
    assert ('"code":"no_worker"' in text, "sogni_tool_results" in text) == (not made, made)


@pytest.mark.parametrize("helper", [False, True])
async def test_the_official_client_reads_a_stream_with_a_tool_in_the_middle(
    start_coordinator: Start, helper: bool
) -> None:
    async with (
        network(start_coordinator) as (coordinator, worker),
        media_worker(coordinator, serves=True),
        coordinator.openai() as client,
    ):

        async def model() -> None:
            await turn(worker, "I draw. ", call())
            await turn(worker, "Done.")

        serving = asyncio.create_task(model())
        if helper:
            async with client.chat.completions.stream(**ASK) as stream:
                async for _ in stream:
                    pass
                answer = await stream.get_final_completion()
            content, reason = answer.choices[0].message.content or "", answer.choices[0].finish_reason
            assert not answer.choices[0].message.tool_calls
        else:
            chunks = [chunk async for chunk in await client.chat.completions.create(**ASK, stream=True)]
            content = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
            reason = chunks[-1].choices[0].finish_reason
            assert chunks[-1].model_extra["sogni_tool_results"][0]["success"] is True
        await serving
        assert reason == "stop"
        assert (await link_in(coordinator, content)).startswith(b"\x89PNG")


async def test_a_response_that_draws_if_it_asks_for_it(start_coordinator: Start) -> None:
    async with (
        network(start_coordinator) as (coordinator, worker),
        media_worker(coordinator, serves=True),
        coordinator.openai() as client,
    ):
        plain = asyncio.ensure_future(client.responses.create(model="tiny", input="draw"))
        assert names(await worker.serve("no")) == []
        assert (await plain).output_text == "no"
        wish = {"sogni_tools": True}

        async def model() -> None:
            await turn(worker, call())
            await turn(worker, "Done.")

        serving = asyncio.create_task(model())
        async with client.responses.stream(model="tiny", input="draw", extra_body=wish) as stream:
            async for _ in stream:
                pass
            answer = await stream.get_final_response()
        await serving
        assert answer.status == "completed"
        assert answer.output_text.startswith("Done.\n\n![a neon alley](http")
        assert [item.type for item in answer.output] == ["message"]
        assert answer.model_extra["sogni_tool_results"][0]["success"] is True  # type: ignore[index]


async def test_a_job_of_the_sdks_socket_draws_if_it_asks_for_it(start_coordinator: Start) -> None:
    async with (
        network(start_coordinator) as (coordinator, worker),
        media_worker(coordinator, serves=True),
        artist(coordinator) as client,
    ):
        await client.ask("PLAIN")
        assert names(await worker.serve("no")) == []
        await client.hear("llmJobResult")
        await client.ask("DRAWS", stream=True, sogni_tools="creative-tools", sogni_tool_execution=True)
        first = await turn(worker, "I draw. ", call())
        assert names(first) == [DRAW]
        await turn(worker, "Done.")
        told: list[dict[str, Any]] = []
        while not told or told[-1]["frame"] == "jobTokens":
            told.append(await client.hear("jobTokens", "llmJobResult", within_s=PATIENCE_S))
        content = "".join(frame.get("content", "") for frame in told)
        assert content.startswith("I draw. Done.\n\n![a neon alley](http")
        assert (await link_in(coordinator, content)).startswith(b"\x89PNG")
        assert not any("tool_calls" in frame for frame in told)
        assert [frame["finishReason"] for frame in told if "finishReason" in frame] == ["stop"]
        assert float(told[-1]["cost"]["costInUSD"]) > 0.003
        assert "warnings" not in told[-1]
    balanced(coordinator)


async def test_both_kinds_of_calls(start_coordinator: Start) -> None:
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    async with (
        network(start_coordinator) as (coordinator, worker),
        media_worker(coordinator, serves=True),
        coordinator.openai() as client,
    ):
        asked = asyncio.ensure_future(client.chat.completions.create(**ASK, tools=[tool]))  # type: ignore[list-item]
        first = await turn(worker, call(), call("{}", "look", 1))
        answer = await asked
    assert names(first) == [DRAW, "look"]
    (choice,) = answer.choices
    assert choice.finish_reason == "tool_calls"
    (only,) = choice.message.tool_calls or []
    assert only.type == "function"
    assert only.function.name == "look"
    assert "![a neon alley](http" in (choice.message.content or "")


async def test_calls_are_left_to_a_client_that_wants_them(start_coordinator: Start) -> None:
    async with (
        network(start_coordinator) as (coordinator, worker),
        media_worker(coordinator) as media,
        coordinator.openai() as client,
    ):
        body = {"sogni_tool_execution": False}
        asked = asyncio.ensure_future(client.chat.completions.create(**ASK, extra_body=body))
        await turn(worker, call())
        answer = await asked
        assert media.asked == []
    (only,) = answer.choices[0].message.tool_calls or []
    assert only.type == "function"
    assert (only.function.name, only.function.arguments) == (DRAW, CAT)
    assert answer.choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize("wish", [False, "none"])
async def test_a_request_without_them_is_plain(start_coordinator: Start, wish: Any) -> None:
    async with (
        network(start_coordinator) as (coordinator, worker),
        media_worker(coordinator),
        coordinator.http() as http,
    ):
        asked = asyncio.create_task(http.post("/v1/chat/completions", json={**ASK, "sogni_tools": wish}))
        start = await worker.serve("An alley.")
        answer = await asked
    assert chat_of(start).tools == ()
    assert "x-supernet-platform-tools" not in answer.headers
    assert answer.json()["choices"][0]["message"]["content"] == "An alley."
    assert "sogni_tool_results" not in answer.json()


async def test_without_a_worker_that_serves_them_nothing_is_declared(start_coordinator: Start) -> None:
    async with network(start_coordinator) as (coordinator, worker), coordinator.http() as http:
        asked = asyncio.create_task(http.post("/v1/chat/completions", json=ASK))
        start = await worker.serve("An alley.")
        assert (await asked).status_code == 200
        assert chat_of(start).tools == ()
        forced = {"type": "function", "function": {"name": DRAW}}
        refused = await http.post("/v1/chat/completions", json={**ASK, "tool_choice": forced})
        assert refused.status_code == 400
        assert refused.json()["error"]["param"] == "tool_choice"


@pytest.mark.parametrize(("mode", "asks", "declared"), [("opt-in", False, 0), ("opt-in", True, 1), ("off", True, 0)])
async def test_the_operator_decides(start_coordinator: Start, mode: str, asks: bool, declared: int) -> None:
    settings: dict[str, Any] = {"platform_tools": mode}
    async with network(start_coordinator, **settings) as (coordinator, worker), media_worker(coordinator):
        async with coordinator.http() as http:
            body = {**ASK, "sogni_tools": True} if asks else ASK
            asked = asyncio.create_task(http.post("/v1/chat/completions", json=body))
            start = await worker.serve("x")
            assert (await asked).status_code == 200
    assert len(chat_of(start).tools) == declared


async def test_a_tool_that_is_asked_for_by_name_is_called_once(start_coordinator: Start) -> None:
    async with network(start_coordinator) as (coordinator, worker), media_worker(coordinator, serves=True):
        async with coordinator.http() as http:
            forced = {"type": "function", "function": {"name": DRAW}}
            asked = asyncio.create_task(http.post("/v1/chat/completions", json={**ASK, "tool_choice": forced}))
            first = await turn(worker, call())
            second = await turn(worker, "Done.")
            assert (await asked).json()["choices"][0]["finish_reason"] == "stop"
    assert (chat_of(first).tool_choice, chat_of(second).tool_choice) == (f"name:{DRAW}", "auto")


async def test_failures_are_told_to_the_model(start_coordinator: Start) -> None:
    async with network(start_coordinator) as (coordinator, worker), media_worker(coordinator) as media:
        async with coordinator.http() as http:
            asked = asyncio.create_task(http.post("/v1/chat/completions", json=ASK))
            await turn(worker, call('{"prompt": ""}'), call(name=DRAW, index=1))
            start = await media.accept()
            await media.say(refusal(start))
            second = await turn(worker, "It did not work.")
            answer = (await asked).json()
    told = [json.loads(message.content) for message in chat_of(second).messages if message.role == "tool"]
    assert [one["success"] for one in told] == [False, False]
    assert "prompt is missing" in told[0]["error"]
    assert answer["choices"][0]["message"]["content"] == "It did not work."
    assert [result["success"] for result in answer["sogni_tool_results"]] == [False, False]


@pytest.mark.parametrize(
    ("headers", "stream", "made"), [({}, False, False), ({}, True, True), ({"x-stainless-timeout": "600"}, False, True)]
)
async def test_what_takes_longer_than_the_client_waits_is_not_begun(
    start_coordinator: Start, headers: dict[str, str], stream: bool, made: bool
) -> None:
    slow = 8 * 64 * 64 / 2**20 / 400  # 400 s for the picture
    async with (
        network(start_coordinator) as (coordinator, worker),
        media_worker(coordinator, serves=True, speed=slow) as media,
        coordinator.http() as http,
    ):
        body = {**ASK, "stream": stream}
        asked = asyncio.create_task(http.post("/v1/chat/completions", json=body, headers=headers))
        await turn(worker, call())
        second = await turn(worker, "Well.")
        assert (await asked).status_code == 200
    told = json.loads(chat_of(second).messages[-1].content)
    assert told["success"] is made, told
    assert made or "it has to ask for a stream" in told["error"]
    assert len(media.asked) == made


async def test_a_client_that_leaves_at_half_cancels_the_drawing(start_coordinator: Start) -> None:
    async with network(start_coordinator) as (coordinator, worker), media_worker(coordinator) as media:
        async with coordinator.http() as http:
            async with http.stream("POST", "/v1/chat/completions", json={**ASK, "stream": True}) as response:
                await turn(worker, "I draw. ", call())
                start = await media.accept()
                await media.progress(start, 4)
                async for line in response.aiter_lines():
                    if "46%" in line:
                        break
        cancel = await media.hear(wire.Cancel)
        assert (cancel.job, cancel.attempt) == (start.job, start.attempt)
        usage = Usage(prompt=0, completion=0)
        await media.say(wire.Cancelled(job=start.job, attempt=start.attempt, seq=0, usage=usage))
        async with asyncio.timeout(10):
            while coordinator.running.services.billing.running:  # noqa: ASYNC110 - no event says it
                await asyncio.sleep(0.02)
    balanced(coordinator)


async def test_a_repeat_under_its_key_is_the_same_answer(start_coordinator: Start) -> None:
    async with network(start_coordinator) as (coordinator, worker), media_worker(coordinator, serves=True) as media:
        async with coordinator.http() as http:
            key = {"idempotency-key": "k1"}
            asked = asyncio.create_task(http.post("/v1/chat/completions", json=ASK, headers=key))
            await turn(worker, call())
            await turn(worker, "Done.")
            first = await asked
            again = await http.post("/v1/chat/completions", json=ASK, headers=key)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()
    assert len(media.asked) == 1


async def test_a_chat_goes_on_behind_its_picture_when_its_coordinator_comes_back(
    start_coordinator: Start, tmp_path: Path
) -> None:
    key, as_it_died = {"idempotency-key": "k1"}, tmp_path / "as it died.db"
    async with network(start_coordinator) as (first, worker), media_worker(first, serves=True), first.http() as http:
        asked = asyncio.create_task(http.post("/v1/chat/completions", json=ASK, headers=key))
        await turn(worker, "I draw. ", call())
        await worker.hear(wire.Start, PATIENCE_S)
        assert await first.running.services.ledger.flushed(10)
        with closing(sqlite3.connect(first.config.db)) as now, closing(sqlite3.connect(as_it_died)) as copy:
            now.backup(copy)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
    file = Path(first.config.db)
    for one in ("", "-wal", "-shm"):
        file.with_name(file.name + one).unlink(missing_ok=True)
    as_it_died.rename(file)
    async with network(start_coordinator) as (coordinator, worker), media_worker(coordinator, serves=True) as media:
        headers = key | {"authorization": f"Bearer {first.key}"}
        async with coordinator.http() as http:
            asked = asyncio.create_task(http.post("/v1/chat/completions", json=ASK, headers=headers))
            told = await turn(worker, "Done.")
            answer = await asked
    assert answer.status_code == 200, answer.text
    assert [message.role for message in chat_of(told).messages] == ["user", "assistant", "tool"]
    content = answer.json()["choices"][0]["message"]["content"]
    assert content.startswith("I draw. Done.\n\n![a neon alley](http") and not media.asked
    assert answer.json()["usage"]["cost_nano_usd"] == 3_000_000 + 2 * 5 * (300 + 900)
    balanced(coordinator)


async def test_a_key_that_has_them_switched_off_is_told_of_none(start_coordinator: Start) -> None:
    async with network(start_coordinator) as (coordinator, worker), media_worker(coordinator):
        plain = make_key(coordinator.config, platform_tools=False)
        await coordinator.running.services.accounts.refresh()
        async with coordinator.http(plain) as http:
            asked = asyncio.create_task(http.post("/v1/chat/completions", json={**ASK, "sogni_tools": True}))
            start = await worker.serve("An alley.")
            answer = (await asked).json()
            forced = {"type": "function", "function": {"name": DRAW}}
            refused = await http.post("/v1/chat/completions", json={**ASK, "tool_choice": forced})
    assert chat_of(start).tools == ()
    assert "this API key has the platform tools switched off" in answer["choices"][0]["warnings"][0]
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "tool_choice")
    assert "this API key has the platform tools switched off" in refused.json()["error"]["message"]


@pytest.mark.parametrize("mode", ["off", "opt-in"])
async def test_a_choice_of_a_tool_that_the_operator_has_switched_off_says_so(
    start_coordinator: Start, mode: str
) -> None:
    forced = {"type": "function", "function": {"name": DRAW}}
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [forced]}}
    async with network(start_coordinator, platform_tools=mode) as (coordinator, _), media_worker(coordinator):
        async with coordinator.http() as http:
            for choice in (forced, allowed):
                refused = await http.post("/v1/chat/completions", json={**ASK, "tool_choice": choice})
                assert (refused.status_code, refused.json()["error"]["param"]) == (400, "tool_choice")
                why = "operator" if mode == "off" else "have to be asked for by 'sogni_tools'"
                assert why in refused.json()["error"]["message"]


async def test_tools_of_both_kinds_may_be_allowed(start_coordinator: Start) -> None:
    look = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    go = {"type": "function", "function": {"name": "go", "parameters": {"type": "object"}}}
    async with network(start_coordinator) as (coordinator, worker), media_worker(coordinator, serves=True):
        async with coordinator.http() as http:
            for mode, named, told in (("auto", ["go"], ["go"]), ("required", [DRAW, "go"], [DRAW, "go"])):
                tools = [{"type": "function", "function": {"name": name}} for name in named]
                choice = {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}
                body = {**ASK, "tools": [look, go], "tool_choice": choice}
                asked = asyncio.create_task(http.post("/v1/chat/completions", json=body))
                start = await turn(worker, "No.")
                assert (await asked).status_code == 200
                assert (names(start), chat_of(start).tool_choice) == (told, mode)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_chat_that_draws_is_answered_whole_by_a_coordinator_that_drains(
    start_coordinator: Start, stream: bool
) -> None:
    """What it draws, and its next round, were refused as new requests are; and the process ended between them."""
    async with network(start_coordinator) as (coordinator, worker), media_worker(coordinator) as media:
        async with coordinator.http() as http:
            asked = asyncio.create_task(http.post("/v1/chat/completions", json={**ASK, "stream": stream}))
            start = await worker.accept()
            coordinator.server.drain()
            assert (await http.post("/v1/chat/completions", json=ASK)).status_code == 503
            parts = (Content(text="I draw. "), call())
            item = wire.Delta(job=start.job, attempt=start.attempt, seq=0, tokens=(1, 2, 3), parts=parts)
            await worker.say(wire.Deltas(items=(item,)))
            await worker.done(start, 1, "tool_calls")
            await media.make_one()
            await turn(worker, "Here it is.")
            text = (await asked).text
            assert "Here it is." in text and "![a neon alley](http" in text
        assert (await worker.hear(wire.Move)).after_s > 0
        async with asyncio.timeout(10):
            await coordinator.task
