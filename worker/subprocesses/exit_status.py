"""The end of a process in words."""

import signal


def describe(status: int) -> str:
    """A process's end in words. `status` as Popen has it: negative for a signal."""
    if status >= 0:
        return f"exited with status {status}"
    name = signal_name(-status)
    if -status == signal.SIGKILL:
        return f"was killed by {name}: out of memory, a hang that was ended, or by hand"
    if -status == signal.SIGABRT:
        return f"aborted by {name}: a failed check in native code"
    return f"died of {name}"


def signal_name(number: int) -> str:
    """ "signal 11 (SIGSEGV)": the number for those who search for it, the name for those who read."""
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"
