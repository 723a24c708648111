"""What of a request was taken and not done stands in its answer, streamed or whole, of either API."""

import asyncio
import json
from typing import Any

import pytest

from coordinator.rounds.offer import UNSERVED
from tests.coordinator.conftest import Coordinator

SOGNI: dict[str, Any] = {"model": "tiny", "sogni_tools": True, "sogni_tool_execution": True}
SAID = [f"'sogni_tools': the model was told of none of these tools: {UNSERVED}"]


async def events(coordinator: Coordinator, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        asking = asyncio.create_task(http.post(path, json=body))
        await worker.serve("hello")
        response = await asking
    assert response.status_code == 200, response.text
    if not body.get("stream"):
        return [response.json()]
    return [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: {")]


async def test_a_whole_completion(coordinator: Coordinator) -> None:
    body = {**SOGNI, "messages": [{"role": "user", "content": "hi"}]}
    (answer,) = await events(coordinator, "/v1/chat/completions", body)
    assert answer["choices"][0]["warnings"] == SAID
    assert answer["choices"][0]["message"]["content"] == "hello"


async def test_a_streamed_completion_says_it_once(coordinator: Coordinator) -> None:
    body = {**SOGNI, "messages": [{"role": "user", "content": "hi"}], "stream": True}
    chunks = await events(coordinator, "/v1/chat/completions", body)
    assert [chunk["choices"][0].get("warnings") for chunk in chunks] == [SAID] + [None] * (len(chunks) - 1)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_response(coordinator: Coordinator, stream: bool) -> None:
    body = {**SOGNI, "input": "hi", "tools": [{"type": "image_generation"}], "stream": stream}
    answers = await events(coordinator, "/v1/responses", body)
    last = answers[-1]["response"] if stream else answers[0]
    assert set(SAID) < set(last["warnings"])
    assert any("the tool 'image_generation' is not offered" in warning for warning in last["warnings"])
    assert last["tools"] == []
