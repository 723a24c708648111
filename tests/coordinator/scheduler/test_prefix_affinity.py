import pytest

from coordinator.scheduler.prefix_affinity import (
    FIRST_STEPS,
    LAST_STEPS,
    LEAST_TRUST,
    MOST_TRAILS,
    Remembered,
    Trail,
    prompt_tokens,
    session_of,
    trail,
)
from wire.chat import ChatRequest, Message, Tool

SYSTEM = Message(role="system", content="You are a helpful programme. " * 40)


def chat(*texts: str, system: bool = True, tools: tuple[Tool, ...] = ()) -> ChatRequest:
    """Turns of user and assistant, the user first."""
    roles = ("user", "assistant")
    turns = [Message(role=roles[i % 2], content=text) for i, text in enumerate(texts)]  # type: ignore[arg-type]
    return ChatRequest(messages=((SYSTEM,) if system else ()) + tuple(turns), tools=tools, max_tokens=100)


def test_the_next_turn_repeats_the_chain_and_goes_on() -> None:
    first, second = trail(chat("hello"), "a"), trail(chat("hello", "hi", "how are you"), "a")
    assert second.steps[:2] == first.steps
    assert second.tokens[:2] == first.tokens
    assert len(second.steps) == 4
    assert first.total == first.tokens[-1] < second.total
    assert 250 < first.tokens[0] < 350, "about as many as 1,160 bytes of English have"


def test_any_difference_before_changes_all_that_follows() -> None:
    one, other = trail(chat("hello", "hi", "x"), "a"), trail(chat("hello!", "hi", "x"), "a")
    assert one.steps[0] == other.steps[0]
    assert not set(one.steps[1:]) & set(other.steps[1:])
    tool = Tool(name="look")
    assert not set(trail(chat("hello", tools=(tool,)), "a").steps) & set(one.steps)


def test_accounts_share_tools_and_system_prompt_and_nothing_else() -> None:
    mine, yours = trail(chat("hello"), "a"), trail(chat("hello"), "b")
    assert mine.steps[0] == yours.steps[0]
    assert mine.steps[1] != yours.steps[1]
    assert not set(trail(chat("hello", system=False), "a").steps) & set(trail(chat("hello", system=False), "b").steps)
    tools = (Tool(name="look"),)
    bare = [trail(chat("hello", system=False, tools=tools), account) for account in "ab"]
    assert bare[0].steps[0] == bare[1].steps[0]
    assert bare[0].steps[1] != bare[1].steps[1]


def test_a_session_counts_only_within_its_account() -> None:
    sessions = {trail(chat("x"), account, session).session for account in "ab" for session in ("", "s", "t")}
    assert len(sessions) == 5
    assert trail(chat("x"), "a").session == 0


def test_agents_name_the_conversation_in_either_header() -> None:
    assert session_of({"x-session-affinity": "a", "x-session-id": "b"}) == "a"
    assert session_of({"x-session-id": "b"}) == "b"
    assert session_of({}) == ""
    assert len(session_of({"x-session-id": "b" * 9999})) == 256


def test_a_long_conversation_keeps_a_bounded_chain_that_its_next_turn_finds() -> None:
    texts = [str(i) for i in range(301)]
    long, longer = trail(chat(*texts), "a"), trail(chat(*texts, "more", "and more"), "a")
    assert len(long.steps) == len(long.tokens) == FIRST_STEPS + LAST_STEPS
    held = Remembered()
    held.remember(long, 4)
    assert held.known(longer) == long.total


def test_an_engine_is_believed_to_hold_what_it_has_read() -> None:
    held = Remembered()
    prompt = trail(chat("hello"), "a")
    assert held.known(prompt) == 0
    held.remember(prompt, 4)
    assert held.known(prompt) == prompt.total
    assert held.known(trail(chat("hello", "hi", "and"), "a")) == prompt.total
    assert held.known(trail(chat("something else"), "b")) == prompt.tokens[0]
    held.forget()
    assert held.known(prompt) == 0


def test_it_holds_as_many_conversations_as_it_has_slots_and_the_oldest_goes_first() -> None:
    held = Remembered()
    prompts = [trail(chat(name), "a") for name in "xyz"]
    for prompt in prompts[:2]:
        held.remember(prompt, 2)
    held.remember(
        trail(chat("x", "answer", "again"), "a"), 2
    )  # goes on where the first was, and takes no further place
    assert held.known(prompts[0]) and held.known(prompts[1])
    held.remember(prompts[2], 2)
    assert held.known(prompts[1]) == prompts[1].tokens[0], "the system prompt is in the others too"
    assert held.known(prompts[0]) == prompts[0].total


def test_memory_is_bounded_whatever_comes() -> None:
    held = Remembered()
    for i in range(1000):
        held.remember(trail(chat(*(f"{i}.{j}" for j in range(61))), "a", f"session {i}"), 256)
    assert len(held._trails) == len(held._sessions) == MOST_TRAILS
    assert len(held._steps) <= MOST_TRAILS * (FIRST_STEPS + LAST_STEPS)
    held.remember(Trail(), 4)


def test_a_known_session_is_worth_half_a_prompt_where_the_chain_says_less() -> None:
    held = Remembered()
    held.remember(trail(chat("x", system=False), "a", "s"), 4)
    rewritten = trail(chat("a summary of all that was said before " * 20, system=False), "a", "s")
    assert held.known(rewritten) == rewritten.total // 2
    assert held.known(trail(chat("another", system=False), "b", "s")) == 0


def test_the_workers_count_of_cached_tokens_corrects_the_belief() -> None:
    held, prompt = Remembered(), trail(chat("x"), "a")
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
    assert prompt_tokens(request) == pytest.approx(trail(request, "a").total, rel=0.2)
