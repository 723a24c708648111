"""The rules of a grammar, and what of its schemas they do not hold."""

from worker.chat.grammar_rules import CALL_STYLE, Rules, text


def test_rules_that_are_alike_are_one() -> None:
    rules = Rules({}, "qwen-json")
    assert rules.rule("a", "/x/", lazy=True) == rules.rule("b", "/x/") == "a"
    assert rules.rule("c", "/y/") == "c"
    assert rules.rules == ["a[lazy]: /x/", "c: /y/"]


def test_a_tag_is_its_token_if_there_is_one() -> None:
    rules = Rules({"<tool_call>": 7}, "qwen-json")
    assert (rules.tag("<tool_call>"), rules.tag("</tool_call>")) == ("<[7]>", '"</tool_call>"')
    assert text('ä"\n') == '"ä\\"\\n"'


def test_what_is_not_held_is_kept_with_whose_it_is() -> None:
    rules = Rules({}, "qwen-json")
    value = rules.value({"type": "string", "not": {}}, CALL_STYLE, "f")
    assert value.startswith('%json {"type": "string", "x-guidance"')
    rules.value({"uniqueItems": True}, CALL_STYLE, None)
    rules.value({"type": "null"}, CALL_STYLE, "g")
    assert [(one.tool, [gap.place for gap in one.gaps]) for one in rules.unheld] == [
        ("f", ["#/not"]),
        (None, ["#/uniqueItems"]),
    ]
