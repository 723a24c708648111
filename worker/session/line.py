"""The line to the coordinator as the session sees it: is it up, and what has been agreed on."""

from dataclasses import dataclass

from pydantic import BaseModel

from wire.messages import HEARTBEAT_S, RESUME_WINDOW_S, WINDOW_TOKENS, Welcome
from worker.session.effects import Effect, Send


@dataclass
class Line:
    """State of the line, and what Welcome said. Times in seconds of the caller's clock."""

    session_id: str | None = None  # the coordinator's name for this session; None: there is none to resume
    welcomed: bool = False  # a socket is open and the coordinator has answered
    resuming: bool = False  # Hello has said which attempts go on, Welcome has not come
    window_tokens: int = WINDOW_TOKENS
    heartbeat_s: float = HEARTBEAT_S
    resume_window_s: float = RESUME_WINDOW_S
    lost_at: float | None = None

    def send(self, message: BaseModel) -> list[Effect]:
        """Return the effect that sends the frame; none while the line is down: frames of jobs are replayed later."""
        return [Send(message)] if self.welcomed else []

    def up(self, welcome: Welcome) -> None:
        """Note that the coordinator has answered Hello, and what it said of windows and times."""
        self.session_id = welcome.session
        self.welcomed, self.resuming, self.lost_at = True, False, None
        self.window_tokens, self.resume_window_s = welcome.window_tokens, welcome.resume_window_s
        self.heartbeat_s = welcome.heartbeat_s

    def down(self, now: float) -> None:
        """Note that the socket is lost, or that another dial has failed."""
        self.welcomed = self.resuming = False
        if self.lost_at is None:
            self.lost_at = now

    def expired(self, now: float) -> bool:
        """Return True once, when the line has been down for longer than the coordinator keeps the session."""
        if self.session_id is None or self.lost_at is None or now - self.lost_at <= self.resume_window_s:
            return False
        self.session_id = None
        return True
