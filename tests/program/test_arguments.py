import argparse

import pytest

from program.arguments import Parser


def parser() -> Parser:
    made = Parser("program")
    made.add_argument("--model")
    made.add_argument("--slots", type=int)
    made.add_argument("--scripted", help=argparse.SUPPRESS)
    return made


def refused(made: Parser, words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as caught:
        made.parse_args(words)
    assert caught.value.code == 2
    first, second = capsys.readouterr().err.splitlines()  # not a page of usage
    assert second.endswith("--help` lists what there is")
    return first


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--modle", "x"], "program: there is no --modle; did you mean --model?"),
        (["--modle=x"], "program: there is no --modle; did you mean --model?"),
        (["model"], "program: 'model' is a word too many; did you mean --model?"),
        (["start"], "program: 'start' is a word too many"),
        (["--scriptd"], "program: there is no --scriptd"),  # what --help hides is no guess
        (["-x"], "program: there is no -x"),
    ],
)
def test_a_mistyped_word_is_named_with_the_nearest(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refused(parser(), words, capsys) == said


def test_a_subcommand_refuses_what_only_it_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    root = Parser("program")
    create = root.add_subparsers(dest="command", required=True).add_parser("create")
    create.add_argument("--name", required=True)
    assert (
        refused(root, ["create", "--nmae", "x"], capsys) == "program create: there is no --nmae; did you mean --name?"
    )
    assert refused(root, ["create", "--name", "x", "more"], capsys) == "program create: 'more' is a word too many"


def test_what_argparse_takes_is_taken() -> None:
    made = parser()
    made.add_argument("rest", nargs="*")
    assert made.parse_args(["--mod", "x"]).model == "x"
    assert made.parse_args(["--", "--modle"]).rest == ["--modle"]
