"""How many examples the tests try that choose their own: few in the everyday run, all with `scripts/test --all`."""

import os

ALL = bool(os.environ.get("ALL_TESTS"))
EVERYDAY = 40


def at_most(examples: int) -> int:
    """`examples` in the whole run, no more than EVERYDAY in the everyday one."""
    return examples if ALL else min(examples, EVERYDAY)
