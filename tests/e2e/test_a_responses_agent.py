"""An agent's loop through the Responses API, as Codex runs it: real processes, the unchanged openai client."""

import json
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI
from openai.types.responses import Response
from pydantic import BaseModel

from tools.compat import conversation as said
from tools.local_network import MODEL, Network

STEPS = 8  # an agent that has not answered by then never will
TOOL: Any = {"type": "function", "strict": False, **said.WEATHER["function"]}  # type: ignore[dict-item]


def ask(scripted: OpenAI, stream: bool, **request: Any) -> Response:
    """One response; a streamed one is put together by the client's own code."""
    if not stream:
        whole: Response = scripted.responses.create(model=MODEL, **request)
        return whole
    with scripted.responses.stream(model=MODEL, **request) as events:
        return events.get_final_response()


def loop(scripted: OpenAI, stream: bool, items: list[Any]) -> tuple[str, list[Any], list[list[str]]]:
    """Run calls and feed their results back until the model answers: the answer, all items, the cities of each step."""
    steps: list[list[str]] = []
    for _ in range(STEPS):
        response = ask(scripted, stream, input=items, tools=[TOOL])
        assert response.status == "completed"
        items = [*items, *(item.to_dict() for item in response.output)]
        calls = [item for item in response.output if item.type == "function_call"]
        if not calls:
            return response.output_text, items, steps
        steps.append([])
        for call in calls:
            values = json.loads(call.arguments)
            steps[-1].append(values["city"])
            items.append(
                {"type": "function_call_output", "call_id": call.call_id, "output": said.get_weather(**values)}
            )
    pytest.fail(f"no answer after {STEPS} steps: {steps}")


def user(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_one_call_after_another_leads_to_the_answer(scripted: OpenAI, stream: bool) -> None:
    answer, items, steps = loop(scripted, stream, user(said.IN_TURN))
    assert (answer, steps) == (said.IN_TURN_ANSWER, [["Paris"], ["Rome"]])
    assert [item["type"] for item in items[1:]] == [
        *("reasoning", "function_call", "function_call_output"),
        *("reasoning", "message", "function_call", "function_call_output"),
        *("reasoning", "message"),
    ]
    thoughts = [item["content"][0]["text"] for item in items[1:] if item["type"] == "reasoning"]
    assert thoughts == ["Paris first.", "Then Rome.", "24 less 18."]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_three_calls_at_once_and_a_conversation_that_goes_on(scripted: OpenAI, stream: bool) -> None:
    answer, items, steps = loop(scripted, stream, user(said.AT_ONCE))
    assert (answer, steps) == (said.AT_ONCE_ANSWER, [["Oslo", "Cairo", "Lima"]])
    answer, _, steps = loop(scripted, stream, items + user(said.IN_TURN))
    assert (answer, steps) == (said.IN_TURN_ANSWER, [["Paris"], ["Rome"]])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_thought_is_an_item_of_its_own_and_is_counted(scripted: OpenAI, stream: bool) -> None:
    response = ask(scripted, stream, input=said.HELLO)
    assert [item.type for item in response.output] == ["reasoning", "message"]
    assert response.output_text == said.HELLO_ANSWER
    assert response.usage is not None
    assert (
        len(said.HELLO_THOUGHT) < response.usage.output_tokens_details.reasoning_tokens < response.usage.output_tokens
    )


class Reading(BaseModel):
    city: str
    degrees: int


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_answer_is_parsed_into_a_model(scripted: OpenAI, stream: bool) -> None:
    if stream:
        with scripted.responses.stream(model=MODEL, input=said.AS_JSON, text_format=Reading) as events:
            parsed = events.get_final_response().output_parsed
    else:
        parsed = scripted.responses.parse(model=MODEL, input=said.AS_JSON, text_format=Reading).output_parsed
    assert parsed == Reading(city="Paris", degrees=18)


def test_a_real_model_answers_alike_in_both_apis(tmp_path: Path, tiny_qwen35: Path) -> None:
    network = Network(tmp_path, tiny_qwen35, format="qwen-xml")
    try:
        network.start_coordinator()
        network.start_worker()
        with OpenAI(base_url=network.url + "/v1", api_key=network.key, max_retries=0) as client:
            options: dict[str, Any] = {"temperature": 0}
            chat = client.chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": said.HELLO}], max_tokens=24, **options
            )
            for stream in (False, True):
                events: Any = client.responses.create(
                    model=MODEL, input=said.HELLO, max_output_tokens=24, stream=stream, **options
                )
                response = [event for event in events][-1].response if stream else events
                thought = "".join(item.content[0].text for item in response.output if item.type == "reasoning")
                message = chat.choices[0].message
                assert response.output_text == (message.content or "")
                assert thought == (message.model_extra or {}).get("reasoning_content", "")
                assert response.usage.output_tokens == 24
                assert (response.status, chat.choices[0].finish_reason) == ("incomplete", "length")
    finally:
        network.close()
