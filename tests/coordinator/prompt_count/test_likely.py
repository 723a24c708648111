"""coordinator/prompt_count/likely.py: above what real vocabularies make of every kind of text, and not far above."""

import pytest

from coordinator.prompt_count.likely import likely_most, likely_tokens
from coordinator.prompt_count.vocabulary import Vocabulary
from tests.coordinator.prompt_count.words import WORDS
from tests.program.test_gguf import demo_model
from wire.chat import ChatRequest, Message

# Tokens of SmolLM2, as a share of the bound: measured, rounded up. Qwen's vocabularies, three and five times as large,
# have fewer of nearly every text: 0.42 of English, 0.21 of Chinese, 0.94 of base64, 1.05 of hexadecimal digits.
SHARES = {"english": 0.5, "code": 0.6, "chinese": 0.7, "korean": 0.95, "base64": 1.05, "letters": 1.05}


@pytest.mark.parametrize("name", WORDS)
def test_the_bound_is_above_what_a_small_vocabulary_makes_of_it(name: str) -> None:
    assert Vocabulary(demo_model()).count(WORDS[name]) <= 1.05 * likely_tokens(WORDS[name])


@pytest.mark.parametrize("name", SHARES)
def test_how_far_above_it_is(name: str) -> None:
    share = Vocabulary(demo_model()).count(WORDS[name]) / likely_tokens(WORDS[name])
    assert SHARES[name] - 0.15 <= share <= SHARES[name]


def test_a_thousand_words_are_far_from_as_many_tokens_as_they_have_bytes() -> None:
    words = " ".join(["quick", "brown", "umbrella", "everybody", "rain"] * 200)
    request = ChatRequest(messages=(Message(role="user", content=words),), max_tokens=1)
    assert 1000 < likely_most(request, "qwen-json") < 0.65 * len(words)
