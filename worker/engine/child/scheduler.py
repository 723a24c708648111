"""What the next step computes: which rows, in how many decodes, and by which limit of time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from worker.engine.child.batch import Slice, Want, guesses_last, pictures_first, plan, prompts_first
from worker.engine.child.drafts.drafts import Drafts
from worker.engine.child.job import Job
from worker.engine.child.step_budget import NO_ROOM, StepBudget, WarmUpTimes
from worker.engine.port import EngineSpec

LONGEST_STEP_S = 5.0  # without streams: a step cannot pulse, and 20 s of silence are a hang


@dataclass
class Step:
    """The decodes of one step, and what decides how long they take.

    `decodes`: the slices of each llama_decode, of which there is at least one. Together they have `rows` of prompts,
    `depth` tokens deep at most, and `streams` rows of streams. `budget` is told how long they took. So are `drafts`, if
    streams are all that is in it: in `passes` of so many rows, guesses among them.
    """

    budget: StepBudget
    depth: int
    rows: int
    streams: int
    decodes: list[list[Slice]]
    drafts: Drafts | None = None
    passes: Sequence[int] = ()

    def took(self, seconds: float, computed_s: float) -> None:
        """Learn from it. `computed_s`: what it took of what this machine computes with. What guesses have cost is not
        what a step without prompts costs at least."""
        if self.drafts:
            self.drafts.record(self.passes, computed_s)
        if sum(self.passes) <= self.streams:
            self.budget.record(self.depth, self.rows, seconds, self.streams)


class Scheduler:
    """Chooses the rows of each step, so that no stream waits longer than it may.

    `copies_from`: see `StepBudget`. `separate`: a CPU with a cache for each sequence, see `batch.prompts_first`.
    `drafts`: where streams are to have guesses. `together`: see `batch.guesses_last`.
    """

    def __init__(
        self,
        spec: EngineSpec,
        times: WarmUpTimes,
        copies_from: int,
        separate: bool,
        drafts: Drafts | None = None,
        together: bool = True,
    ) -> None:
        self._batch, self._separate, self._drafts, self._together = spec.batch, separate, drafts, together
        self._beside_others = StepBudget(spec.longest_stall_ms / 1000, spec.batch, times, copies_from)
        self._alone = StepBudget(LONGEST_STEP_S, spec.batch, times, copies_from)

    def schedule(self, jobs: Mapping[int, Job]) -> Step | None:
        """The next step of these jobs (by sequence); None: there is nothing to compute.

        Only a prompt that is alone may take steps as long as the supervisor's patience. With several the short limit
        holds too: those that end first then begin their answers while the others are still read.
        """
        if not jobs:
            return None
        wants = [Want(seq, job.age, job.backlog, job.until_cut) for seq, job in jobs.items()]
        reading = {want.seq for want in wants if want.backlog > 1}
        budget = self._alone if reading and len(jobs) == 1 else self._beside_others
        depth = max((jobs[seq].computed for seq in reading), default=0)
        streams = len(jobs) - len(reading)
        slices = plan(wants, self._batch, budget.room(depth, streams) if reading else NO_ROOM)
        if not slices:
            return None
        if not reading and self._drafts:
            return self._of_streams(budget, slices, jobs, self._drafts)
        rows = sum(part.count for part in slices if part.seq in reading)
        decodes = prompts_first(slices, reading) if self._separate else [slices]
        if seeing := {seq for seq in reading if jobs[seq].layout.picture(jobs[seq].computed)}:
            decodes = pictures_first(decodes, seeing)
        return Step(budget, depth, rows, streams, decodes)

    def _of_streams(self, budget: StepBudget, slices: Sequence[Slice], jobs: Mapping[int, Job], drafts: Drafts) -> Step:
        guesses = drafts.choose({part.seq: jobs[part.seq] for part in slices})
        passes = drafts.passes([len(guesses.get(part.seq, ())) for part in slices])
        decodes = [[replace(part, guess=guesses.get(part.seq, ())) for part in slices]]
        if guesses and drafts.even:
            decodes = guesses_last(decodes[0], self._together)
        return Step(budget, 0, 0, len(slices), decodes, drafts, passes)

    @property
    def rows_alone(self) -> int:
        """Rows of a new prompt that a step has room for when nothing else is in it."""
        return self._alone.room(0).rows
