"""The argument parser of both command lines: a mistake is told in one line, with a guess at what was meant."""

import argparse
import difflib
from collections.abc import Sequence
from typing import Any, NoReturn

ALIKE = 0.75  # of difflib's ratio: `--modle` is near `--model`, `start` is not near `--status`


class Parser(argparse.ArgumentParser):
    """argparse without the page of usage in front of every mistake.

    Subcommands are parsed by parsers of the same class, so each refuses what it does not know itself.
    """

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """As argparse does, but an unknown word ends the program."""
        if args is not None and self._subparsers is None:
            for word in args[: args.index("--") if "--" in args else None]:
                if word.startswith("--") and not self._begins_a_flag(word.partition("=")[0]):
                    self._refuse(word)  # before argparse says that a flag is missing, which is there and mistyped
        found, left = super().parse_known_args(args, namespace)
        if left:
            self._refuse(left[0])
        return found, left

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n  -> `{self.prog} --help` lists what there is\n")

    def _begins_a_flag(self, word: str) -> bool:
        """Whether it is a flag, or an abbreviation of one, which argparse takes too."""
        return any(flag.startswith(word) for flag in self._option_string_actions)

    def _refuse(self, word: str) -> NoReturn:
        shown = [action for action in self._actions if action.help != argparse.SUPPRESS]
        flags = {flag.lstrip("-"): flag for action in shown for flag in action.option_strings}
        name = word.partition("=")[0]
        near = difflib.get_close_matches(name.lstrip("-"), flags, 1, ALIKE)
        what = f"there is no {name}" if word.startswith("-") else f"{word!r} is a word too many"
        self.error(f"{what}; did you mean {flags[near[0]]}?" if near else what)
