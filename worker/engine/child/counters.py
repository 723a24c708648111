"""What an engine has done so far, and when its next pulse is due."""

from dataclasses import dataclass, field

from worker.engine.child.drafts.tally import Tally
from worker.engine.child.eyes import Eyes
from worker.engine.port import Pulse

PULSE_S = 0.5  # the port promises one a second


@dataclass
class Counters:
    """What the engine has done since its start, for its pulses.

    `stall_s`: longest gap between two tokens of a stream since the last pulse. The others grow from 0, as the fields of
    `Pulse` with the same names do.
    """

    pulsed: float  # when the last pulse was
    steps: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    generated_tokens: int = 0
    forced_tokens: int = 0
    draws: int = 0
    guesses: Tally = field(default_factory=Tally)
    stall_s: float = 0.0
    stepped_s: float = 0.0

    def due(self, now: float) -> bool:
        """Whether it is time for a pulse; on True the caller must send one."""
        if now - self.pulsed < PULSE_S:
            return False
        self.pulsed = now
        return True

    def pulse(self, busy: int, waiting: int, inside_s: float, eyes: Eyes) -> Pulse:
        """Make the next pulse. `inside_s`: seconds that llama.cpp has taken."""
        return Pulse(
            busy=busy,
            waiting=waiting,
            steps=self.steps,
            prompt_tokens=self.prompt_tokens,
            cached_tokens=self.cached_tokens,
            generated_tokens=self.generated_tokens,
            forced_tokens=self.forced_tokens,
            draws=self.draws,
            guesses=self.guesses.guesses,
            longest_stall_ms=1000 * self.stall_s,
            step_ms=1000 * self.stepped_s,
            llama_ms=1000 * inside_s,
            encodes=eyes.encoded,
            encode_ms=1000 * eyes.encode_s,
            kept_pictures=eyes.kept,
        )
