import json

import pytest

from coordinator.scheduler.prefix_affinity import (
    BYTES_PER_TOKEN,
    FIRST_STEPS,
    LAST_STEPS,
    LEAST_TRUST,
    MOST_PROMPTS,
    PICTURE_TOKENS,
    PrefixIndex,
    PromptPrefixes,
    prompt_prefixes,
    prompt_tokens,
)
from wire.chat import ChatRequest, Image, Message, Tool, ToolCall

SYSTEM = Message(role="system", content="You are a helpful programme. " * 40)


def chat(*texts: str, system: bool = True, tools: tuple[Tool, ...] = ()) -> ChatRequest:
    """Turns of user and assistant, the user first."""
    roles = ("user", "assistant")
    turns = [Message(role=roles[i % 2], content=text) for i, text in enumerate(texts)]
    return ChatRequest(messages=((SYSTEM,) if system else ()) + tuple(turns), tools=tools, max_tokens=100)


def test_the_next_turn_repeats_the_chain_and_goes_on() -> None:
    first, second = prompt_prefixes(chat("hello"), "a"), prompt_prefixes(chat("hello", "hi", "how are you"), "a")
    assert second.steps[:2] == first.steps
    assert second.tokens[:2] == first.tokens
    assert len(second.steps) == 4
    assert first.total == first.tokens[-1] < second.total
    assert 250 < first.tokens[0] < 350, "about as many as 1,160 bytes of English have"


def test_any_difference_before_changes_all_that_follows() -> None:
    one, other = prompt_prefixes(chat("hello", "hi", "x"), "a"), prompt_prefixes(chat("hello!", "hi", "x"), "a")
    assert one.steps[0] == other.steps[0]
    assert not set(one.steps[1:]) & set(other.steps[1:])
    tool = Tool(name="look")
    assert not set(prompt_prefixes(chat("hello", tools=(tool,)), "a").steps) & set(one.steps)


def test_a_late_system_message_goes_on_with_the_chain_and_belongs_to_its_account() -> None:
    """Workers leave it where it stands (worker/chat/history.py), so all before it is read already."""
    talk, late = chat("hello", "hi"), Message(role="system", content="Be brief.")
    reminded = talk.model_copy(update={"messages": (*talk.messages, late)})
    before, mine, yours = (prompt_prefixes(*asked) for asked in ((talk, "a"), (reminded, "a"), (reminded, "b")))
    assert mine.steps[:-1] == before.steps
    assert set(mine.steps) & set(yours.steps) == {before.steps[0]}
    held = PrefixIndex()
    held.add(before, 4)
    assert held.cached_tokens(mine) == before.total


def test_accounts_share_tools_and_system_prompt_and_nothing_else() -> None:
    mine, yours = prompt_prefixes(chat("hello"), "a"), prompt_prefixes(chat("hello"), "b")
    assert mine.steps[0] == yours.steps[0]
    assert mine.steps[1] != yours.steps[1]
    assert not set(prompt_prefixes(chat("hello", system=False), "a").steps) & set(
        prompt_prefixes(chat("hello", system=False), "b").steps
    )
    tools = (Tool(name="look"),)
    bare = [prompt_prefixes(chat("hello", system=False, tools=tools), account) for account in "ab"]
    assert bare[0].steps[0] == bare[1].steps[0]
    assert bare[0].steps[1] != bare[1].steps[1]


def test_a_session_counts_only_within_its_account() -> None:
    sessions = {prompt_prefixes(chat("x"), account, session).session for account in "ab" for session in ("", "s", "t")}
    assert len(sessions) == 5
    assert prompt_prefixes(chat("x"), "a").session == 0


def test_a_long_conversation_keeps_a_bounded_chain_that_its_next_turn_finds() -> None:
    texts = [str(i) for i in range(301)]
    long, longer = prompt_prefixes(chat(*texts), "a"), prompt_prefixes(chat(*texts, "more", "and more"), "a")
    assert len(long.steps) == len(long.tokens) == FIRST_STEPS + LAST_STEPS
    held = PrefixIndex()
    held.add(long, 4)
    assert held.cached_tokens(longer) == long.total


def test_an_engine_is_believed_to_hold_what_it_has_read() -> None:
    held = PrefixIndex()
    prompt = prompt_prefixes(chat("hello"), "a")
    assert held.cached_tokens(prompt) == 0
    held.add(prompt, 4)
    assert held.cached_tokens(prompt) == prompt.total
    assert held.cached_tokens(prompt_prefixes(chat("hello", "hi", "and"), "a")) == prompt.total
    assert held.cached_tokens(prompt_prefixes(chat("something else"), "b")) == prompt.tokens[0]
    held.clear()
    assert held.cached_tokens(prompt) == 0


def test_it_holds_as_many_conversations_as_it_has_slots_and_the_oldest_goes_first() -> None:
    held = PrefixIndex()
    prompts = [prompt_prefixes(chat(name), "a") for name in "xyz"]
    for prompt in prompts[:2]:
        held.add(prompt, 2)
    held.add(
        prompt_prefixes(chat("x", "answer", "again"), "a"), 2
    )  # goes on where the first was, and takes no further place
    assert held.cached_tokens(prompts[0]) and held.cached_tokens(prompts[1])
    held.add(prompts[2], 2)
    assert held.cached_tokens(prompts[1]) == prompts[1].tokens[0], "the system prompt is in the others too"
    assert held.cached_tokens(prompts[0]) == prompts[0].total


