"""Which of two versions is the newer one."""

import re

NUMBERS = re.compile(r"\d{1,6}(\.\d{1,6}){0,3}")


def newer(version: str, than: str) -> bool:
    """Whether `version` comes after `than`, of versions such as 0.12.1. Of anything else nothing is known: False."""
    if not NUMBERS.fullmatch(version) or not NUMBERS.fullmatch(than):
        return False
    return _numbers(version) > _numbers(than)


def _numbers(version: str) -> tuple[int, ...]:
    """Without zeros at the end: 1.2.0 is 1.2."""
    found = tuple(int(part) for part in version.split("."))
    while found and found[-1] == 0:
        found = found[:-1]
    return found
