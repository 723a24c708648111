"""Tags as models write and break them; what they do to a call is in test_answer."""

import pytest

from worker.chat.xml_tags import end_of_value, opens_one_of, read_name, tag_between, without_cut_tag

KNOWN = ("path", "a:b", "two words", '"quoted"', "slashed/")


@pytest.mark.parametrize(
    ("text", "name", "rest"),
    [
        ("path>x", "path", "x"),
        (" path >x", "path", "x"),
        ('"path">x', "path", "x"),
        ("'two words' >x", "two words", "x"),
        ("path/>x", "path", "x"),
        ('"path" />x', "path", "x"),
        ('"path"\nx', "path", "\nx"),
        ('"other">x', '"other"', "x"),
        ('"path>x', '"path', "x"),
        ('"quoted">x', '"quoted"', "x"),
        ("slashed/>x", "slashed/", "x"),
        ("other>x", "other", "x"),
        ("a:b>x", "a:b", "x"),
        ("two words>x", "two words", "x"),
        ("path\nx", "path", "\nx"),
        ("path<x", "path", "<x"),
        ("path: x > y\n", "path", "x > y\n"),
        ("path:\nx", "path", "\nx"),
        ("path:" + "x" * 300, "", None),
        ("path: " + "x" * 300, "path", "x" * 300),
        ("path:x\n", "", None),
        ("a:b: x\n", "", None),
        ("other\nx", "", None),
        ("other: x\n", "", None),
        (">x", "", None),
        ("x" * 300, "", None),
    ],
)
def test_names(text: str, name: str, rest: str | None) -> None:
    assert read_name(text, 0, KNOWN) == (name, len(text) - len(text if rest is None else rest))
    for end in range(len(text)):
        assert read_name(text[:end], 0, KNOWN) in (None, read_name(text, 0, KNOWN)), end


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("</parameter>\n<parameter=", "</parameter>"),
        ("</parameter>  </function", "</parameter>"),
        ("</parameter/>\n</tool_call>", "</parameter/>"),
        ("</parameter\n<tool_call>", "</parameter"),
        ("</parameter>\nx", ""),
        ("</parameter>" + " " * 65 + "</function>", ""),
        ("</parameterized_type>\n</function>", ""),
        ("</function>\n</tool_call>", "</function>"),
        ("</functions\n</tool_call>", "</functions"),
        ("</function>\n<parameter=", ""),
        ("</tool_call>\n<tool_call>", "</tool_call>"),
        ("</tool_call>.", ""),
        ("<b>", ""),
    ],
)
def test_ends_of_values(text: str, ends: str) -> None:
    assert end_of_value(text, 0) == len(ends)
    for end in range(1, len(text)):
        assert end_of_value(text[:end], 0) in (None, len(ends)), end


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("<parameter=a", "<parameter="),
        ("</parameter>", "</parameter>"),
        ("</function>x", "</function>"),
        ("</functions>", "</functions>"),
        ("</function\n", "</function"),
        ("<function=", "<function="),
        ("</tool_call>", "</tool_call>"),
        ("<b>", ""),
        ("x", ""),
    ],
)
def test_tags_between_values(text: str, tag: str) -> None:
    assert tag_between(text, 0) == tag
    for end in range(1, len(text)):
        assert tag_between(text[:end], 0) in (None, tag), end


def test_which_parameter_a_line_opens() -> None:
    for text, opens in (
        ("<parameter=path>", True),
        ("<parameter=path\n", True),
        ("<parameter=x>", False),
        ("<b", False),
    ):
        assert opens_one_of(KNOWN, text, 0) is opens
        assert opens_one_of((), text, 0) is False
    assert opens_one_of(KNOWN, "<para", 0) is opens_one_of(KNOWN, "<parameter=pa", 0) is None


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a\n</para", "a"),
        ("a</parameter/>\n</function>\n<tool", "a"),
        ("a\r\n<", "a"),
        ("a\n<parameter=two", "a"),
        ("a\n<parameter=zz", "a\n<parameter=zz"),
        ("a\n<b", "a\n<b"),
        ("a <", "a <"),
    ],
)
def test_what_a_cut_leaves_of_a_value(text: str, kept: str) -> None:
    assert without_cut_tag(text, KNOWN) == kept
