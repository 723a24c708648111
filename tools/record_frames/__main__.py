"""Record what worker and coordinator say to each other in a run.

    python -m tools.record_frames [--commit COMMIT] FOLDER

writes to_coordinator.jsonl and to_worker.jsonl, a frame as it was sent on each line (behind those of the run the
examples of tests/wire, which have every field), and schema.json, what the programs of that commit understand.
tests/wire/recorded was made so; tests/wire/test_older_programs.py says what it is held against.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from tools.older_programs import ROOT, MixedNetwork, checkout
from tools.record_frames.run import record

TINY = ROOT / "tools" / "tiny_models" / "tiny-qwen3-chat.gguf"
ALIKE = 3  # frames of one shape that are kept: the tenth token of an answer looks like the ninth
PROGRAM = """
import json
from tests.wire.test_messages import FROM_COORDINATOR, FROM_WORKER
from wire.codec import encode
from wire.messages import TO_COORDINATOR, TO_WORKER
schema = {"to_coordinator": TO_COORDINATOR.json_schema(), "to_worker": TO_WORKER.json_schema()}
examples = {"to_coordinator": [*map(encode, FROM_WORKER)], "to_worker": [*map(encode, FROM_COORDINATOR)]}
print(json.dumps([schema, examples]))
"""


def shape(value: Any) -> Any:
    """What a frame is built like, without its values."""
    if isinstance(value, dict):
        return tuple((name, value[name] if name == "type" else shape(value[name])) for name in sorted(value))
    if isinstance(value, list):
        return tuple(sorted({repr(shape(item)) for item in value}))
    return type(value).__name__


def thinned(frames: list[str]) -> list[str]:
    """The first few of each shape, in the order in which they were sent."""
    seen: Counter[Any] = Counter()
    kept = []
    for frame in frames:
        seen[shape(json.loads(frame))] += 1
        if seen[shape(json.loads(frame))] <= ALIKE:
            kept.append(frame)
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.record_frames")
    parser.add_argument("--commit", help="record the programs of this commit, not those of the checkout")
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        tree = checkout(options.commit, here / "tree") if options.commit else ROOT
        trees = {"coordinator": tree, "worker": tree} if options.commit else {}
        (here / "run").mkdir()
        relay = asyncio.run(record(MixedNetwork(here / "run", TINY, trees=trees)))
        made = subprocess.run([sys.executable, "-c", PROGRAM], cwd=tree, check=True, capture_output=True).stdout
    schema, examples = json.loads(made)
    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / "schema.json").write_text(json.dumps(schema, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    for name, frames in (("to_coordinator", relay.to_coordinator), ("to_worker", relay.to_worker)):
        kept = [*thinned(frames), *examples[name]]
        (options.folder / f"{name}.jsonl").write_text("".join(f"{frame}\n" for frame in kept), encoding="utf-8")
        print(name, dict(Counter(json.loads(frame)["type"] for frame in kept)))


if __name__ == "__main__":
    main()
