"""coordinator/prompt_count/counter.py: counts that come, texts that break the child, queues that are full."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from coordinator.current_catalog import CurrentCatalog
from coordinator.prompt_count import counter
from coordinator.prompt_count.counter import CHILD, PromptCounter
from coordinator.prompt_count.texts import special_tokens, texts, unasked
from coordinator.prompt_count.vocabulary import Vocabulary
from coordinator.prompt_count.vocabulary_files import VocabularyFiles
from coordinator.scheduler.work import PromptCount
from tests.coordinator.conftest import until
from tests.coordinator.prompt_count.test_vocabulary_files import CATALOG
from wire.catalog_text import parse
from wire.chat import ChatRequest, Message

FRAGILE = """
import json, sys, time
for line in sys.stdin:
    text = json.loads(line).get("text")
    if text is None:
        print(json.dumps({"system": None, "thought": [], "thought_tokens": 0}), flush=True)
        continue
    if text == "crash": sys.exit(1)
    if text == "hang": time.sleep(600)
    print("nonsense" if text == "lie" else len(text), flush=True)
"""


def asked(*contents: str) -> ChatRequest:
    return ChatRequest(messages=tuple(Message(role="user", content=content) for content in contents), max_tokens=1)


@asynccontextmanager
async def counting(folder: Path, **options: Any) -> AsyncIterator[PromptCounter]:
    made = PromptCounter(CurrentCatalog(parse(CATALOG, "test")), VocabularyFiles(folder), **options)
    running = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
def folder(tmp_path: Path, tiny_chat: Path) -> Path:
    (tmp_path / "own.gguf").symlink_to(tiny_chat)
    return tmp_path


async def count_of(made: PromptCounter, *contents: str) -> PromptCount:
    prompt = PromptCount(99_999)
    made.count("own", asked(*contents), prompt)
    await until(lambda: prompt.counted)
    return prompt


async def test_a_prompt_has_the_tokens_of_its_texts_and_no_more(folder: Path, tiny_chat: Path) -> None:
    vocabulary, request = Vocabulary(tiny_chat), asked("hello", "what is this?")
    async with counting(folder) as made:
        found = await count_of(made, "hello", "what is this?")
    tokens, marks = unasked(request, vocabulary.marks)
    counted = sum(map(vocabulary.count, texts(request, "qwen-json") + marks))
    assert found.most == special_tokens(request) + tokens + counted


async def test_a_text_is_asked_for_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with counting(folder) as made:
        lines: list[bytes] = []
        ask = made._ask

        async def noted(line: bytes) -> str:
            lines.append(line)
            return await ask(line)

        monkeypatch.setattr(made, "_ask", noted)
        await count_of(made, "a long conversation")
        before = len(lines)
        await count_of(made, "a long conversation", "goes on")
        assert len(lines) == before + 1 and b"goes on" in lines[-1]


async def test_a_long_text_is_counted_in_pieces_and_one_beyond_the_context_not_to_its_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counter, "SLICE", 100)
    async with counting(folder) as made:
        whole = await count_of(made, "hello you " * 100)
        assert 250 < whole.most < 1200
        beyond = await count_of(made, "hello you " * 10_000)
        assert 4096 < beyond.most < 5000


@pytest.mark.parametrize("breaking", ["crash", "hang", "lie"])
async def test_a_text_that_breaks_the_child_costs_its_own_count_alone(
    folder: Path, breaking: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with counting(folder, command=(sys.executable, "-c", FRAGILE), answer_s=1.0) as made:
        broken = PromptCount(50)
        for _ in range(3):
            made.count("own", asked("fine", breaking), broken)
        await count_of(made, "fine", "also fine")
        assert broken == PromptCount(50)
    assert caplog.text.count("started anew") <= 1  # it is not tried again
    assert breaking not in caplog.text.replace("started anew", "")


async def test_a_full_queue_leaves_the_rest_uncounted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counter, "WAITING_CHARACTERS", 5000)
    made = PromptCounter(CurrentCatalog(parse(CATALOG, "test")), VocabularyFiles(folder))
    for _ in range(1000):
        made.count("own", asked("x" * 1000), PromptCount())
    assert made._queue.qsize() <= 5
    assert made._characters <= 5000


async def test_without_a_vocabulary_nothing_is_counted_and_nothing_fails(tmp_path: Path, folder: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "demo.gguf").write_text("<html>")
    async with counting(empty) as made:
        for model in ("own", "demo"):
            prompt = PromptCount(7)
            made.count(model, asked("hello"), prompt)
            await until(made._queue.empty)
            await asyncio.sleep(0.1)
            assert prompt == PromptCount(7)


async def test_the_child_ends_with_the_counter(folder: Path) -> None:
    async with counting(folder) as made:
        await count_of(made, "hello")
        child = made._child
        assert child is not None and child.returncode is None
    assert child.returncode is not None
    assert CHILD[0] == sys.executable
