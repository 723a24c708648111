"""`python -m worker.preparer_child`: the process that meets the text of strangers. First line in: the PreparerSpec.

One request, one answer, in turn. Anything but a SupernetError ends the process, and the daemon refuses that request.
"""

import resource
import sys
import traceback
from functools import lru_cache

from wire.errors import SupernetError
from worker.child_setup import Pipe, enter, leave
from worker.engine.pipe import (
    FROM_PREPARER,
    MAX_LINE_BYTES,
    TO_PREPARER,
    Opened,
    Prepare,
    PreparerSpec,
    Refused,
)

# For one request, beyond what the loaded vocabulary takes. Measured: llama.cpp takes 120 bytes to tokenise one byte of
# text, and a request has at most 16 MiB. RLIMIT_DATA and not RLIMIT_AS: a mapped model file must not count.
REQUEST_BYTES = 3 << 30
KNOWN_GRAMMARS = 32  # found to be good: requests of one application repeat their tools and schemas


def main() -> None:
    pipe = enter()
    try:
        serve(pipe)
    except BrokenPipeError:
        pass  # the daemon is gone
    except Exception:  # noqa: BLE001 - the whole process is this call
        traceback.print_exc()
        leave(1)
    leave(0)


def serve(pipe: Pipe) -> None:
    """Answer until stdin ends."""
    spec = _read(pipe)
    if not isinstance(spec, PreparerSpec):
        raise ValueError("the first line must be the preparer's spec")
    # imported here, where stdout is already out of reach: the libraries print while they are loaded
    from worker.chat.constraint import constrained_by
    from worker.chat.prompt import prepare
    from worker.engine.constrain import examine
    from worker.engine.llama import Vocab

    known = lru_cache(KNOWN_GRAMMARS)(examine)

    try:
        vocab = Vocab(spec.path)
    except SupernetError as error:
        pipe.write(FROM_PREPARER.encode(_refused(error)))
        return
    limit_memory(REQUEST_BYTES)
    pipe.write(FROM_PREPARER.encode(Opened()))
    while isinstance(asked := _read(pipe), Prepare):
        try:
            answer = prepare(asked.request, asked.delivered, spec.context, vocab, spec.format)
        except SupernetError as error:
            pipe.write(FROM_PREPARER.encode(_refused(error)))
            continue
        try:  # here, where it may hang or die: in the engine it would take everybody's answers along
            if answer.constraint:
                known(answer.constraint.grammar)
        except SupernetError as error:
            pipe.write(FROM_PREPARER.encode(Refused(error.code, error.message, constrained_by(asked.request))))
        else:
            pipe.write(FROM_PREPARER.encode(answer))


def limit_memory(more: int) -> None:
    """Let this process take `more` bytes from now on: a request that needs them ends the child, not the machine."""
    if sys.platform == "linux":
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[5])  # proc(5): data and stack, which is what RLIMIT_DATA counts
        limit = pages * resource.getpagesize() + more
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _read(pipe: Pipe) -> PreparerSpec | Prepare | None:
    line = pipe.read(MAX_LINE_BYTES)
    return None if line is None else TO_PREPARER.decode(line)


def _refused(error: SupernetError) -> Refused:
    return Refused(error.code, error.message, error.param)


if __name__ == "__main__":
    main()
