"""A job of the SDKs' socket: from its request to its result, as an SDK gathers it."""

import asyncio

from tests.coordinator.api.artist import artist
from tests.coordinator.conftest import Coordinator, Start, chat_of, until
from wire import messages as wire
from wire.chat import CallDelta, Notice, Reasoning, Usage
from wire.errors import ErrorCode


async def test_a_streamed_job_is_told_as_it_comes_and_ends_with_its_result(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, artist(coordinator) as client:
        await worker.join()
        await client.ask("JOB-1", stream=True, tokenType="spark")
        pending = await client.hear("jobState")
        assert pending == {"frame": "jobState", "jobID": "JOB-1", "type": "pending", "modelId": "tiny"}
        start = await worker.accept()
        started = await client.hear("jobState")
        assert started["type"] == "jobStarted"
        await worker.tell(start, "he")
        assert await client.hear("jobTokens") == {
            "frame": "jobTokens",
            "jobID": "JOB-1",
            "content": "h",
            "role": "assistant",
        }
        assert (await client.hear("jobTokens"))["content"] == "e"
        await worker.done(start, 2)
        last = await client.hear("jobTokens")
        usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
        assert (last["content"], last["finishReason"]) == ("", "stop")
        assert usage.items() <= last["usage"].items()
        result = await client.hear("llmJobResult")
        assert usage.items() <= result["usage"].items()
        nano = 5 * 300 + 2 * 900
        spark = f"{nano / 5_000_000:f}".rstrip("0")
        assert result["cost"] == {
            "costInUSD": f"{nano / 10**9:.9f}".rstrip("0"),
            "costInToken": spark,
            "costInSpark": spark,
            "costInSogni": f"{nano / 10_000_000:f}".rstrip("0"),
            "inputTokens": 5,
            "outputTokens": 2,
        }
        assert len(result["workerName"]) == 12
        assert result["timeTaken"] >= 0


async def test_a_job_that_is_not_streamed_comes_in_one_frame(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, artist(coordinator) as client:
        await worker.join()
        await client.ask("JOB-1", max_tokens=7, topP=0.5, taskProfile="coding", think=False)
        start = await worker.serve("hello")
        asked = chat_of(start)
        assert (asked.max_tokens, asked.sampling.top_p, asked.thinking) == (7, 0.5, False)
        assert (await client.hear("jobTokens"))["content"] == "hello"
        assert (await client.hear("jobTokens"))["finishReason"] == "stop"
        await client.hear("llmJobResult")


async def test_thoughts_stand_between_tags_and_calls_have_their_ids(coordinator: Coordinator) -> None:
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    async with coordinator.worker() as worker, artist(coordinator) as client:
        await worker.join()
        await client.ask("JOB-1", tools=[tool], tool_choice="auto")
        start = await worker.accept()
        parts = (
            Reasoning(text="well"),
            CallDelta(index=0, name="look", arguments='{"at"'),
            CallDelta(index=0, arguments=': "it"}'),
            CallDelta(index=1, name="look", arguments="{}"),
            Notice(text="two of them"),
        )
        item = wire.Delta(job=start.job, attempt=1, seq=0, tokens=(1, 2, 3), parts=parts)
        await worker.say(wire.Deltas(items=(item,)))
        await worker.done(start, 1, "tool_calls")
        said = await client.hear("jobTokens")
        assert said["content"] == "<think>\nwell\n</think>\n\n"
        assert [call["function"]["arguments"] for call in said["tool_calls"]] == ['{"at": "it"}', "{}"]
        assert len({call["id"] for call in said["tool_calls"]}) == 2
        assert (await client.hear("jobTokens"))["finishReason"] == "tool_calls"
        assert "two of them" in (await client.hear("llmJobResult"))["warnings"][0]


async def test_an_error_is_told_with_a_tag_of_theirs_and_our_own_code(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, artist(coordinator) as client:
        for fields, tag, code in (
            ({"model": "nothing"}, "model_unavailable", "model_not_found"),
            ({}, "model_unavailable", "no_worker"),
            ({"temperature": 9}, "invalid_request", "invalid_request"),
            ({"wish": 1}, "invalid_request", "invalid_request"),
            ({"n": 2}, "invalid_request", "invalid_request"),
            ({"logprobs": True}, "invalid_request", "invalid_request"),
        ):
            await client.ask(f"JOB-{code}-{len(str(fields))}", **fields)
            told = await client.hear("llmJobError")
            assert (told["error"], told["error_code"]) == (tag, code), fields
            assert told["error_message"]
        await worker.join()
        await client.ask("JOB-9")
        start = await worker.accept()
        why = {"code": ErrorCode.CONTEXT_LENGTH_EXCEEDED, "message": "too long", "retryable": False}
        await worker.say(wire.Failed.model_validate({"job": start.job, "attempt": 1, "seq": 0, **why}))
        told = await client.hear("llmJobError")
        assert (told["jobID"], told["error"]) == ("JOB-9", "invalid_request")
        assert told["error_code"] == "context_length_exceeded"


async def test_a_job_that_waits_is_told_its_place(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, artist(coordinator) as client:
        await worker.join(slots=1)
        await client.ask("JOB-1")
        first = await worker.accept()
        await client.ask("JOB-2")
        waiting = await client.hear("jobState")
        while waiting["type"] != "queued":
            waiting = await client.hear("jobState")
        assert (waiting["jobID"], waiting["queuePosition"]) == ("JOB-2", 1)
        assert float(waiting["estimatedCost"]) > 0
        await worker.done(first, await worker.tell(first, "one"))
        await worker.serve("two")
        results = [(await client.hear("llmJobResult"))["jobID"] for _ in range(2)]
        assert results == ["JOB-1", "JOB-2"]


async def test_a_job_that_is_cancelled_frees_its_slot_and_is_told_so(coordinator: Coordinator) -> None:
    cancel = {"error": "artistCanceled", "error_message": "artistCanceled", "isFromWorker": False}
    async with coordinator.worker() as worker, artist(coordinator) as client:
        await worker.join()
        await client.ask("JOB-1", stream=True)
        start = await worker.accept()
        await client.say("jobError", {"jobID": "JOB-1", **cancel})
        assert (await worker.hear(wire.Cancel)).job == start.job
        assert (await client.hear("llmJobError"))["error"] == "artistCanceled"
        confirmed = await client.hear("artistCancelConfirmation")
        assert (confirmed["jobID"], confirmed["didCancel"]) == ("JOB-1", True)
        await client.say("jobError", {"jobID": "JOB-1", **cancel})
        confirmed = await client.hear("artistCancelConfirmation")
        assert confirmed["didCancel"] is False
        assert "no such job" in confirmed["error_message"]


async def test_jobs_end_with_their_socket(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker:
        await worker.join()
        async with artist(coordinator) as client:
            await client.ask("JOB-1", stream=True)
            start = await worker.accept()
        assert (await worker.hear(wire.Cancel)).job == start.job
        await worker.say(wire.Cancelled(job=start.job, attempt=1, seq=0, usage=Usage(prompt=5, completion=0)))
        billing = coordinator.running.services.billing
        await until(lambda: not billing.running)


async def test_a_job_moves_to_another_worker_and_its_text_goes_on(coordinator: Coordinator) -> None:
    async with coordinator.worker() as one, artist(coordinator) as client:
        await one.join("w1")
        await client.ask("JOB-1", stream=True)
        start = await one.accept()
        await one.tell(start, "he")
        heard = [(await client.hear("jobTokens"))["content"] for _ in range(2)]
        async with coordinator.worker() as two:
            await two.join("w2")
            await one.socket.close()
            again = await two.accept()
            assert again.attempt == 2
            await two.done(again, await two.tell(again, "llo"))
            while (told := await client.hear("jobTokens", "llmJobResult"))["frame"] == "jobTokens":
                heard.append(told["content"])
    assert "".join(heard) == "hello"


async def test_no_money_is_a_tag_of_theirs(start_coordinator: Start) -> None:
    async with start_coordinator() as coordinator, coordinator.worker() as worker, artist(coordinator) as client:
        await worker.join()
        await client.ask("JOB-1", tokenType="sogni")  # new accounts are given spark
        told = await client.hear("llmJobError")
        assert (told["error"], told["error_code"]) == ("insufficient_balance", "insufficient_quota")


async def test_many_jobs_at_once_do_not_mix(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, artist(coordinator) as client:
        await worker.join(slots=8)
        for n in range(8):
            await client.ask(f"JOB-{n}", messages=[{"role": "user", "content": f"say {n}"}])

        async def serve() -> None:
            starts = [await worker.accept() for _ in range(8)]
            for start in reversed(starts):
                await worker.done(start, await worker.tell(start, chat_of(start).messages[0].content))

        serving = asyncio.create_task(serve())
        said: dict[str, str] = {}
        for _ in range(16):
            told = await client.hear("jobTokens")
            said[told["jobID"]] = said.get(told["jobID"], "") + told["content"]
        await serving
        assert said == {f"JOB-{n}": f"say {n}" for n in range(8)}
