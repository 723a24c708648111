"""Parts of an answer, in the frames that the SDKs gather."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.openai.chat_response import Envelope
from coordinator.sogni.answer import CLOSE, OPEN, JobTokens
from wire.chat import CallDelta, Content, Notice, Part, Reasoning, Usage

ENVELOPE = Envelope("chatcmpl-1", 0, "one", "")
USAGE = Usage(prompt=5, cached=1, completion=7, reasoning=2)


def said(*batches: list[Part]) -> tuple[str, list[dict[str, str]], list[str]]:
    """What an SDK has at the end: text, calls, and the roles that it was told."""
    tokens = JobTokens("J", ENVELOPE)
    frames = [frame for parts in batches if (frame := tokens.tokens(parts))] + [tokens.finish("stop", USAGE)]
    calls: dict[int, dict[str, str]] = {}
    for frame in frames:
        assert frame["jobID"] == "J"
        for piece in frame.get("tool_calls", ()):
            call = calls.setdefault(piece["index"], {"id": "", "name": "", "arguments": ""})
            call["id"] = piece.get("id") or call["id"]
            call["name"] = piece["function"].get("name") or call["name"]
            call["arguments"] += piece["function"]["arguments"]
    roles = [frame["role"] for frame in frames if "role" in frame]
    return "".join(frame["content"] for frame in frames), list(calls.values()), roles


def test_a_thought_is_wrapped_and_closed_wherever_it_ends() -> None:
    assert said([Content(text="a")], [Content(text="b")]) == ("ab", [], ["assistant"])
    assert said([Reasoning(text="a")], [Reasoning(text="b"), Content(text="c")])[0] == f"{OPEN}ab{CLOSE}c"
    assert said([Reasoning(text="a")])[0] == f"{OPEN}a{CLOSE}"
    assert said([Reasoning(text="a"), Content(text=""), Reasoning(text="b")])[0] == f"{OPEN}ab{CLOSE}"
    assert said([Reasoning(text="")])[0] == ""
    text, calls, _ = said([Reasoning(text="a")], [CallDelta(index=0, name="f")])
    assert (text, len(calls)) == (f"{OPEN}a{CLOSE}", 1)


def test_nothing_is_said_of_what_a_client_has_nothing_of() -> None:
    tokens = JobTokens("J", ENVELOPE, ["of the request"])
    assert tokens.tokens([]) is None
    assert tokens.tokens([Content(text=""), Notice(text="of the answer")]) is None
    assert tokens.warnings == ["of the request", "of the answer"]


pieces = st.lists(st.tuples(st.integers(0, 3), st.text(max_size=3)), max_size=12)


@given(pieces, st.integers(1, 5))
def test_calls_are_the_same_however_they_are_cut_into_frames(given: list[tuple[int, str]], size: int) -> None:
    parts: list[Part] = []
    named: set[int] = set()
    for index, text in given:
        parts.append(CallDelta(index=index, name=None if index in named else f"f{index}", arguments=text))
        named.add(index)
    cut = [parts[at : at + size] for at in range(0, len(parts), size)]
    assert said(parts)[1] == said(*cut)[1]
    for call, (index, _) in zip(said(parts)[1], dict(given).items(), strict=True):
        assert call["name"] == f"f{index}"
        assert call["arguments"] == "".join(text for at, text in given if at == index)
    ids = [call["id"] for call in said(parts)[1]]
    assert all(one != other for one, other in pairwise(sorted(ids)))


@pytest.mark.parametrize("warnings", [[], ["beware"]])
def test_the_result_has_usage_time_worker_and_cost(warnings: list[str]) -> None:
    tokens = JobTokens("J", ENVELOPE, warnings)
    assert tokens.finish("length", USAGE)["finishReason"] == "length"
    result = tokens.result(USAGE, 1.23456, "w", {"costInUSD": "1"})
    assert result["cost"] == {"costInUSD": "1", "inputTokens": 5, "outputTokens": 7}
    assert (result["jobID"], result["timeTaken"], result["workerName"]) == ("J", 1.235, "w")
    assert result["usage"]["total_tokens"] == 12
    assert result.get("warnings", []) == warnings
