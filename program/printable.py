"""A stranger's words as they may stand in a line of a log, a table or a terminal."""


def printable(text: str, instead: str = " ") -> str:
    """The text with `instead` for each character that is not to be seen: no line is forged with it, and no command to a
    terminal given."""
    return "".join(character if character.isprintable() else instead for character in text)
