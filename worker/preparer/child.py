"""`python -m worker.preparer.child`: the process that meets the text of strangers. First line in: the PreparerSpec.

One request, one answer, in turn. Anything but a SupernetError ends the process, and the daemon refuses that request.
"""

import contextlib
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from wire.chat import ChatRequest, Message
from wire.errors import ErrorCode, SupernetError
from worker.preparer.pipe import FROM_PREPARER, TO_PREPARER, Check, Checked, Opened, Prepare, PreparerSpec, Refused
from worker.subprocesses.child import Pipe, run
from worker.subprocesses.codec import MAX_LINE_BYTES

# For one request, beyond what the loaded vocabulary takes. Measured: llama.cpp takes 120 bytes to tokenise one byte of
# text, and a request has at most 8 MiB. RLIMIT_DATA and not RLIMIT_AS: a mapped model file must not count.
REQUEST_BYTES = 3 << 30
GRAMMAR_S = 1.5  # of processor time: the largest that may be sent take a tenth of it
TRIAL = ChatRequest(messages=(Message(role="user", content="Hello"),), max_tokens=1)
KNOWN_GRAMMARS = 32  # looked at before: requests of one application repeat their tools and schemas


def serve(pipe: Pipe) -> None:
    """Answer until stdin ends."""
    spec = _read(pipe)
    if not isinstance(spec, PreparerSpec):
        raise ValueError("the first line must be the preparer's spec")
    # imported here, where stdout is already out of reach: the libraries print while they are loaded
    from worker.bindings.jsonschema import faults
    from worker.bindings.llguidance import examine
    from worker.bindings.vocab import Vocab
    from worker.chat.grammar import constrained_by
    from worker.chat.prompt import prepare, sees

    @lru_cache(KNOWN_GRAMMARS)
    def judged(grammar: str) -> Verdict:
        return verdict(grammar, examine)

    try:
        vocab = Vocab(spec.path)
    except SupernetError as error:
        pipe.write(FROM_PREPARER.encode(_refused(error)))
        return
    limit_memory(REQUEST_BYTES)
    opened = Opened()
    with contextlib.suppress(SupernetError):  # what dies of this dies of the machine, and no client has to find it out
        opened = Opened(sees(vocab))
        prepare(TRIAL, (), spec.context, vocab, spec.format)
    pipe.write(FROM_PREPARER.encode(opened))
    while isinstance(asked := _read(pipe), Prepare | Check):
        if isinstance(asked, Check):
            pipe.write(FROM_PREPARER.encode(checked(asked, faults)))
            continue
        try:
            answer = prepare(asked.request, asked.delivered, spec.context, vocab, spec.format, seen=asked.seen)
        except SupernetError as error:
            pipe.write(FROM_PREPARER.encode(_refused(error)))
            continue
        found = judged(answer.constraint.grammar) if answer.constraint else Verdict()
        if found.fault:
            refused = Refused(ErrorCode.INVALID_REQUEST, found.fault, constrained_by(asked.request))
            pipe.write(FROM_PREPARER.encode(refused))
            continue
        pipe.write(FROM_PREPARER.encode(replace(answer, said=found.said)))


@dataclass(frozen=True)
class Verdict:
    """Why a grammar cannot be used (empty: it can), and what the library says of one that can."""

    fault: str = ""
    said: tuple[str, ...] = ()


def verdict(grammar: str, examine: Callable[[str], list[str]]) -> Verdict:
    """Whether a grammar can be used: in the engine one that is too dear would end every answer there."""
    try:
        said = bounded(lambda: examine(grammar))
    except SupernetError as error:
        return Verdict(error.message)
    if said is None:
        return Verdict("the answer's grammar cannot be used: it is too dear to compile. Send a simpler schema")
    return Verdict(said=tuple(said))


def checked(asked: Check, faults: Callable[[dict[str, Any], str], list[str]]) -> Checked:
    """Whether a finished answer matches its schema."""
    found = bounded(lambda: faults(asked.schema, asked.text))
    return Checked(("it could not be checked",) if found is None else tuple(found))


def bounded(work: Callable[[], list[str]]) -> list[str] | None:
    """Do some work on what strangers sent in a process of its own with bounded time and memory, and return what it
    found; None: it took too much, or failed.

    Raises the SupernetError that the work raises.
    """
    reader, writer = os.pipe()
    looking = os.fork()
    if not looking:
        signal.setitimer(signal.ITIMER_PROF, GRAMMAR_S)  # over it the kernel ends this process
        status = 1
        try:
            os.write(writer, json.dumps([True, work()]).encode())
            status = 0
        except SupernetError as error:
            os.write(writer, json.dumps([False, [error.message]]).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as out:
        line = out.read()
    if os.waitpid(looking, 0)[1]:
        return None
    right, found = json.loads(line)
    if not right:
        raise SupernetError(ErrorCode.INVALID_REQUEST, found[0])
    return [str(one) for one in found]


def limit_memory(more: int) -> None:
    """Let this process take `more` bytes from now on: a request that needs them ends the child, not the machine."""
    if sys.platform == "linux":
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[5])  # proc(5): data and stack, which is what RLIMIT_DATA counts
        limit = pages * resource.getpagesize() + more
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _read(pipe: Pipe) -> PreparerSpec | Prepare | Check | None:
    line = pipe.read(MAX_LINE_BYTES)
    return None if line is None else TO_PREPARER.decode(line)


def _refused(error: SupernetError) -> Refused:
    return Refused(error.code, error.message, error.param)


if __name__ == "__main__":
    run(serve)
