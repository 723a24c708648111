"""`python -m coordinator.prompt_count.child`: the process that meets the texts of strangers. It counts their tokens.

A line in is JSON: {path, text}; a line out a number. Without a text the answer is what the file's template writes of
its own accord, {system, thought, thought_tokens}. Or it is `!` and why the file at `path` cannot be counted with.
One text, one answer, in turn. What hangs or crashes it costs the count of that request, and nothing else.
"""

import json
import os
import resource
import signal
import sys
from collections import OrderedDict
from dataclasses import asdict
from pathlib import Path

from coordinator.prompt_count.vocabulary import Vocabulary
from program.gguf_reader import GgufError

VOCABULARIES = 4  # kept; one of 250,000 tokens takes 130 MB
MEMORY_BYTES = 3 << 30


class Vocabularies:
    """The vocabularies of the last files, the one used last at the end."""

    def __init__(self) -> None:
        self._read: OrderedDict[str, Vocabulary] = OrderedDict()

    def get(self, path: str) -> Vocabulary:
        """Raises GgufError, OSError."""
        if path not in self._read:
            while len(self._read) >= VOCABULARIES:
                self._read.popitem(last=False)
            self._read[path] = Vocabulary(Path(path))
        self._read.move_to_end(path)
        return self._read[path]


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the coordinator decides when this ends, by closing the pipe
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump holds prompts
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one processor is enough: answers take far longer than counts
    vocabularies = Vocabularies()
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        try:
            vocabulary = vocabularies.get(asked["path"])
            text = asked.get("text")
            answer = json.dumps(asdict(vocabulary.marks)) if text is None else str(vocabulary.count(text))
        except (GgufError, OSError) as error:
            answer = "!" + " ".join(str(error).split())[:300]
        print(answer, flush=True)


if __name__ == "__main__":
    main()
