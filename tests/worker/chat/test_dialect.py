"""What templates are found to be able to do."""

import pytest

from tests.worker.chat.vocabularies import PLAIN, QWEN3, QWEN35, ByteVocabulary
from worker.chat.dialect import Dialect, dialect_of
from worker.chat.special_tokens import SpecialTokens

TURN = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"


def found(vocabulary: ByteVocabulary) -> Dialect:
    return dialect_of(vocabulary, SpecialTokens(vocabulary.special))


@pytest.mark.parametrize(("vocabulary", "able"), [(QWEN3, True), (QWEN35, True), (PLAIN, False)])
def test_the_families(vocabulary: ByteVocabulary, able: bool) -> None:
    dialect = found(vocabulary)
    assert (dialect.tools, dialect.switch, dialect.thinks) == (able, able, able)
    assert (dialect.start, dialect.end) == ("<|im_start|>", "<|im_end|>")


def test_a_file_without_a_template_speaks_chatml() -> None:
    dialect = found(ByteVocabulary(""))
    assert (dialect.tools, dialect.start, dialect.end) == (False, "<|im_start|>", "<|im_end|>")


def test_a_template_that_lists_tools_but_not_calls_has_no_tools() -> None:
    assert not found(ByteVocabulary("{{ tools | tojson }}" + TURN)).tools


def test_a_template_that_refuses_calls_has_no_tools() -> None:
    refuses = "{{ tools }}{% for m in messages if m.role == 'tool' %}{{ raise_exception('no') }}{% endfor %}"
    assert not found(ByteVocabulary(refuses + TURN)).tools


def test_without_turns_there_is_no_start() -> None:
    assert found(ByteVocabulary("{% for m in messages %}{{ m.content }}{% endfor %}")).start is None


REFUSES = "{% if m.role == 'system' and not loop.first %}{{ raise_exception('Too late.') }}{% else %}"
IN_PLACE = TURN.replace("<|im_start|>", REFUSES + "<|im_start|>").replace("{% endfor %}", "{% endif %}{% endfor %}")
IN_PLACE += "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
AHEAD = "{% for m in messages %}" + REFUSES + "{% endif %}{% endfor %}" + TURN
DROPS = TURN.replace("in messages", "in messages if m.role != 'system' or loop.first")


@pytest.mark.parametrize(("source", "able"), [(TURN, True), (IN_PLACE, True), (AHEAD, False), (DROPS, False)])
def test_where_a_late_system_message_can_stand(source: str, able: bool) -> None:
    assert found(ByteVocabulary(source)).late_system == able


def test_assembled_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match="together out of pieces"):
        found(ByteVocabulary("{{ messages[0].content }}{{ '<|' ~ 'im_end|>' }}"))


PADDED = ("<|im_start|>", "<|im_end|>", "<|image_pad|>")
PARTS = TURN.replace(
    "{{ m.content }}",
    "{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}"
    "{{ p.text if p.type == 'text' else '<|image_pad|>' }}{% endfor %}{% endif %}",
)


@pytest.mark.parametrize(
    ("source", "able"),
    [
        (PARTS, True),
        (PARTS.replace("'<|image_pad|>'", "'<|image_' ~ 'pad|>'"), False),
        (PARTS.replace("p.text", "''"), False),
        (PARTS.replace("'<|image_pad|>'", "'<|image_pad|><|image_pad|>'"), False),
        (PARTS.replace("{% for p", "{{ raise_exception('Text only.') }}{% for p"), False),
        (TURN, False),
        (TURN + "{# <|image_pad|> #}{{ '<|image_pad|>' if false }}", False),
    ],
)
def test_a_model_sees_whose_template_shows_it_a_picture(source: str, able: bool) -> None:
    assert found(ByteVocabulary(source, control=PADDED)).sees == able


def test_without_a_token_for_it_no_picture_is_seen() -> None:
    assert not found(ByteVocabulary(PARTS)).sees
