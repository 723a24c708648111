"""scripts/docs: writes the pages of docs/ that are made from the code. --check: only say which are not up to date."""

import argparse
import sys
from pathlib import Path

from tools.docs import configuration, plans, problems, protocol

DOCS = Path(__file__).parents[2] / "docs"


def pages() -> dict[str, str]:
    """File name in docs/ -> its text."""
    return {
        "configuration.md": configuration.page(),
        "plans.md": plans.page(),
        "problems.md": problems.page(),
        "protocol.md": protocol.page(),
        "protocol.schema.json": protocol.schemas(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/docs", description=__doc__)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    status = 0
    for name, text in pages().items():
        file = DOCS / name
        if file.exists() and file.read_text(encoding="utf-8") == text:
            continue
        if given.check:
            print(f"docs/{name} is not what the code says: run scripts/docs", file=sys.stderr)
            status = 1
        else:
            file.write_text(text, encoding="utf-8")
            print(f"wrote docs/{name}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
