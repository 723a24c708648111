"""The status as a page for a terminal: a Status goes in, lines come out."""

from collections.abc import Iterator
from time import localtime, strftime

from program.printable import printable
from program.versions import newer
from wire.earnings import Earnings
from worker.machine.description import Reading
from worker.telemetry.status import MediaView, ModelView, Problem, Status

GIB = 2**30
BAR = 12
WORDS = 400  # the most of a sentence of the coordinator's
NANO = 10**9
GUESSED = {"lookup": "from the text", "mtp": "by the model's own head"}


def page(status: Status) -> str:
    """Return the whole status as lines for a terminal."""
    return "\n".join(printable(line) for line in _lines(status))


def _lines(status: Status) -> Iterator[str]:
    yield f"supernet-worker {status.version}   {status.name}   {status.phase}, up {_duration(status.uptime_s)}"
    yield f"coordinator     {status.coordinator or 'not dialled yet'}"
    if newer(status.newest, status.version):
        yield f"newer version   {status.newest} is out; supernet-worker --check says how to get it"
    if status.progress:
        yield f"model           {status.progress}"
    for model in status.models:
        yield ""
        yield from _model(model)
    for pipeline in status.media:
        yield ""
        yield from _pipeline(pipeline)
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
    if status.idle is not None and status.registered and status.idle.code != status.reason:
        yield f"no jobs now     {_short(status.idle.message)}"
        if status.idle.remedy:
            yield f"{'':15} -> {_short(status.idle.remedy)}"
    yield from _problems(status)


def _short(words: str) -> str:
    """Another machine's words, of which no more than a few lines belong on the page."""
    return words if len(words) <= WORDS else f"{words[: WORDS - 1]}…"


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
    for one in model.guesses:
        where = GUESSED.get(one.source, one.source)
        yield f"  guesses       {one.accepted:,} of {one.drafted:,} came true ({where})"
    if model.guesses:
        yield f"  a step        {model.tokens_per_step:.2f} tokens of a job"
    if model.image_ms is not None:
        seen = f"{model.encodes:,} seen, {model.kept_pictures:,} kept"
        yield f"  pictures      {model.image_ms:,.0f} ms for one of 1,024 tokens; {seen}"


def _pipeline(one: MediaView) -> Iterator[str]:
    closed = "" if one.offered == one.slots else f", {one.offered} of {one.slots} slots offered"
    done, cancelled, failed = (one.ended.get(reason, 0) for reason in ("done", "cancelled", "failed"))
    yield f"{one.id}   {one.status}, up to {one.max_pixels / 2**20:.1f} megapixels{closed}"
    yield f"  makes         {', '.join(one.modes) or 'nothing yet'}"
    at = f"{one.stage}, step {one.step} of {one.steps}" if one.stage else "nothing now"
    yield f"  jobs          {_bar(one.step, one.steps)} {at}"
    yield f"  speed         {one.speed:,.2f} steps of a megapixel a second"
    yield (
        f"  so far        {done:,} done, {cancelled:,} cancelled, {failed:,} failed,"
        f" {one.restarts:,} restarts of the engine"
    )
    sent = f"{one.uploads:,} files, {one.upload_bytes / 2**20:,.1f} MiB"
    yield f"  uploaded      {sent}; {one.failed_uploads:,} not taken"
    if one.memory_bytes:
        yield f"  GPU memory    {one.memory_bytes / GIB:.1f} GiB at most"


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
    credit, part = earnings.credit_nano, earnings.promotion_account_nano
    paid_out = f"up to {dollars(part)} a day of it paid out" if part else "not paid out"
    given = "" if credit is None else f", {dollars(credit)} credit to spend there ({paid_out})"
    power = "" if earnings.power_today_nano is None else f", power {dollars(earnings.power_today_nano)}"
    return f"earned          {dollars(today)} today{power}, {dollars(free)} available, {dollars(held)} held back{given}"


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
    """Return nano-dollars as dollars, exact down to a hundredth of a cent and never rounded up."""
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
