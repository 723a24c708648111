"""What templates are found to be able to do."""

import pytest

from tests.worker.chat.vocabularies import PLAIN, QWEN3, QWEN35, ByteVocabulary
from worker.chat.dialect import Dialect, dialect
from worker.chat.special_tokens import SpecialTokens

TURN = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"


def found(vocabulary: ByteVocabulary) -> Dialect:
    return dialect(vocabulary, SpecialTokens(vocabulary.special))


@pytest.mark.parametrize(("vocabulary", "able"), [(QWEN3, True), (QWEN35, True), (PLAIN, False)])
def test_the_families(vocabulary: ByteVocabulary, able: bool) -> None:
    speech = found(vocabulary)
    assert (speech.tools, speech.switch, speech.thinks) == (able, able, able)
    assert (speech.start, speech.end) == ("<|im_start|>", "<|im_end|>")


def test_a_file_without_a_template_speaks_chatml() -> None:
    speech = found(ByteVocabulary(""))
    assert (speech.tools, speech.start, speech.end) == (False, "<|im_start|>", "<|im_end|>")


def test_a_template_that_lists_tools_but_not_calls_has_no_tools() -> None:
    assert not found(ByteVocabulary("{{ tools | tojson }}" + TURN)).tools


def test_a_template_that_refuses_calls_has_no_tools() -> None:
    refuses = "{{ tools }}{% for m in messages if m.role == 'tool' %}{{ raise_exception('no') }}{% endfor %}"
    assert not found(ByteVocabulary(refuses + TURN)).tools


def test_without_turns_there_is_no_start() -> None:
    assert found(ByteVocabulary("{% for m in messages %}{{ m.content }}{% endfor %}")).start is None


def test_assembled_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match="together out of pieces"):
        found(ByteVocabulary("{{ messages[0].content }}{{ '<|' ~ 'im_end|>' }}"))
