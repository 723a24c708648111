"""Which refusals of a template it can be led past, and what is written in their place."""

import pytest

from tests.worker.chat.vocabularies import QWEN3, QWEN35
from wire.errors import SupernetError
from worker.chat.refusals import Refusals, refusals_of, writes_late_systems
from worker.chat.template import Template

TURN = ("<|im_start|>", "<|im_end|>")
LATE = "{% if m.role == 'system' and not loop.first %}{{ raise_exception('Late.') }}"
WRITTEN = "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
ASKED = "{% if messages | selectattr('role', 'equalto', 'user') | list == [] %}{{ raise_exception('Ask.') }}{% endif %}"


def loop(body: str) -> str:
    return "{% for m in messages %}" + body + "{% endfor %}"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (QWEN3.template, Refusals(None, None)),
        (QWEN35.template, Refusals("A system message can only be the first one.", "There is no message of a user.")),
        (loop(LATE + "{% else %}" + WRITTEN + "{% endif %}") + ASKED, Refusals("Late.", "Ask.")),
        (loop(LATE + "{% endif %}") + loop(WRITTEN), Refusals(None, None)),
        (loop(LATE + "{% else %}<s>{{ m.role }}: {{ m.content }}</s>{% endif %}"), Refusals(None, None)),
        ("{% if messages | length > 1 %}{{ raise_exception('One.') }}{% endif %}", Refusals(None, None)),
    ],
)
def test_the_sentences_of_a_template(source: str, found: Refusals) -> None:
    assert refusals_of(Template(source, (*TURN, "<s>", "</s>")), *TURN) == found


def test_who_writes_late_system_messages() -> None:
    for source, writes in ((QWEN3.template, True), (QWEN35.template, False), (loop(WRITTEN), True), ("x", False)):
        assert writes_late_systems(Template(source, TURN)) == writes


def test_each_refusal_is_replaced_by_its_turn_and_any_other_is_one() -> None:
    instead = Refusals("Late.", "Ask.").instead(iter(["a", "b"]))
    assert [instead(sentence) for sentence in ("Late.", "Ask.", "Late.", "Late.")] == ["a", "", "b", ""]
    with pytest.raises(SupernetError, match="Other"):
        Template("{{ raise_exception('Other.') }}", TURN).render({}, refused=instead)
