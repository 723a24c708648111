"""Regular expressions of a JSON Schema in the dialect of the grammar library, which is that of Rust.

JSON Schema takes ECMAScript's. Where the two read the same text differently an answer could match for one and not for
the other: `\\s` knows U+FEFF there and not U+0085, `\\d` only our ten digits, `.` stands for no line separator, and `[`
inside a class is itself.
"""

from collections.abc import Iterator

_CLASSES = {
    r"\s": r"\t\n\x0B\f\r \u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000\uFEFF",
    r"\d": "0-9",
    r"\w": "A-Za-z0-9_",
}
_ANY_BUT_LINE_ENDS = r"[^\n\r\u2028\u2029]"


def translated(pattern: str) -> str:
    """The pattern in Rust's words. Rust has no look-around and no back references: the compiler refuses these."""
    return "".join(_word(*token) for token in _tokens(pattern))


def matching_whole(pattern: str) -> str | None:
    """A pattern in Rust's words that matches a whole text where the given one is found in it somewhere.

    None: an anchor stands inside of it, and it cannot be said so.
    """
    found = []
    for alternative in _alternatives(pattern):
        begins, ends = alternative[:1] == [("^", False)], alternative[-1:] == [("$", False)]
        inner = alternative[begins : len(alternative) - ends]
        if ("^", False) in inner or ("$", False) in inner:
            return None
        words = "".join(_word(*token) for token in inner)
        found.append(("" if begins else "(?s:.*)") + words + ("" if ends else "(?s:.*)"))
    return "|".join(found)


def _alternatives(pattern: str) -> list[list[tuple[str, bool]]]:
    """The tokens between the bars that stand in no group."""
    parts: list[list[tuple[str, bool]]] = [[]]
    groups = 0
    for token, in_class in _tokens(pattern):
        groups += 0 if in_class else (token == "(") - (token == ")")
        if token == "|" and not in_class and groups == 0:
            parts.append([])
        else:
            parts[-1].append((token, in_class))
    return parts


def _word(token: str, in_class: bool) -> str:
    match token:
        case "\\s" | "\\d" | "\\w":
            return f"[{_CLASSES[token]}]"
        case "\\S" | "\\D" | "\\W":
            return f"[^{_CLASSES[token.lower()]}]"
        case ".":
            return "." if in_class else _ANY_BUT_LINE_ENDS
        case "[":
            return "\\[" if in_class else "["
        case _:
            return token


def _tokens(pattern: str) -> Iterator[tuple[str, bool]]:
    """Pairs of a character, with the backslash before it if there is one, and whether it stands inside a class."""
    in_class, at = False, 0
    while at < len(pattern):
        token = pattern[at : at + 2] if pattern[at] == "\\" else pattern[at]
        in_class = in_class and token != "]"
        yield token, in_class
        in_class = in_class or token == "["
        at += len(token)