def test_memory_is_bounded_whatever_comes() -> None:
    held = PrefixIndex()
    for i in range(1000):
        held.add(prompt_prefixes(chat(*(f"{i}.{j}" for j in range(61))), "a", f"session {i}"), 256)
    assert len(held._prompts) == len(held._sessions) == MOST_PROMPTS
    assert len(held._steps) <= MOST_PROMPTS * (FIRST_STEPS + LAST_STEPS)
    held.add(PromptPrefixes(), 4)


def test_a_known_session_is_worth_half_a_prompt_where_the_chain_says_less() -> None:
    held = PrefixIndex()
    held.add(prompt_prefixes(chat("x", system=False), "a", "s"), 4)
    rewritten = prompt_prefixes(chat("a summary of all that was said before " * 20, system=False), "a", "s")
    assert held.cached_tokens(rewritten) == rewritten.total // 2
    assert held.cached_tokens(prompt_prefixes(chat("another", system=False), "b", "s")) == 0


def test_the_workers_count_of_cached_tokens_corrects_the_belief() -> None:
    held, prompt = PrefixIndex(), prompt_prefixes(chat("x"), "a")
    length = 2 * prompt.total  # the estimate was half of the truth
    held.learn(prompt.total, prompt, length, length)
    assert held.trust == 1.0
    for _ in range(50):
        held.learn(prompt.total, prompt, 0, length)
    assert held.trust == LEAST_TRUST
    held.learn(10, prompt, length, length)
    assert held.trust == LEAST_TRUST, "ten tokens tell nothing"
    for _ in range(20):
        held.learn(prompt.total, prompt, length, length)
    assert held.trust > 0.9


def test_a_prompt_is_about_as_long_as_its_chain_says() -> None:
    request = chat("hello there " * 100, "hi", "again", tools=(Tool(name="look", parameters={"type": "object"}),))
    assert prompt_tokens(request) == pytest.approx(prompt_prefixes(request, "a").total, rel=0.2)


def test_the_estimate_for_the_rate_limits_counts_bytes_and_the_calls_of_earlier_turns() -> None:
    rare = chat("\U00020000" * 1000)
    assert prompt_tokens(rare) >= 4 * 1000 // BYTES_PER_TOKEN
    call = ToolCall(id="c", name="f", arguments=json.dumps({"text": "한" * 1000}, ensure_ascii=False))
    called = rare.model_copy(update={"messages": (Message(role="assistant", tool_calls=(call,)),)})
    assert prompt_tokens(called) >= 3 * 1000 // BYTES_PER_TOKEN
    for request in (rare, called):
        assert prompt_tokens(request) == pytest.approx(prompt_prefixes(request, "a").total, rel=0.2)


# ---- pictures ------------------------------------------------------------------------------------------------------


def picture(name: str, most: int = 1024) -> Image:
    return Image(at=0, sha256=name * 64, size_bytes=10_000_000, most=most)


def shown(*images: Image) -> ChatRequest:
    return ChatRequest(messages=(SYSTEM, Message(role="user", content="what is it?", images=images)), max_tokens=10)


def test_a_picture_has_a_few_hundred_tokens_and_a_small_one_fewer() -> None:
    none, one, small = (prompt_prefixes(shown(*images), "a") for images in ((), (picture("a"),), (picture("a", 256),)))
    assert one.total - none.total == one.picture_tokens == PICTURE_TOKENS
    assert small.total - none.total == small.picture_tokens == 256
    assert one.pictures == (0, PICTURE_TOKENS)
    assert prompt_tokens(shown(picture("a"), picture("b", 256))) - prompt_tokens(shown()) == PICTURE_TOKENS + 256


def test_two_pictures_are_two_prompts_and_one_is_one() -> None:
    a, b, small = (prompt_prefixes(shown(image), "x") for image in (picture("a"), picture("b"), picture("a", 256)))
    assert prompt_prefixes(shown(picture("a")), "x").steps == a.steps
    assert len({a.steps[-1], b.steps[-1], small.steps[-1]}) == 3
    assert a.steps[0] == b.steps[0]


def test_an_engine_that_has_read_a_picture_need_not_look_at_it_again() -> None:
    index, first = PrefixIndex(), prompt_prefixes(shown(picture("a")), "x")
    assert index.cached_picture_tokens(first) == 0
    index.add(first, 2)
    messages = (*shown(picture("a")).messages, Message(role="user", content="and this?", images=(picture("b"),)))
    second = prompt_prefixes(shown().model_copy(update={"messages": messages}), "x")
    assert (second.picture_tokens, index.cached_picture_tokens(second)) == (2 * PICTURE_TOKENS, PICTURE_TOKENS)
    assert index.cached_tokens(second) == first.total
    assert index.cached_picture_tokens(prompt_prefixes(shown(picture("b")), "x")) == 0
