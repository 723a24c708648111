"""Whether something is wrong by what was seen of it, and what is told of that. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from coordinator.alerts.kinds import Kind
from coordinator.alerts.subjects import WORKER, Key, Subject
from program.alerts import News, Standing, step

STALE_S = 60.0  # a sighting of something wrong is worth so long: a replica repeats it every few seconds
SILENT_S = 180.0  # a worker that nobody has seen for so long is away: the replica that had it is dead
KEPT_S = 7 * 86_400.0  # a worker that does not come back, and what it said was wrong


@dataclass(frozen=True)
class Judged:
    """`subject` as it is to be remembered, None: not at all. `news`: what is to be told, if anything."""

    before: Subject
    subject: Subject | None
    news: News | None


def judge(
    subjects: Iterable[Subject],
    kinds: Mapping[str, Kind],
    steady_since_s: float,
    now_s: float,
    workers: Mapping[Key, Subject],
) -> list[Judged]:
    """Look at all of them. `steady_since_s`: since then somebody has looked without a long pause; what was missed
    before says nothing, as whoever is missed had no chance to be seen. `workers`: those that the subjects are about, as
    far as they are known."""
    found = []
    for one in subjects:
        if one.key.kind not in kinds:
            continue
        about = one.key.worker
        if about is not None and wrong_since(one, steady_since_s, now_s) is None and one.standing.since is not None:
            worker = workers.get(about)
            if worker is None or worker.parted or worker.away or now_s - worker.seen_s >= SILENT_S:
                found.append(_unsaid(one, worker, now_s))
                continue
        found.append(_judged(one, kinds[one.key.kind], steady_since_s, now_s))
    return found


def _unsaid(subject: Subject, worker: Subject | None, now_s: float) -> Judged:
    """What a worker said that is not there now: it is not over, and stands as it was told until the worker is back and
    says so no more, or its owner has taken it away."""
    if not subject.standing.open or (worker is not None and worker.parted):
        return Judged(subject, replace(subject, standing=_settled(subject.standing)), None)
    return Judged(subject, None if now_s - subject.seen_s >= KEPT_S else subject, None)


def _settled(standing: Standing) -> Standing:
    """Of what needs no second message."""
    return replace(standing, since=None, gone=None, open=False)


def wrong_since(subject: Subject, steady_since_s: float, now_s: float) -> float | None:
    """Since when it is wrong; None: it is well."""
    if subject.key.kind != WORKER:
        return now_s if now_s - subject.seen_s < STALE_S else None
    if subject.parted or not (subject.away or now_s - subject.seen_s >= SILENT_S):
        return None
    return min(now_s, max(subject.seen_s, steady_since_s))


def _judged(subject: Subject, kind: Kind, steady_since_s: float, now_s: float) -> Judged:
    wrong = wrong_since(subject, steady_since_s, now_s)
    standing = subject.standing
    if subject.key.kind == WORKER and standing.since is not None and not standing.open and wrong is not None:
        standing = replace(standing, since=max(standing.since, wrong))
    if subject.key.kind == WORKER and subject.parted:
        # Its owner took it away: what was told of it is settled, and needs no second message.
        after, news = _settled(standing), None
    else:
        after, news = step(kind.rule, standing, wrong, now_s)
    if news == "over" and not kind.ends:
        news = None
    kept = replace(subject, standing=after)
    return Judged(subject, None if _forgotten(kept, kind, now_s) else kept, news)


def _forgotten(subject: Subject, kind: Kind, now_s: float) -> bool:
    if subject.key.kind != WORKER:
        return subject.standing.forgettable(kind.rule, now_s) and now_s - subject.seen_s >= STALE_S
    return now_s - subject.seen_s >= KEPT_S
