"""coordinator/prompt_count/template.py: what templates write where nobody asked for it."""

import pytest

from coordinator.prompt_count.template import LONGEST, Marks, marks

THINKS = "{{ '<|im_start|>assistant\\n<think>\\n\\n</think>\\n\\n' }}"
PLAIN = "{{ '<|im_start|>assistant\\n' }}"
TOKENS = ("<think>", "</think>", "a")


@pytest.mark.parametrize(
    ("source", "system"),
    [
        ("{{ '<|im_start|>system\\nBe kind.<|im_end|>\\n' }}", "Be kind."),
        ('{{- "<|im_start|>system\nBe kind.<|im_end|>\n" }}', "Be kind."),
        ("{{ '<|im_start|>system\\nA.<|im_end|>' }}{{ '<|im_start|>system\\nThe longer.<|im_end|>' }}", "The longer."),
        ("{{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}", None),
        ("{{- '<|im_start|>system\\nFunctions:\\n<tools>' }}", None),
        ("{{ messages }}", None),
    ],
)
def test_a_system_message_that_a_template_puts_there_itself_is_found(source: str, system: str | None) -> None:
    assert marks(source, TOKENS).system == system


def test_an_empty_thought_has_two_tokens_where_the_vocabulary_has_them() -> None:
    assert marks(THINKS, TOKENS) == Marks(None, ("\n\n", "\n\n"), 2)
    assert marks(THINKS, ("a",)) == Marks(None, LONGEST.thought, 0)
    assert marks(PLAIN, TOKENS) == Marks(None, (), 0)


def test_of_a_file_without_a_template_the_longest_are_believed() -> None:
    assert marks(None, ("a",)) == LONGEST
    assert marks(None, TOKENS).system == LONGEST.system
