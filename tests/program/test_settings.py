"""One declaration of a setting, and the readers of texts."""

import argparse
from dataclasses import dataclass

import pytest

from program.settings import declared, in_words, number, one_of, setting, switch, whole


@dataclass(frozen=True)
class Config:
    slots: int | None = setting(None, "jobs at once", whole(1), "N", unset="planned")
    share: float = setting(50.0, "100 is 100 %", number(0, 100))
    log_json: bool = setting(False, "log lines as JSON", switch)
    names: list[str] = setting(list, "made anew for each")


def flags(*argv: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for row in declared(Config).values():
        row.add_flag(parser.add_argument)
    return parser.parse_args(argv)


def test_a_declared_field_has_its_default_and_one_that_is_made_is_made_anew() -> None:
    assert (Config().slots, Config().share, Config.share) == (None, 50.0, 50.0)
    assert Config().names is not Config().names


def test_a_setting_is_a_flag_and_none_where_it_is_not_given() -> None:
    assert vars(flags()) == {"slots": None, "share": None, "log_json": None, "names": None}
    assert vars(flags("--slots", "2", "--log-json"))["log_json"] is True
    assert flags("--log-json", "no").log_json is False


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--slots", "0"], "argument --slots: '0' is no whole number of 1 or more"),
        (["--share", "101"], "argument --share: '101' is no number from 0 to 100"),
        (["--log-json", "maybe"], "argument --log-json: 'maybe' is neither yes nor no"),
    ],
)
def test_a_wrong_flag_is_told_in_words(argv: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        flags(*argv)
    assert says in capsys.readouterr().err


def test_help_names_the_default_and_keeps_its_percent_signs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        flags("--help")
    said = " ".join(capsys.readouterr().out.split())
    assert "--slots N jobs at once (default: planned)" in said and "100 is 100 % (default: 50)" in said
    assert "--log-json [yes|no] log lines as JSON (default: no)" in said


@pytest.mark.parametrize("text", ["", "x", "1.5", "-1", "11", "nan"])
def test_what_is_no_whole_number_of_the_range_is_refused_and_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="is no whole number from 0 to 10"):
        whole(0, 10)(text)


@pytest.mark.parametrize("text", ["", "x", "-0.1", "10.5", "nan", "inf"])
def test_what_is_no_number_of_the_range_is_refused_and_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="is no number from 0 to 10"):
        number(0, 10)(text)


def test_a_word_that_is_none_of_those_is_refused_with_what_there_is() -> None:
    assert one_of("on", "off")("off") == "off"
    with pytest.raises(ValueError, match="'yes' is none of on, off"):
        one_of("on", "off")("yes")


def test_values_in_words() -> None:
    assert [in_words(value) for value in (None, True, False, 300.0, 0.5, "x")] == [
        "none",
        "yes",
        "no",
        "300",
        "0.5",
        "x",
    ]
