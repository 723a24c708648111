"""`python -m worker.preparer.child`: the process that meets the text of strangers. First line in: the PreparerSpec.

One request, one answer, in turn. Anything but a SupernetError ends the process, and the daemon refuses that request.
"""

import contextlib
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from functools import lru_cache

from wire.chat import ChatRequest, Message
from wire.errors import ErrorCode, SupernetError
from worker.preparer.pipe import FROM_PREPARER, TO_PREPARER, Opened, Prepare, PreparerSpec, Refused
from worker.subprocesses.child import Pipe, enter, leave
from worker.subprocesses.codec import MAX_LINE_BYTES

# For one request, beyond what the loaded vocabulary takes. Measured: llama.cpp takes 120 bytes to tokenise one byte of
# text, and a request has at most 16 MiB. RLIMIT_DATA and not RLIMIT_AS: a mapped model file must not count.
REQUEST_BYTES = 3 << 30
GRAMMAR_S = 1.5  # of processor time: the largest that may be sent take a tenth of it
TRIAL = ChatRequest(messages=(Message(role="user", content="Hello"),), max_tokens=1)
KNOWN_GRAMMARS = 32  # looked at before: requests of one application repeat their tools and schemas


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
    from worker.bindings.llguidance import examine
    from worker.bindings.vocab import Vocab
    from worker.chat.grammar import constrained_by
    from worker.chat.prompt import prepare

    @lru_cache(KNOWN_GRAMMARS)
    def faults(grammar: str) -> str:
        return fault(grammar, examine)

    try:
        vocab = Vocab(spec.path)
    except SupernetError as error:
        pipe.write(FROM_PREPARER.encode(_refused(error)))
        return
    limit_memory(REQUEST_BYTES)
    with contextlib.suppress(SupernetError):  # what dies of this dies of the machine, and no client has to find it out
        prepare(TRIAL, (), spec.context, vocab, spec.format)
    pipe.write(FROM_PREPARER.encode(Opened()))
    while isinstance(asked := _read(pipe), Prepare):
        try:
            answer = prepare(asked.request, asked.delivered, spec.context, vocab, spec.format)
        except SupernetError as error:
            pipe.write(FROM_PREPARER.encode(_refused(error)))
            continue
        if answer.constraint and (wrong := faults(answer.constraint.grammar)):
            refused = Refused(ErrorCode.INVALID_REQUEST, wrong, constrained_by(asked.request))
            pipe.write(FROM_PREPARER.encode(refused))
            continue
        pipe.write(FROM_PREPARER.encode(answer))


def fault(grammar: str, examine: Callable[[str], None]) -> str:
    """Why a grammar cannot be used; empty: it can. Looked at in a process of its own, so that no time and no memory it
    takes harms anybody: in the engine it would take everybody's answers along."""
    reader, writer = os.pipe()
    looking = os.fork()
    if not looking:
        signal.setitimer(signal.ITIMER_PROF, GRAMMAR_S)  # over it the kernel ends this process
        status = 1
        try:
            examine(grammar)
            status = 0
        except SupernetError as error:
            os.write(writer, error.message.encode("utf-8", "replace"))
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as out:
        said = out.read().decode("utf-8", "replace")
    if os.waitpid(looking, 0)[1]:
        return "the answer's grammar cannot be used: it is too dear to compile. Send a simpler schema"
    return said


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
