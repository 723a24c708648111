"""A speed curve and the times of pictures as tables for a terminal, beside earlier ones. Pure."""

from collections.abc import Sequence

from wire.offers import SpeedPoint
from worker.planning.draft_gain import Gain
from worker.planning.encodes import Encodes

HEAD = "streams   decode tokens/s   each tokens/s   prefill tokens/s   time to first token"


def table(points: Sequence[SpeedPoint], earlier: Sequence[SpeedPoint] = ()) -> str:
    """A line for each number of streams; below it what `earlier` measured there, and the change since then."""
    then = {point.streams: point for point in earlier}
    lines = [HEAD]
    for point in points:
        lines.append(_line(str(point.streams), point))
        if (before := then.get(point.streams)) is not None:
            lines += [_line("before", before), _change(point, before)]
    return "\n".join(lines)


def drafts(found: Sequence[Gain]) -> str:
    """A line for each load: with guesses ahead, without, and how many of them came true."""
    lines = ["answers    streams   with guesses   without   tokens/s   guesses that came true"]
    for gain in found:
        pace = gain.guessing
        true = f"{pace.accepted:,} of {pace.drafted:,}" if pace.drafted else "none made"
        speeds = f"{pace.decode_tps:12.1f}   {gain.without_tps:7.1f}   {_percent(pace.decode_tps, gain.without_tps):>8}"
        lines.append(f"{pace.load:8}   {pace.streams:7}   {speeds}   {true:>22}")
    return "\n".join(lines)


def pictures(found: Sequence[Encodes], earlier: Sequence[Encodes] = ()) -> str:
    """A line for each size; beside it what `earlier` measured there."""
    then = {one.tokens: one.ms for one in earlier}
    lines = []
    for one in found:
        before = f"   before {then[one.tokens]:.1f} ms" if one.tokens in then else ""
        least_to_most = f"({one.least_ms:.1f} to {one.most_ms:.1f})"
        lines.append(f"a picture of {one.tokens:5,} tokens {one.ms:10.1f} ms   {least_to_most}{before}")
    return "\n".join(lines)


def _line(title: str, point: SpeedPoint) -> str:
    each = point.decode_tps / point.streams
    speeds = f"{point.decode_tps:15.1f}   {each:13.1f}   {point.prefill_tps:16.1f}"
    return f"{title:>7}   {speeds}   {point.ttft_ms:16.0f} ms"


def _change(now: SpeedPoint, then: SpeedPoint) -> str:
    decode = _percent(now.decode_tps, then.decode_tps)
    prefill, ttft = _percent(now.prefill_tps, then.prefill_tps), _percent(now.ttft_ms, then.ttft_ms)
    return f"{'change':>7}   {decode:>15}   {decode:>13}   {prefill:>16}   {ttft:>19}"


def _percent(now: float, then: float) -> str:
    return f"{now / then - 1:+.0%}" if then > 0 else ""
