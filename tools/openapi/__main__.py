"""`python -m tools.openapi`: writes the document that the coordinator serves."""

import json
from pathlib import Path

from tools.openapi.document import document

FILE = Path(__file__).parents[2] / "coordinator" / "api" / "openapi.json"


def text() -> str:
    return json.dumps(document(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    print(f"wrote {FILE.relative_to(Path.cwd()) if FILE.is_relative_to(Path.cwd()) else FILE}")
