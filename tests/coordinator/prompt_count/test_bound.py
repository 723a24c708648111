"""What the bound of a prompt counts. tests/models/test_prompt_bound.py shows that no prompt has more tokens."""

from hypothesis import given
from hypothesis import strategies as st

from coordinator.prompt_count.bound import MARKS_CHAT, pictures_bound, prompt_bound
from wire.chat import ChatRequest, Image, Message, Tool


def request(*texts: str, tools: tuple[Tool, ...] = ()) -> ChatRequest:
    messages = tuple(Message(role="user", content=text) for text in texts)
    return ChatRequest(messages=messages, tools=tools, max_tokens=10)


@given(st.lists(st.text(max_size=200), min_size=1, max_size=5))
def test_a_prompt_has_no_more_tokens_than_bytes_and_marks(texts: list[str]) -> None:
    bound = prompt_bound(request(*texts), 10**6)
    assert bound >= sum(len(text.encode(errors="replace")) for text in texts) + 12 * len(texts)


def test_tools_count_and_the_context_is_the_end() -> None:
    tool = Tool(name="f", description="d" * 100, parameters={"type": "object"})
    assert prompt_bound(request("a", tools=(tool,)), 10**6) > prompt_bound(request("a"), 10**6) + 1024
    assert prompt_bound(request("a" * 10_000), 4096) == 4096


def test_a_character_counts_by_its_bytes() -> None:
    assert prompt_bound(request("\U00020000" * 500), 10**6) >= 2000 + MARKS_CHAT
    assert prompt_bound(request("한" * 400), 10**6) >= 1200 + MARKS_CHAT


def test_a_picture_counts_by_what_it_may_be_and_not_by_its_name() -> None:
    images = tuple(Image(at=0, sha256="a" * 64, size_bytes=10_000_000, most=most) for most in (1024, 256))
    seen = ChatRequest(messages=(Message(role="user", content="a", images=images),), max_tokens=10)
    assert pictures_bound(seen) == 1024 + 2 + 256 + 2
    assert prompt_bound(seen, 10**6) == prompt_bound(request("a"), 10**6) + pictures_bound(seen)
