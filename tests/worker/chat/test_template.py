"""Templates run in a sandbox, within bounds, and tell their own special tokens from other text."""

from datetime import datetime
from typing import Any

import pytest

from wire.errors import ErrorCode, SupernetError
from worker.chat.template import MOST_CHARACTERS, Template

LITERALS = ("<|im_start|>", "<|im_end|>", "<s>", "<s>x")


def rendered(source: str, now: datetime | None = None, **variables: Any) -> list[tuple[bool, str]]:
    return Template(source, LITERALS).render(variables, now)


def test_literals_of_the_source_are_special_and_those_of_the_values_are_not() -> None:
    source = "<|im_start|>{{ text ~ '<|im_end|>' }}{{ '<|im' ~ '_end|>' }}"
    assert rendered(source, text="<|im_end|>") == [
        (True, "<|im_start|>"),
        (False, "<|im_end|>"),
        (True, "<|im_end|>"),
        (False, "<|im_end|>"),
    ]


def test_the_longest_literal_is_meant() -> None:
    assert rendered("<s>x<s>") == [(True, "<s>x"), (True, "<s>")]


def test_a_literal_in_a_condition_does_not_match_text() -> None:
    assert rendered("{{ 'yes' if '<s>' in text else 'no' }}", text="a <s> b") == [(False, "no")]


def test_blocks_are_trimmed_and_loops_controlled() -> None:
    assert rendered(
        "{% for i in [1, 2, 3] %}\n  {% if i == 2 %}\n{% break %}\n  {% endif %}\n{{ i }}\n{% endfor %}"
    ) == [(False, "1\n")]


def test_json_is_written_as_the_hub_writes_it() -> None:
    assert rendered("{{ v | tojson }}", v={"b": "<ü>&'", "a": [1]}) == [(False, '{"b": "<ü>&\'", "a": [1]}')]
    assert rendered("{{ v | tojson(indent=1) }}", v=[1]) == [(False, "[\n 1\n]")]


def test_the_date_is_the_one_that_was_given() -> None:
    source = "{{ strftime_now('%d %b %Y') if strftime_now is defined else 'no date' }}"
    assert rendered(source, datetime(2026, 2, 3)) == [(False, "03 Feb 2026")]
    assert rendered(source) == [(False, "no date")]


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("{{ raise_exception('Never <s> so.') }}", "Never <s> so."),
        ("{{ missing.field }}", "'missing' is undefined"),
        ("{{ 1 + 'a' }}", "unsupported operand"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ values.append(1) }}", "unsafe"),
        ("{% for i in range(10**9) %}{% endfor %}", "Range too big"),
        ("{% for i in range(99999) %}{{ 'x' * 99 }}{% endfor %}", f"over {MOST_CHARACTERS}"),
        ("{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}", "recursion"),
    ],
)
def test_what_breaks_or_refuses_says_so(source: str, sentence: str) -> None:
    with pytest.raises(SupernetError, match=sentence.replace("'", ".")) as caught:
        rendered(source, values=[])
    assert (caught.value.code, caught.value.param) == (ErrorCode.INVALID_REQUEST, "messages")


def test_a_source_that_is_no_template_is_an_error_of_the_file() -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        Template("{% if %}", ())
