"""The status as a page for a terminal: a Status goes in, lines come out."""

from collections.abc import Iterator
from time import localtime, strftime

from wire.messages import Earnings
from worker.machine.description import Reading
from worker.telemetry.status import ModelView, Problem, Status

GIB = 2**30
BAR = 12
NANO = 10**9


def page(status: Status) -> str:
    """All there is to know, for the owner."""
    return "\n".join(_clean(line) for line in _lines(status))


def _lines(status: Status) -> Iterator[str]:
    yield f"supernet-worker {status.version}   {status.name}   {status.phase}, up {_duration(status.uptime_s)}"
    yield f"coordinator     {status.coordinator or 'not dialled yet'}"
    if status.progress:
        yield f"model           {status.progress}"
    for model in status.models:
        yield ""
        yield from _model(model)
    if status.words or status.paused:  # a pause counts before there is a model too, and must not be forgotten
        yield f"  fewer slots   {status.words or 'paused by its owner; --resume goes on'}"
    if status.refused:
        yield "  refused       " + ", ".join(f"{count} {code}" for code, count in sorted(status.refused.items()))
    yield ""
    yield from (_gpu(number, reading) for number, reading in enumerate(status.gpus))
    if status.memory_bytes:
        used = status.memory_bytes - status.available_bytes
        yield f"memory          {_filled(used, status.memory_bytes)}"
    if status.earnings is not None:
        yield _earned(status.earnings)
    yield from _problems(status)


def _model(model: ModelView) -> Iterator[str]:
    offered = "" if model.offered == model.slots else f", {model.offered} of {model.slots} slots offered"
    done = sum(count for reason, count in model.ended.items() if reason in ("stop", "length"))
    cached = f" ({model.cached_tokens / model.prompt_tokens:.0%} cached)" if model.prompt_tokens else ""
    yield f"{model.id}   {model.status}, {model.context:,} tokens each{offered}"
    yield f"  jobs          {_bar(model.running, max(model.offered, model.running))} {model.running} of {model.offered}"
    yield f"  speed         {model.decode_tps:,.1f} tokens/s out, {model.prefill_tps:,.1f} in"
    yield f"  longest stall {model.longest_stall_ms:,.0f} ms in the last minute"
    yield (
        f"  so far        {done:,} done, {model.ended.get('cancelled', 0):,} cancelled, "
        f"{model.ended.get('failed', 0):,} failed, {model.restarts:,} restarts of the engine"
    )
    yield f"  tokens        {model.prompt_tokens:,} in{cached}, {model.completion_tokens:,} out"


def _gpu(number: int, gpu: Reading) -> str:
    whole = f"{gpu.memory_bytes / GIB:.1f} GiB"
    parts = [whole if gpu.used_bytes is None else _filled(gpu.used_bytes, gpu.memory_bytes)]
    parts += [f"{gpu.utilisation:.0%} busy"] if gpu.utilisation is not None else []
    parts += [f"{gpu.temperature_c:.0f} °C"] if gpu.temperature_c is not None else []
    parts += [f"{gpu.power_w:.0f} W"] if gpu.power_w is not None else []
    return f"GPU {number}           {', '.join(parts)}   {gpu.name}"


def _filled(used: int, whole: int) -> str:
    return f"{_bar(used, whole)} {used / GIB:.1f} of {whole / GIB:.1f} GiB"


def _earned(earnings: Earnings) -> str:
    today, free, held = earnings.today_nano, earnings.available_nano, earnings.escrow_nano
    return f"earned          {dollars(today)} today, {dollars(free)} available, {dollars(held)} held back"


def _problems(status: Status) -> Iterator[str]:
    active = [problem for problem in status.problems if problem.issue.code != status.reason]
    if active:
        yield ""
    for problem in active:
        yield from _problem(problem)
    last = status.last_problem
    if last is not None and all(problem.issue.code != last.issue.code for problem in status.problems):
        yield ""
        yield f"last problem    {_clock(last.since)} {last.issue.code}: {last.issue.message} (over)"


def _problem(problem: Problem) -> Iterator[str]:
    issue = problem.issue
    yield f"{issue.severity:15} {_clock(problem.since)} {issue.code}: {issue.message}"
    if issue.remedy:
        yield f"{'':15} -> {issue.remedy}"


def dollars(nano: int) -> str:
    """Exact down to a hundredth of a cent, never rounded up."""
    return f"${nano // NANO:,}.{nano % NANO // 100_000:04d}"


def _bar(part: float, whole: float) -> str:
    filled = round(BAR * min(1.0, part / whole)) if whole > 0 else 0
    return "█" * filled + "░" * (BAR - filled)


def _duration(seconds: float) -> str:
    minutes = int(seconds) // 60
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes < 2880 else f"{minutes // 1440} days"


def _clock(epoch: float) -> str:
    return strftime("%d %b %H:%M", localtime(epoch))


def _clean(line: str) -> str:
    """Words of a stranger move no cursor."""
    return "".join(char if char.isprintable() else " " for char in line)
